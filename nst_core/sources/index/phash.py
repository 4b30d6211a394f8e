"""The perceptual hash: 64 bits that are nearly the same for re-encoded, resized and barely cropped copies."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from nst_core.engine.images.completeness import check_scans
from nst_core.engine.images.files import open_image, pillow_faults, turn_upright

_SIDE = 32  # of the picture whose lowest 8 × 8 frequencies give the bits
_DRAFT = 128  # pixels; a JPEG decoded to at least this size has the hash of the whole one, but for 2 bits at most
_LEAST = 3.0  # grey levels; three quarters of the coefficients must exceed the effect of JPEG's rounding


def perceptual_hash(picture: Image.Image | NDArray[np.uint8]) -> int | None:
    """ImageHash's `phash` of an upright picture as a number; None for one with too little structure.

    Bit k is set where the k-th of the 64 lowest frequencies is above their median. In a blank picture, a plain gradient
    or faint noise most of them are near zero, so that rounding decides and such pictures would have similar hashes.
    """
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    small = image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    if np.quantile(np.abs(_low_frequencies(np.asarray(small))), 0.25) < _LEAST:
        return None
    return int(str(imagehash.phash(small)), 16)


def draft_jpeg(path: Path, stream: IO[bytes], orientation: int) -> Image.Image | None:
    """A JPEG decoded at a fraction of its size and turned upright; None for other formats. Raises as `decode_image`."""
    with pillow_faults(path):
        image = open_image(path, stream, 2**62)
        if not isinstance(image, JpegImageFile):
            return None
        stream.seek(0)
        check_scans(stream.read())
        stream.seek(0)
        image.draft("L", (_DRAFT, _DRAFT))
        small = image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    return turn_upright(small, orientation)


def _cosines() -> NDArray[np.float64]:
    """(8, 32): the orthonormal DCT-II's lowest rows."""
    rows: NDArray[np.float64] = np.cos(np.pi * np.outer(np.arange(8), np.arange(_SIDE) + 0.5) / _SIDE) * np.sqrt(
        2 / _SIDE
    )
    rows[0] /= np.sqrt(2)
    return rows


_COSINES = _cosines()


def _low_frequencies(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The lowest 63 DCT coefficients of (32, 32) grey levels, without the mean."""
    coefficients: NDArray[np.float64] = (_COSINES @ pixels.astype(np.float64) @ _COSINES.T).ravel()[1:]
    return coefficients
