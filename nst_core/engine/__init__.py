"""Neural style transfer of a batch of images: features, losses, optimisers, and image files."""
