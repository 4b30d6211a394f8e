"""Every colour mode, with transparency, as sRGB on white."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from image_samples import close, decoded, flat, picture, png, png_chunk, saved
from PIL import Image, ImageCms

pytestmark = pytest.mark.filterwarnings(r"ignore::UserWarning:PIL\.")  # about the metadata that we damage on purpose


def test_one_bit() -> None:
    assert flat("1", 1) == [255, 255, 255]
    assert flat("1", 0, "PNG") == [0, 0, 0]


def test_grey() -> None:
    assert flat("L", 77, "PNG") == [77, 77, 77]


def test_palette() -> None:
    image = Image.new("P", (20, 20), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    assert decoded(saved(image, "PNG"))[0, 0].tolist() == [10, 20, 30]


def test_cmyk_without_a_profile() -> None:
    assert flat("CMYK", (255, 0, 0, 0)) == [0, 255, 255]
    assert flat("CMYK", (0, 0, 0, 255)) == [0, 0, 0]


def test_cmyk_jpegs_which_adobe_stores_inverted() -> None:
    data = saved(Image.new("CMYK", (20, 20), (0, 255, 255, 0)), "JPEG", quality=100)
    assert b"Adobe" in data
    assert close(decoded(data)[:1, 0], np.array([[255, 0, 0]]), by=3)


def test_ycbcr() -> None:
    data = saved(Image.fromarray(picture()).convert("YCbCr"), "TIFF", compression="tiff_lzw")
    assert close(decoded(data), picture(), by=3)


def test_lab() -> None:
    soft = picture() // 2 + 64
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    data = saved(ImageCms.profileToProfile(Image.fromarray(soft), srgb, lab, outputMode="LAB"), "TIFF")
    assert close(decoded(data), soft, by=10)  # eight bits are coarse in Lab


@pytest.mark.parametrize("mode", ["HSV", "RGBX", "RGBa", "La", "PA", "I;16B", "I;16L"])
def test_modes_that_few_files_hold(mode: str) -> None:
    from nst_core.engine.images.srgb import srgb_image

    if mode.startswith("I;16"):
        image = Image.frombytes(mode, (4, 4), struct.pack(">H" if mode == "I;16B" else "<H", 0x8080) * 16)
        assert srgb_image(image).getpixel((0, 0)) == (128, 128, 128)
        return
    source = Image.new("LA" if mode in ("La", "PA") else "RGBA" if mode == "RGBa" else "RGB", (4, 4), "white")
    source.paste("black", (0, 0, 2, 4))
    result = srgb_image(source.convert(mode))
    assert result.mode == "RGB"
    assert [result.getpixel((x, 0)) for x in (0, 3)] == [(0, 0, 0), (255, 255, 255)]


RAMP = np.linspace(0, 65535, 40 * 20).round().astype(np.uint16).reshape(20, 40)


def test_sixteen_bit_grey_png_is_scaled_and_not_clipped() -> None:
    pixels = decoded(saved(Image.fromarray(RAMP), "PNG"))
    assert np.array_equal(pixels[..., 0], np.floor(RAMP / 257 + 0.5))


@pytest.mark.parametrize("order", ["<", ">"])
def test_sixteen_bit_grey_tiff_of_either_byte_order(order: str) -> None:
    assert close(decoded(tiff(RAMP.astype(f"{order}u2"), order))[..., 0], np.round(RAMP / 257), by=1)


def test_sixteen_bit_grey_pgm() -> None:
    data = b"P5 40 20 65535\n" + RAMP.astype(">u2").tobytes()
    assert close(decoded(data)[..., 0], np.round(RAMP / 257), by=1)


def test_sixteen_bit_colour_png() -> None:
    rows = b"".join(b"\0" + np.stack([row, row[::-1], row], -1).astype(">u2").tobytes() for row in RAMP)
    pixels = decoded(png(40, 20, 16, 2, rows))
    assert close(pixels[..., 0], RAMP / 257, by=1)
    assert close(pixels[..., 1], RAMP[:, ::-1] / 257, by=1)


def test_floats_within_zero_and_one_are_fractions_of_white() -> None:
    values = np.linspace(0.25, 0.75, 800, dtype=np.float32).reshape(20, 40)
    assert np.array_equal(decoded(saved(Image.fromarray(values), "TIFF"))[..., 0], np.rint(values.astype(float) * 255))


def test_other_floats_are_stretched_from_their_minimum_to_their_maximum() -> None:
    values = np.linspace(-3.0, 7.0, 800, dtype=np.float32).reshape(20, 40)
    grey = decoded(saved(Image.fromarray(values), "TIFF"))[..., 0]
    assert close(grey, (values + 3.0) * 25.5, by=1)


def test_floats_that_are_not_finite_are_black_or_white() -> None:
    values = np.full((20, 20), 0.5, np.float32)
    values[0, :3] = np.nan, np.inf, -np.inf
    assert decoded(saved(Image.fromarray(values), "TIFF"))[0, :4, 0].tolist() == [0, 255, 0, 128]


def test_a_constant_float_image_beyond_the_range_is_no_error() -> None:
    assert flat("F", 5.0) == [0, 0, 0]


def test_32_bit_integers_that_fit_16_bits_are_16_bit_samples() -> None:
    assert close(decoded(saved(Image.fromarray(RAMP.astype(np.int32)), "TIFF"))[..., 0], RAMP / 257, by=1)


def test_other_32_bit_integers_are_stretched() -> None:
    values = RAMP.astype(np.int32) * 1000 - 5_000_000
    assert close(decoded(saved(Image.fromarray(values), "TIFF"))[..., 0], RAMP / 257, by=1)


def tiff(values: np.ndarray, order: str) -> bytes:
    """An uncompressed grey TIFF in the given byte order, made by hand: Pillow writes its own order only."""
    height, width = values.shape
    entries = [(256, width), (257, height), (258, 16), (259, 1), (262, 1), (273, 134), (277, 1), (278, height)]
    entries += [(279, values.nbytes)]
    tags = b"".join(struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in entries)
    header = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(entries))
    return (header + tags).ljust(134, b"\0") + values.tobytes()


@pytest.mark.parametrize(("mode", "colour"), [("RGBA", (255, 0, 0, 128)), ("LA", (0, 128))])
def test_alpha_is_composited_on_white(mode: str, colour: tuple[int, ...]) -> None:
    expected = [255, 127, 127] if mode == "RGBA" else [127, 127, 127]
    assert flat(mode, colour, "PNG") == expected


def test_webp_with_alpha_is_composited_on_white() -> None:
    assert flat("RGBA", (0, 0, 0, 0), "WEBP", lossless=True) == [255, 255, 255]


@pytest.mark.parametrize(("transparency", "expected"), [(1, [255, 255, 255]), (b"\xff\x80", [132, 137, 142])])
def test_a_palette_with_transparency(transparency: object, expected: list[int]) -> None:
    image = Image.new("P", (20, 20), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    assert decoded(saved(image, "PNG", transparency=transparency))[0, 0].tolist() == expected


def test_a_transparent_gif() -> None:
    image = Image.new("P", (20, 20), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    assert decoded(saved(image, "GIF", transparency=1))[0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize(("mode", "colour"), [("RGB", (1, 2, 3)), ("L", 9), ("1", 0)])
def test_one_see_through_colour(mode: str, colour: object) -> None:
    image = Image.new(mode, (20, 20), colour)
    image.paste(0 if mode == "L" else "white", (10, 0, 20, 20))
    pixels = decoded(saved(image, "PNG", transparency=colour))
    assert pixels[0, 0].tolist() == [255, 255, 255]
    assert pixels[0, 19].tolist() == ([0, 0, 0] if mode == "L" else [255, 255, 255])


@pytest.mark.parametrize("bits", [2, 4, 16])
def test_one_see_through_grey_of_other_than_8_bits(bits: int) -> None:
    values = {2: bytes([0b01_10_01_10]) * 5, 4: bytes([0x12]) * 10, 16: struct.pack(">HH", 1, 2) * 10}[bits]
    pixels = decoded(png(20, 20, bits, 0, (b"\0" + values) * 20, png_chunk(b"tRNS", struct.pack(">H", 1))))
    assert pixels[0, 0].tolist() == [255, 255, 255]
    assert pixels[0, 1, 0] == {2: 170, 4: 34, 16: 0}[bits]


def test_one_see_through_colour_of_16_bits() -> None:
    rows = (b"\0" + struct.pack(">6H", 0x1234, 0x5678, 0x9ABC, 0xFF00, 0, 0) * 10) * 20
    transparent = png_chunk(b"tRNS", struct.pack(">3H", 0x1234, 0x5678, 0x9ABC))
    pixels = decoded(png(20, 20, 16, 2, rows, transparent))
    assert pixels[0, :2].tolist() == [[255, 255, 255], [255, 0, 0]]
