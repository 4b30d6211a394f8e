"""Suffixes of file names by which a folder scan recognises images. No imports of weight: scans need no torch."""

from __future__ import annotations

from nst_core.engine.images.not_images import CONVERT_FIRST

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".tif", ".tiff"}
    | {".bmp", ".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k", ".avif", ".tga"}
)
"""Lower-case suffixes of the files that a folder scan takes for images."""

NEAR_IMAGE_SUFFIXES = frozenset(CONVERT_FIRST)
"""Lower-case suffixes of pictures that cannot be read. A folder scan lists them, too, so that they are reported
(`NotAnImage`, with what to do about it) instead of silently left out."""
