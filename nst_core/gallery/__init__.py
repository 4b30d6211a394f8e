"""The static gallery of a run: pages and thumbnails made from the run folder alone, to be opened from disk."""

from nst_core.gallery.builder import build_gallery

__all__ = ["build_gallery"]
