"""Decoding with the check that all pixels are there.

Whether a picture is complete is a matter of its pixels, not of the mark at the file's end: where part of them is
missing, libraries fill up with grey or black, and where only the mark is missing, the picture is whole.
"""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, ImageFile

from nst_core.engine.images.containers import ends_early
from nst_core.engine.images.files import ENDS_EARLY, open_image
from nst_core.engine.images.jpeg import is_complete_without_end, jpeg_structure, load_jpeg
from nst_core.engine.images.limits import MOST_SCANS, check_limit
from nst_core.engine.images.png import damaged_pixel_chunk, png_parts
from nst_core.engine.images.rows import load_all_rows
from nst_core.engine.images.tiff import load_tiff, missing_strips
from nst_core.errors import CorruptImage, TruncatedImage

_MISSING = "part of its pixels is missing"
_ROW_BY_ROW = ("PNG", "GIF", "BMP", "PPM", "TGA")


def load_complete(path: Path, image: ImageFile.ImageFile, data: bytes) -> Image.Image:
    """Decode an opened picture from the bytes of its file and return it. To be used within `pillow_faults`.

    Raises TruncatedImage where pixels are missing, CorruptImage where a checksum says that they are damaged, and
    LimitExceeded.
    """
    if image.format != "PNG" and ends_early(io.BytesIO(data)):
        raise TruncatedImage(path, ENDS_EARLY)
    if image.format in ("JPEG", "MPO"):
        _load_jpeg(path, image, data)
    elif image.format in _ROW_BY_ROW:
        if image.format == "PNG" and (chunk := damaged_pixel_chunk(data, png_parts(io.BytesIO(data)))):
            raise CorruptImage(path, f"the checksum of its {chunk} chunk is wrong")
        if not load_all_rows(image, lambda: _again(path, data)):
            raise TruncatedImage(path, _MISSING)
    elif image.format == "TIFF":
        if missing_strips(image, len(data)):
            raise TruncatedImage(path, ENDS_EARLY)
        return load_tiff(path, image)
    else:
        image.load()
    return image


def check_scans(data: bytes) -> None:
    """Raise LimitExceeded for a JPEG with more scans than any picture needs."""
    check_limit(len(jpeg_structure(data, MOST_SCANS).scans), MOST_SCANS, "scans")


def _load_jpeg(path: Path, image: ImageFile.ImageFile, data: bytes) -> None:
    structure = jpeg_structure(data, MOST_SCANS)
    check_limit(len(structure.scans), MOST_SCANS, "scans")
    if not structure.can_be_fed:
        image.load()
        return
    complete = load_jpeg(image, data, structure)
    if structure.ended:
        if not complete:
            raise TruncatedImage(path, _MISSING)
    elif not complete or not is_complete_without_end(image, lambda: _again(path, data), data, structure):
        raise TruncatedImage(path, ENDS_EARLY)


def _again(path: Path, data: bytes) -> ImageFile.ImageFile:
    return open_image(path, io.BytesIO(data), max_pixels=2**62)
