"""Truncated and damaged files."""

from __future__ import annotations

import random
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from icc_profiles import rgb_profile
from image_samples import decoded, needs_avif, noise, picture, saved
from PIL import Image, PngImagePlugin

from nst_core.engine.images.pixels import (
    ImageLimits,
    decode_image,
    probe_image,
)
from nst_core.errors import (
    CorruptImage,
    InputError,
    TruncatedImage,
)

pytestmark = pytest.mark.filterwarnings(r"ignore::UserWarning:PIL\.")  # about the metadata that we damage on purpose


CUT = {
    "jpeg": ("JPEG", {}),
    "progressive": ("JPEG", {"progressive": True}),
    "restart-markers": ("JPEG", {"restart_marker_rows": 1}),
    "png": ("PNG", {}),
    "gif": ("GIF", {}),
    "webp": ("WEBP", {}),
    "webp-lossless": ("WEBP", {"lossless": True}),
    "tiff": ("TIFF", {}),
    "tiff-lzw": ("TIFF", {"compression": "tiff_lzw"}),
    "jp2": ("JPEG2000", {}),
    "j2k": ("JPEG2000", {"no_jp2": True}),
    "bmp": ("BMP", {}),
    "ppm": ("PPM", {}),
    "avif": ("AVIF", {}),
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=needs_avif if name == "avif" else []) for name in CUT])
def test_a_file_cut_at_any_5_percent_is_truncated(name: str) -> None:
    format, options = CUT[name]
    data = saved(noise(), format, **options)
    for share in range(5, 100, 5):
        with pytest.raises(TruncatedImage, match="the file ends before the image does"):
            decoded(data[: len(data) * share // 100])


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("make", [picture, noise])
def test_a_jpeg_cut_at_any_byte_before_its_end_marker_is_truncated(make, progressive: bool) -> None:
    data = saved(make(24, 24), "JPEG", progressive=progressive)
    for length in range(1, len(data) - 2):
        with pytest.raises(TruncatedImage):
            decoded(data[:length])


def test_a_png_cut_at_any_byte_of_its_pixels_is_truncated() -> None:
    data = saved(picture(20, 20), "PNG")
    checksums_and_end = 4 + 4 + 12
    for length in range(1, len(data) - checksums_and_end):
        with pytest.raises(TruncatedImage):
            decoded(data[:length])


@pytest.mark.parametrize("chunk", [b"IHDR", b"IDAT"])
def test_a_png_with_a_wrong_checksum_is_corrupt(chunk: bytes) -> None:
    data = bytearray(saved(picture(), "PNG"))
    start = data.index(chunk)
    length = int.from_bytes(data[start - 4 : start], "big")
    data[start + 4 + length] ^= 1
    with pytest.raises(CorruptImage):
        decoded(bytes(data))


def test_a_damaged_header_is_corrupt() -> None:
    data = bytearray(saved(picture(), "PNG"))
    data[25] = 9  # no such colour type
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    with pytest.raises(CorruptImage, match="starts like a PNG"):
        decoded(bytes(data))


FUZZED = {
    "jpeg": ("JPEG", {"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0", "icc_profile": rgb_profile()}),
    "progressive": ("JPEG", {"progressive": True}),
    "png": ("PNG", {"icc_profile": rgb_profile()}),
    "gif": ("GIF", {}),
    "webp": ("WEBP", {}),
    "tiff": ("TIFF", {}),
    "tiff-lzw": ("TIFF", {"compression": "tiff_lzw"}),
    "bmp": ("BMP", {}),
    "ppm": ("PPM", {}),
    "jp2": ("JPEG2000", {}),
    "tga": ("TGA", {"compression": "tga_rle"}),
    "avif": ("AVIF", {}),
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=needs_avif if name == "avif" else []) for name in FUZZED])
def test_random_damage_raises_nothing_but_input_errors(name: str, tmp_path: Path) -> None:
    format, options = FUZZED[name]
    data, dice, limits = saved(picture(20, 20), format, **options), random.Random(name), ImageLimits(max_pixels=10**6)
    path = tmp_path / f"x.{name}"
    for _ in range(100):
        damaged = bytearray(data)
        for _ in range(dice.choice((1, 1, 3, 20))):
            damaged[dice.choice((dice.randrange(len(data)), dice.randrange(min(64, len(data)))))] = dice.randrange(256)
        broken = bytes(damaged[: dice.choice((len(data), dice.randrange(1, len(data))))])
        path.write_bytes(broken)
        reasons = [reason_for_refusing(path, limits, broken), reason_for_refusing(path, limits, None)]
        assert all(len(reason) < 300 and reason.isprintable() for reason in reasons)


def reason_for_refusing(path: Path, limits: ImageLimits, data: bytes | None) -> str:
    try:
        if data is None:
            probe_image(path, limits)
        else:
            decode_image(path, limits, data)
    except InputError as error:
        return error.reason
    return ""


def test_memory_errors_are_not_called_a_fault_of_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load_prepare", no_memory)
    with pytest.raises(MemoryError):
        decoded(saved(picture(), "PNG"))


def test_threads_decode_what_one_thread_decodes_and_leave_pillow_as_it_was(tmp_path: Path) -> None:
    good = {format: saved(noise(), format) for format in ("PNG", "TIFF", "BMP", "PPM")}
    before = Image.MAX_IMAGE_PIXELS
    jobs = [data[: len(data) // 2] if number % 5 == 0 else data for number in range(40) for data in good.values()]

    def work(data: bytes) -> bool:
        try:
            return np.array_equal(decoded(data), noise())
        except TruncatedImage:
            return len(data) < min(len(whole) for whole in good.values())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, jobs))
    assert before == Image.MAX_IMAGE_PIXELS
