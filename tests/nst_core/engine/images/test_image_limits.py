"""Images refused for their size."""

from __future__ import annotations

import struct
import warnings

import pytest
from image_samples import HERE, LIMITS, decoded, huge_png, noise, picture, saved
from PIL import Image, ImageFile

from nst_core.engine.images.pixels import (
    ImageLimits,
    decode_image,
    probe_image,
)
from nst_core.errors import (
    ImageTooLarge,
    ImageTooSmall,
    TruncatedImage,
)

pytestmark = pytest.mark.filterwarnings(r"ignore::UserWarning:PIL\.")  # about the metadata that we damage on purpose


def huge_gif_frame() -> bytes:
    """A small screen with a frame of 65535 x 65535 that is to be disposed of (Pillow paints that when it opens)."""
    data = bytearray(saved(Image.new("P", (20, 20)), "GIF", save_all=True, disposal=2, transparency=0))
    struct.pack_into("<HH", data, data.index(b",\0\0\0\0\x14\0\x14\0") + 5, 65535, 65535)
    return bytes(data)


def huge_webp() -> bytes:
    body = b"WEBPVP8X" + struct.pack("<II", 10, 0) + b"\xff\xff\0" * 2
    return b"RIFF" + struct.pack("<I", len(body)) + body


BOMBS = {
    "png": (huge_png(100_000, 100_000), 10**10),
    "bmp": (b"BM" + struct.pack("<IIIIiiHHIIIIII", 54, 0, 54, 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0), 36 * 10**8),
    "ppm": (b"P6 50000 50000 255\n", 25 * 10**8),
    "gif": (huge_gif_frame(), 65535**2),
    "webp": (huge_webp(), 65536**2),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_by_its_header(name: str) -> None:
    data, pixels = BOMBS[name]
    for use in (probe_image, decode_image):
        with pytest.raises(ImageTooLarge, match=rf"{pixels} pixels .*max_pixels = 100000000"):
            use(HERE, LIMITS, data)


def test_our_limit_is_exact() -> None:
    data = saved(picture(48, 32), "PNG")
    assert decoded(data, limits=ImageLimits(max_pixels=48 * 32)).shape == (32, 48, 3)
    with pytest.raises(ImageTooLarge):
        decoded(data, limits=ImageLimits(max_pixels=48 * 32 - 1))


@pytest.mark.parametrize("format", ["PNG", "GIF", "WEBP", "TIFF", "JPEG"])
def test_pillows_own_limit_and_leniency_neither_interfere_nor_change(
    format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    data = saved(noise(), format)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decoded(data).shape == (32, 48, 3)
        probe_image(HERE, LIMITS, data)
        with pytest.raises(TruncatedImage):
            decoded(data[: len(data) // 2])
    assert Image.MAX_IMAGE_PIXELS == 100
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


def test_a_limit_above_pillows_default_holds_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        info = probe_image(HERE, ImageLimits(max_pixels=10**9), huge_png(30_000, 30_000))
    assert info.width == 30_000


def test_too_small_says_the_size() -> None:
    for use in (probe_image, decode_image):
        with pytest.raises(ImageTooSmall, match=r"100 x 15 pixels.*min_side = 16"):
            use(HERE, LIMITS, saved(Image.new("RGB", (100, 15)), "PNG"))
