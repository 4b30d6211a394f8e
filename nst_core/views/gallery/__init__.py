"""The static gallery of a run, or of several: pages and thumbnails from run folders alone, to be opened from disk.

An artist's pages show up to 200 results each, as plain figures and links. With script, what is sorted, filtered and
paged are all results of the artist: `items.js` holds of each what the grid needs, `details-<page>.js` what the lightbox
needs, fetched when it opens. Both are scripts, because a page opened from disk may load those and nothing else.
`made.json` records what an artist's pages were made from, so that the next build passes over what has not changed.
"""

from nst_core.views.gallery.builder import build_gallery

__all__ = ["build_gallery"]
