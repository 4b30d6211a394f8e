"""Pictures too large for memory: networks run on tiles, with the loss and the gradient of the picture as a whole."""
