"""Image files for tests, built in memory."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from nst_core.engine.images.pixels import (
    ImageLimits,
    decode_image,
)

LIMITS = ImageLimits()
HERE = Path("picture")  # a name for images that are given as bytes
needs_avif = pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")


def picture(width: int = 48, height: int = 32) -> np.ndarray:
    """Smooth, and different in every corner."""
    y, x = np.mgrid[:height, :width]
    red, green = 255 * x / (width - 1), 255 * y / (height - 1)
    return np.stack([red, green, 255 - (red + green) / 2], -1).round().astype(np.uint8)


def noise(width: int = 48, height: int = 32) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def saved(image: Image.Image | np.ndarray, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, format, **options)
    return buffer.getvalue()


def decoded(data: bytes, path: Path = HERE, limits: ImageLimits = LIMITS) -> np.ndarray:
    return decode_image(path, limits, data).pixels


def flat(mode: str, colour: object, format: str = "TIFF", **options: object) -> list[int]:
    """The RGB that an image of one colour decodes to."""
    return decoded(saved(Image.new(mode, (20, 20), colour), format, **options))[0, 0].tolist()


def png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, bits: int, colour_type: int, rows: bytes, *more: bytes) -> bytes:
    """A PNG from its raw rows (each with its filter byte), with `more` chunks before the pixels."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0))
    pixels = png_chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(more) + pixels + png_chunk(b"IEND", b"")


def huge_png(width: int, height: int) -> bytes:
    return png(width, height, 8, 2, b"")


def close(one: np.ndarray, other: np.ndarray, by: int) -> bool:
    return one.shape == other.shape and int(np.abs(one.astype(int) - other.astype(int)).max()) <= by
