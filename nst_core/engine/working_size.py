"""Working sizes: how a picture is brought to its own, and what becomes of that at a scale and in a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Fit:
    """How a picture is brought to its working size, its proportions kept.

    Attributes:
        size: the side, in pixels, that `side` names.
        upscale: whether smaller pictures are enlarged.
        resizing: `lanczos`, the other side rounded to the nearest; or `bilinear`, it rounded down, as torchvision's
            Resize does it with Pillow's images.
        crop: the middle square of so many pixels is left of it, or of a side that is shorter, the side.
    """

    size: int
    side: Literal["longer", "shorter"] = "longer"
    upscale: bool = False
    resizing: Literal["lanczos", "bilinear"] = "lanczos"
    crop: int | None = None


def scaled_side(side: int, factor: float) -> int:
    """A side at a scale, in pixels."""
    return max(1, round(side * factor))


def padded_shape(width: int, height: int, bucket: int) -> tuple[int, int]:
    """Both sides rounded up to multiples of `bucket`."""
    return -(-width // bucket) * bucket, -(-height // bucket) * bucket
