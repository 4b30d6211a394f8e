"""The index of a source's image files: what is in them, read once and remembered."""
