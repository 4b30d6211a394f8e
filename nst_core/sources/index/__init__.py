"""The index of image files: metadata, hashes and faults, read once and cached."""
