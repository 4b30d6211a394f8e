"""PNGs with large, damaged or odd metadata, which never decide over pixels, and PNGs whose pixels are missing."""

from __future__ import annotations

import struct
import time
import tracemalloc
import zlib

import numpy as np
import pytest
from icc_profiles import rgb_profile
from image_samples import HERE, LIMITS, decoded, picture, png, png_chunk, saved

from nst_core.engine.images import png as png_module
from nst_core.engine.images.pixels import decode_image, probe_image
from nst_core.errors import ImageTooLarge, TruncatedImage

PIXELS = picture()
WHOLE = saved(PIXELS, "PNG")
BOMB = zlib.compress(bytes(100 << 20), 9)
CHUNKS = {
    "text of 3 MB": (b"zTXt", b"workflow\0\0" + zlib.compress(b"x" * 3_000_000)),
    "international text of 4 MB": (b"iTXt", b"workflow\0\1\0\0\0" + zlib.compress(b"{}" * 2_000_000)),
    "plain text of 4 MB": (b"tEXt", b"k\0" + b"v" * 4_000_000),
    "text bomb": (b"zTXt", b"x\0\0" + BOMB),
    "international text bomb": (b"iTXt", b"x\0\1\0\0\0" + BOMB),
    "orientation bomb": (b"zTXt", b"Raw profile type exif\0\0" + BOMB),
    "XMP of 4 MB": (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + b"<x/>" * 1_000_000),
    "XMP that is no text": (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0\xff\xfe"),
    "profile bomb": (b"iCCP", b"x\0\0" + BOMB),
    "profile that is none": (b"iCCP", b"x\0\0" + zlib.compress(b"nonsense" * 99)),
    "profile that does not unpack": (b"iCCP", b"x\0\0nonsense"),
    "EXIF that is none": (b"eXIf", b"nonsense"),
    "gamma too short": (b"gAMA", b"\0"),
    "primaries too short": (b"cHRM", b"\1\2"),
    "animation header too short": (b"acTL", b"\0"),
    "no text": (b"tEXt", b""),
    "unknown": (b"zzZz", b"?"),
}


def with_chunk(name: bytes, body: bytes, right_checksum: bool = True) -> bytes:
    chunk = bytearray(png_chunk(name, body))
    chunk[-1] ^= not right_checksum
    return WHOLE[:33] + bytes(chunk) + WHOLE[33:]


@pytest.mark.parametrize("right_checksum", [True, False])
@pytest.mark.parametrize("name", CHUNKS)
def test_metadata_never_decide_over_pixels(name: str, right_checksum: bool) -> None:
    data = with_chunk(*CHUNKS[name], right_checksum)
    probe_image(HERE, LIMITS, data)
    assert np.array_equal(decoded(data), PIXELS)


@pytest.mark.parametrize("name", [name for name in CHUNKS if "bomb" in name])
def test_packed_metadata_are_not_unpacked_without_bound(name: str) -> None:
    data = with_chunk(*CHUNKS[name])
    tracemalloc.start()
    decoded(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50 << 20


def test_a_profile_larger_than_pillow_likes_is_used() -> None:
    profile = rgb_profile()
    small = decoded(saved(PIXELS, "PNG", icc_profile=profile))
    assert not np.array_equal(small, PIXELS)
    assert np.array_equal(decoded(saved(PIXELS, "PNG", icc_profile=profile + bytes(2_500_000))), small)


def test_many_chunks_take_little_time_and_too_many_are_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    chunk = png_chunk(b"tEXt", b"k\0v")
    data = WHOLE[:33] + chunk * 100_000 + WHOLE[33:]
    start = time.process_time()
    assert np.array_equal(decoded(data), PIXELS)
    assert time.process_time() - start < 3
    monkeypatch.setattr(png_module, "MOST_SEGMENTS", 1000)
    for use in (probe_image, decode_image):
        with pytest.raises(ImageTooLarge, match="more than 1000 chunks, which is the limit"):
            use(HERE, LIMITS, data)


@pytest.mark.parametrize(("colour_type", "bits"), [(2, 8), (0, 1), (0, 8), (0, 16), (3, 4), (4, 8), (6, 16)])
@pytest.mark.parametrize("rows", [0, 40, 99])
def test_a_png_with_fewer_rows_than_its_header_says_is_truncated(colour_type: int, bits: int, rows: int) -> None:
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour_type]
    row = b"\0" + b"\7" * ((60 * samples * bits + 7) // 8)
    palette = [png_chunk(b"PLTE", bytes(range(48)))] if colour_type == 3 else []
    assert decoded(png(60, 100, bits, colour_type, row * 100, *palette)).shape == (100, 60, 3)
    with pytest.raises(TruncatedImage):
        decoded(png(60, 100, bits, colour_type, row * rows, *palette))


def test_an_interlaced_png_with_missing_rows_is_truncated() -> None:
    passes = [(8, 8), (8, 8), (4, 8), (4, 4), (2, 4), (2, 2), (1, 2)]  # the steps across and down
    starts = [(0, 0), (4, 0), (0, 4), (2, 0), (0, 2), (1, 0), (0, 1)]
    rows = b""
    for (across, down), (left, top) in zip(passes, starts, strict=True):
        for y in range(top, 33, down):
            rows += b"\0" + bytes((x + y) % 256 for x in range(left, 40, across))
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 40, 33, 8, 0, 0, 0, 1))

    def interlaced(rows: bytes) -> bytes:
        return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")

    y, x = np.mgrid[:33, :40]
    assert np.array_equal(decoded(interlaced(rows))[..., 0], (x + y) % 256)
    for missing in (41, 41 * 5, len(rows) // 2):
        with pytest.raises(TruncatedImage):
            decoded(interlaced(rows[:-missing]))


@pytest.mark.parametrize("lost", [4, 12, 16, 20])
def test_a_png_that_lost_only_its_end_and_checksums_is_whole(lost: int) -> None:
    assert np.array_equal(decoded(WHOLE[:-lost]), PIXELS)


@pytest.mark.parametrize("value", [0x5B, 0xA4, 0, 255])
@pytest.mark.parametrize("format", ["PNG", "GIF", "BMP", "TGA", "PPM"])
def test_a_picture_of_one_colour_is_not_taken_for_missing_rows(value: int, format: str, tmp_path) -> None:
    data = saved(np.full((20, 20), value, np.uint8), format)
    assert (decoded(data, tmp_path / f"x.{format.lower()}") == value).all()
