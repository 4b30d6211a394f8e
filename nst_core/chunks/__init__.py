"""Plan rows to images, one chunk at a time: decoded, optimised, encoded, and tried again after errors."""
