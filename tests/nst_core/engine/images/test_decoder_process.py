"""Decoding in processes of their own: the same pictures and errors as here, and an end to what does not return."""

from __future__ import annotations

import io
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst_core.engine.images import decoder_process
from nst_core.engine.images.decoder_process import decode_apart, is_light
from nst_core.engine.images.limits import ImageLimits
from nst_core.engine.images.pixels import decode_here, decode_image
from nst_core.errors import CorruptImage, DecoderLost, ImageTooLarge, SlowImage, TruncatedImage

LIMITS = ImageLimits(min_side=1)


def image_bytes(format: str = "TIFF", size: tuple[int, int] = (48, 32), **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise(size, 60).convert("RGB").save(buffer, format, **options)
    return buffer.getvalue()


def many_scans() -> bytes:
    """A progressive JPEG of 65 500 × 900 pixels and about 200 kB, whose last scan is repeated."""
    buffer = io.BytesIO()
    Image.new("RGB", (65500, 900)).save(buffer, "JPEG", progressive=True)
    data = buffer.getvalue()
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * 60 + b"\xff\xd9"


def test_a_process_of_its_own_gives_the_same_picture() -> None:
    data = image_bytes()
    apart, here = decode_apart(Path("a.tif"), LIMITS, data), decode_here(Path("a.tif"), LIMITS, data)
    assert np.array_equal(apart.pixels, here.pixels)
    assert (apart.sha256, apart.info) == (here.sha256, here.info)
    assert apart.pixels.flags.writeable
    assert apart.pixels.flags.c_contiguous


def test_errors_of_the_image_name_its_own_path() -> None:
    data = image_bytes()
    with pytest.raises(TruncatedImage, match=r"^some/where/a\.tif: "):
        decode_apart(Path("some/where/a.tif"), LIMITS, data[: len(data) // 2])
    with pytest.raises(ImageTooLarge, match="max_pixels = 9"):
        decode_apart(Path("a.tif"), ImageLimits(max_pixels=9, min_side=1), data)


def test_what_does_not_return_is_ended_at_the_deadline_and_the_next_picture_is_decoded() -> None:
    data, started = many_scans(), time.monotonic()
    with pytest.raises(SlowImage, match=r"^a\.jpg: decoding it takes longer than decode_seconds = 0\.3"):
        decode_image(Path("a.jpg"), ImageLimits(decode_seconds=0.3), data)
    assert time.monotonic() - started < 10
    assert decode_apart(Path("b.tif"), LIMITS, image_bytes()).info.format == "TIFF"


def test_a_process_serves_one_picture_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder_process, "_DECODERS", decoders := decoder_process._Decoders())
    for _ in range(3):
        decode_apart(Path("a.tif"), LIMITS, image_bytes())
        (decoder,) = decoders._idle
    assert decoder.alive
    decoder._process.kill()  # an idle one that ends is replaced
    decoder._process.wait()
    decode_apart(Path("a.tif"), LIMITS, image_bytes())
    assert decoders._idle != [decoder]


@pytest.mark.parametrize(
    ("signal", "error"), [(11, CorruptImage), (9, DecoderLost)], ids=["a crash", "killed by somebody"]
)
def test_a_process_that_dies_at_a_picture(signal: int, error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder_process, "_DECODERS", decoder_process._Decoders())
    monkeypatch.setattr(decoder_process, "_COMMAND", f"import os; os.kill(os.getpid(), {signal})")
    with pytest.raises(error, match=r"a\.tif"):
        decode_apart(Path("a.tif"), LIMITS, image_bytes())


@pytest.mark.parametrize(
    ("format", "pixels", "data", "light"),
    [
        ("JPEG", 12_000_000, b"\xff\xda" * 10, True),
        ("JPEG", 58_950_000, b"\xff\xda", True),
        ("JPEG", 58_950_000, b"\xff\xda" * 10, False),
        ("JPEG", 90_000, b"\xff\xda" * 3000, True),
        ("PNG", 12_000_000, b"", True),
        ("PNG", 60_000_000, b"", False),
        ("PNG", 4096, bytes(3 * 2**20), False),
        ("TIFF", 4096, b"", False),
        ("JPEG2000", 4096, b"", False),
    ],
)
def test_what_is_light_work(format: str, pixels: int, data: bytes, light: bool) -> None:
    assert is_light(format, pixels, data) is light


def test_ordinary_photographs_need_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nst_core.engine.images.pixels.decode_apart", lambda *_: pytest.fail("not here"))
    for options in ({}, {"progressive": True}):
        assert decode_image(Path("a.jpg"), LIMITS, image_bytes("JPEG", (800, 600), **options)).info.width == 800
