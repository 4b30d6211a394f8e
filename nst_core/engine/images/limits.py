"""Limits on images, checked before decoding. Light, so that reading a run file does not load torch."""

from __future__ import annotations

from dataclasses import dataclass

MOST_SCANS = 100
"""Scans of a JPEG: each passes over all blocks, however few bytes it has. Encoders make 1 to some 20."""

MOST_SEGMENTS = 1_000_000
"""Chunks of a PNG, strips or tiles of a TIFF: each costs a step, and takes as little as 12 bytes."""

MOST_TILES = 65_535
"""Tiles of a JPEG 2000 picture, as in its standard."""

MOST_PACKETS = 4_000_000
"""Packets of a JPEG 2000 picture (tiles x layers x resolutions x components): each is visited, even if it is empty."""

MOST_PROFILE_BYTES = 16 * 2**20
"""Of an ICC profile that a PNG holds compressed. A larger one is ignored: metadata never decide over pixels."""

MOST_TEXT_BYTES = 2**20
"""Of a text in a PNG that may hold the orientation. A larger one is ignored."""


class LimitExceeded(Exception):
    """A file asks for more work than its pixels can be worth; the message says which limit it exceeds."""


def check_limit(count: int, limit: int, what: str) -> None:
    """Raise LimitExceeded if a file has more of `what` (as in "scans") than `limit`."""
    if count > limit:
        raise LimitExceeded(f"it has more than {limit} {what}, which is the limit")


@dataclass(frozen=True)
class ImageLimits:
    """Images with more pixels or a shorter side than these are refused by their header; slow ones at the deadline.

    Attributes:
        decode_seconds: time that decoding may take, where it could take longer than its pixels are worth.
    """

    max_pixels: int = 100_000_000
    min_side: int = 16
    decode_seconds: float = 60.0
