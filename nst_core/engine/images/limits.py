"""Limits on image size, checked before decoding. Light, so that reading a run file does not load torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ImageLimits:
    """Images with more pixels or a shorter side than these are refused by their header."""

    max_pixels: int = 100_000_000
    min_side: int = 16
