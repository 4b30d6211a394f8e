"""Which images are refused before they are decoded. Apart, so that reading a run file does not load torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ImageLimits:
    """What is refused by its header alone, before any pixel is decoded."""

    max_pixels: int = 100_000_000
    min_side: int = 16
