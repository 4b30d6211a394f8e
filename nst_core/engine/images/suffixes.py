"""The image formats that are read and written, and their suffixes. Neither torch nor Pillow is imported."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from nst_core.engine.images.not_images import CONVERT_FIRST
from nst_core.errors import UsageError

SUFFIXES = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "MPO": (".jpg", ".mpo"),
    "PNG": (".png", ".apng"),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "TIFF": (".tif", ".tiff"),
    "BMP": (".bmp",),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
    "JPEG2000": (".jp2", ".j2k"),
    "AVIF": (".avif",),
    "TGA": (".tga",),
}
"""The formats that are read, by Pillow's names, with the lower-case suffixes of their files, the usual one first."""

IMAGE_SUFFIXES = frozenset(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)
"""Lower-case suffixes of the files that a folder scan takes for images."""

NEAR_IMAGE_SUFFIXES = frozenset(CONVERT_FIRST)
"""Lower-case suffixes of pictures that cannot be read. A folder scan lists them, too, so that they are reported
(`NotAnImage`, with what to do about it) instead of silently left out."""

OutputFormat = Literal["jpeg", "png"]

OUTPUT_EXTENSIONS: dict[OutputFormat, str] = {"jpeg": "jpg", "png": "png"}
"""The formats that are written, with the extension of their files, without a dot."""

OUTPUT_SUFFIXES: dict[str, OutputFormat] = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png"}
"""Lower-case suffixes that a name of an output file can have, with the format that they stand for."""


def check_output_suffix(output: Path) -> None:
    """Raise UsageError where a name of an output file, given as `--output`, stands for no format that is written."""
    if output.suffix.lower() not in OUTPUT_SUFFIXES:
        raise UsageError(f"--output {output}: the name must end in .jpg, .jpeg or .png.")
