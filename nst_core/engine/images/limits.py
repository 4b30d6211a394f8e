"""Limits on image size, checked before decoding. Light, so that reading a run file does not load torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ImageLimits:
    """Images with more pixels or a shorter side than these are refused by their header; slow ones at the deadline.

    Attributes:
        decode_seconds: time that decoding may take, where it could take longer than its pixels are worth.
    """

    max_pixels: int = 100_000_000
    min_side: int = 16
    decode_seconds: float = 60.0
