"""What the loader and the writer promise; every input is built here."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import random
import struct
import subprocess
import sys
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from icc_profiles import BLUE, GREEN, RED, cmyk_profile, grey_profile, rgb_profile
from PIL import ExifTags, Image, ImageCms, ImageFile, JpegImagePlugin, PngImagePlugin, features

from nst_core.engine.images.files import read_bytes
from nst_core.engine.images.pixels import (
    ImageInfo,
    ImageLimits,
    decode_image,
    encode_image,
    padded,
    probe_image,
    resize_pixels,
    to_pixels,
    to_tensor,
    working_size,
)
from nst_core.engine.images.suffixes import IMAGE_SUFFIXES, NEAR_IMAGE_SUFFIXES
from nst_core.errors import (
    CorruptImage,
    EmptyImage,
    ImageTooLarge,
    ImageTooSmall,
    InputError,
    MissingImage,
    NotAnImage,
    TruncatedImage,
    UnreadableImage,
)

pytestmark = pytest.mark.filterwarnings(r"ignore::UserWarning:PIL\.")  # about the metadata that we damage on purpose

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


# --- reading files ---------------------------------------------------------------------------------------------------


def test_read_bytes_gives_the_files_bytes_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert read_bytes(tmp_path / "link") == b"abc"


@pytest.mark.parametrize(
    "use", [read_bytes, lambda path: probe_image(path, LIMITS), lambda path: decode_image(path, LIMITS)]
)
class TestFilesThatCannotBeRead:
    def test_no_such_file(self, tmp_path: Path, use) -> None:
        with pytest.raises(MissingImage, match="there is no such file") as caught:
            use(tmp_path / "a.jpg")
        assert str(caught.value).startswith(f"{tmp_path / 'a.jpg'}: ")

    def test_a_folder_of_the_path_is_a_file(self, tmp_path: Path, use) -> None:
        (tmp_path / "a").write_bytes(b"abc")
        with pytest.raises(MissingImage):
            use(tmp_path / "a" / "b.jpg")

    def test_a_dangling_link_says_so(self, tmp_path: Path, use) -> None:
        (tmp_path / "link.jpg").symlink_to(tmp_path / "gone.jpg")
        with pytest.raises(MissingImage, match="a link that leads nowhere"):
            use(tmp_path / "link.jpg")

    def test_a_link_to_itself(self, tmp_path: Path, use) -> None:
        (tmp_path / "link.jpg").symlink_to(tmp_path / "link.jpg")
        with pytest.raises(MissingImage, match="leads to itself"):
            use(tmp_path / "link.jpg")

    def test_a_name_that_is_too_long(self, tmp_path: Path, use) -> None:
        with pytest.raises(MissingImage, match="too long"):
            use(tmp_path / ("a" * 300))

    def test_a_name_that_no_file_can_have(self, use) -> None:
        with pytest.raises(MissingImage):
            use(Path("a\0b"))

    def test_a_directory(self, tmp_path: Path, use) -> None:
        with pytest.raises(UnreadableImage, match="a directory"):
            use(tmp_path)

    def test_a_pipe_is_refused_without_waiting(self, tmp_path: Path, use) -> None:
        os.mkfifo(tmp_path / "pipe.jpg")
        with pytest.raises(UnreadableImage, match="not a file"):
            use(tmp_path / "pipe.jpg")

    def test_a_device(self, use) -> None:
        with pytest.raises(UnreadableImage):
            use(Path("/dev/zero"))

    def test_an_empty_file(self, tmp_path: Path, use) -> None:
        (tmp_path / "a.jpg").touch()
        with pytest.raises(EmptyImage, match="0 bytes"):
            use(tmp_path / "a.jpg")

    @pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM])
    def test_no_permission(self, tmp_path: Path, use, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "a.jpg").write_bytes(b"abc")
        monkeypatch.setattr(Path, "open", _raiser(code))  # root may read anything
        with pytest.raises(UnreadableImage, match="permission"):
            use(tmp_path / "a.jpg")

    @pytest.mark.parametrize("code", [errno.EIO, errno.EMFILE, errno.ESTALE])
    def test_trouble_of_the_system_is_not_called_a_fault_of_the_image(
        self, tmp_path: Path, use, code: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "a.jpg").write_bytes(b"abc")
        monkeypatch.setattr(Path, "open", _raiser(code))
        with pytest.raises(OSError, match=os.strerror(code)) as caught:
            use(tmp_path / "a.jpg")
        assert caught.value.errno == code

    def test_trouble_while_reading_is_not_called_a_fault_of_the_image(
        self, tmp_path: Path, use, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "a.png").write_bytes(saved(picture(), "PNG"))
        monkeypatch.setattr(Path, "open", lambda *_: io.BufferedReader(_BrokenDisk(str(tmp_path / "a.png"))))
        with pytest.raises(OSError, match=os.strerror(errno.EIO)) as caught:
            use(tmp_path / "a.png")
        assert caught.value.errno == errno.EIO


class _BrokenDisk(io.FileIO):
    def readinto(self, buffer) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def readall(self) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def _raiser(code: int):
    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    return fail


def test_empty_data_are_an_empty_image() -> None:
    for use in (probe_image, decode_image):
        with pytest.raises(EmptyImage):
            use(HERE, LIMITS, b"")


def test_with_data_the_file_is_not_touched() -> None:
    data = saved(picture(), "PNG")
    assert probe_image(Path("/nowhere/a.png"), LIMITS, data).width == 48
    assert decode_image(Path("/nowhere/a.png"), LIMITS, data).info.width == 48


# --- what a header says ----------------------------------------------------------------------------------------------


def test_probe_says_size_mode_and_format(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(saved(Image.fromarray(picture()).convert("L"), "JPEG"))
    assert probe_image(tmp_path / "a.jpg", LIMITS) == ImageInfo(width=48, height=32, mode="L", format="JPEG")


def test_probe_does_not_decode() -> None:
    data = bytearray(saved(noise(), "PNG"))
    data[-40] ^= 0xFF  # a damaged pixel
    assert probe_image(HERE, LIMITS, bytes(data)).width == 48


def test_decode_says_what_probe_says_and_the_sha256_of_the_file(tmp_path: Path) -> None:
    data = saved(picture(), "PNG")
    (tmp_path / "a.png").write_bytes(data)
    image = decode_image(tmp_path / "a.png", LIMITS)
    assert image.info == probe_image(tmp_path / "a.png", LIMITS)
    assert image.sha256 == hashlib.sha256(data).hexdigest()


def test_pixels_are_contiguous_writable_uint8() -> None:
    pixels = decoded(saved(picture(), "PNG"))
    assert pixels.dtype == np.uint8
    assert pixels.shape == (32, 48, 3)
    assert pixels.flags.c_contiguous
    assert pixels.flags.writeable


# --- formats ---------------------------------------------------------------------------------------------------------

LOSSLESS = {
    "png": ("PNG", {}),
    "webp": ("WEBP", {"lossless": True}),
    "tiff": ("TIFF", {}),
    "tiff-lzw": ("TIFF", {"compression": "tiff_lzw"}),
    "tiff-deflate": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    "big-tiff": ("TIFF", {"big_tiff": True}),
    "bmp": ("BMP", {}),
    "ppm": ("PPM", {}),
    "jp2": ("JPEG2000", {}),
    "j2k": ("JPEG2000", {"no_jp2": True}),
    "tga": ("TGA", {}),
    "tga-rle": ("TGA", {"compression": "tga_rle"}),
}
LOSSY = {
    "jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
    "progressive-jpeg": ("JPEG", {"quality": 95, "subsampling": 0, "progressive": True}),
    "webp": ("WEBP", {"quality": 95}),
    "tiff-jpeg": ("TIFF", {"compression": "jpeg", "quality": 95}),
    "avif": ("AVIF", {"quality": 95, "subsampling": "4:4:4"}),
}


@pytest.mark.parametrize("name", LOSSLESS)
def test_lossless_formats_give_the_exact_pixels(name: str) -> None:
    format, options = LOSSLESS[name]
    assert np.array_equal(decoded(saved(noise(), format, **options), Path(f"x.{name[:3]}")), noise())


@pytest.mark.parametrize("name", [pytest.param(name, marks=needs_avif if name == "avif" else []) for name in LOSSY])
def test_lossy_formats_come_close(name: str) -> None:
    format, options = LOSSY[name]
    assert close(decoded(saved(picture(), format, **options)), picture(), by=12)


def test_formats_are_told_by_content_and_not_by_suffix() -> None:
    assert decode_image(Path("a.jpg"), LIMITS, saved(picture(), "PNG")).info.format == "PNG"


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_picture_counts(format: str) -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue", "lime")]
    options = {"lossless": True} if format == "WEBP" else {}
    data = saved(frames[0], format, save_all=True, append_images=frames[1:], **options)
    assert decoded(data)[10, 10].tolist() == [255, 0, 0]


def test_of_a_multi_picture_jpeg_the_first_counts() -> None:
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    image = decode_image(HERE, LIMITS, saved(frames[0], "MPO", save_all=True, append_images=frames[1:], quality=95))
    assert image.info.format == "MPO"
    assert close(image.pixels[16:17, 16], np.array([[254, 0, 0]]), by=3)


def test_a_gif_whose_first_frame_is_smaller_than_the_canvas_keeps_the_canvas() -> None:
    data = bytearray(saved(Image.new("P", (40, 30)), "GIF"))
    struct.pack_into("<HH", data, 6, 60, 50)
    assert decoded(bytes(data)).shape == (50, 60, 3)


# --- colour modes ----------------------------------------------------------------------------------------------------


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


# --- transparency ----------------------------------------------------------------------------------------------------


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


# --- orientation -----------------------------------------------------------------------------------------------------

# What a camera stores when its user sees the upright picture: the inverse of what a viewer has to do.
STORED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP", "JPEG", pytest.param("AVIF", marks=needs_avif)])
@pytest.mark.parametrize("orientation", STORED)
def test_every_orientation_gives_the_upright_picture(format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95, "subsampling": 0}, "AVIF": {"quality": 95}}
    stored = np.ascontiguousarray(STORED[orientation](picture()))
    data = saved(stored, format, exif=exif, **options.get(format, {}))
    image = decode_image(HERE, LIMITS, data)
    assert close(image.pixels, picture(), by={"JPEG": 12, "AVIF": 25}.get(format, 0))
    assert image.info == probe_image(HERE, LIMITS, data)
    assert (image.info.width, image.info.height) == (48, 32)


def test_exif_behind_the_pixels_of_a_png_counts_too() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    data = saved(np.ascontiguousarray(STORED[6](picture())), "PNG")
    data = data[:-12] + png_chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")) + data[-12:]
    assert np.array_equal(decoded(data), picture())
    assert probe_image(HERE, LIMITS, data).width == 48


@pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"\0"])
def test_broken_exif_is_ignored(exif: bytes) -> None:
    assert decoded(saved(picture(), "JPEG", exif=exif)).shape == (32, 48, 3)


def test_a_senseless_orientation_is_ignored() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 99
    assert np.array_equal(decoded(saved(picture(), "PNG", exif=exif)), picture())


# --- colour profiles -------------------------------------------------------------------------------------------------


def srgb_code(linear: float) -> float:
    """The sRGB transfer function (IEC 61966-2-1), 0..1 to 0..255."""
    return 255 * (12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("format", ["TIFF", "PNG", "JPEG", "WEBP"])
def test_a_linear_profile_is_converted_to_srgb(format: str) -> None:
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100}}.get(format, {})
    colour = flat("RGB", (128, 128, 128), format, icc_profile=rgb_profile(gamma=1.0), **options)
    assert close(np.array(colour), np.array([srgb_code(128 / 255)] * 3), by=1)


def test_swapped_primaries_are_converted() -> None:
    assert flat("RGB", (255, 0, 0), icc_profile=rgb_profile(GREEN, RED, BLUE)) in ([0, 255, 0], [1, 255, 0])


def test_the_profile_is_applied_before_alpha_is_composited() -> None:
    colour = flat("RGBA", (128, 128, 128, 128), "PNG", icc_profile=rgb_profile(gamma=1.0))
    expected = 255 - (255 - srgb_code(128 / 255)) * 128 / 255
    assert close(np.array(colour), np.array([expected] * 3), by=1)


def test_a_grey_profile_is_converted() -> None:
    assert close(
        np.array(flat("L", 128, "PNG", icc_profile=grey_profile(gamma=1.0))), np.array([srgb_code(128 / 255)] * 3), by=1
    )


def test_an_rgb_profile_on_a_grey_image_is_converted() -> None:
    assert close(
        np.array(flat("L", 128, "PNG", icc_profile=rgb_profile(gamma=1.0))), np.array([srgb_code(128 / 255)] * 3), by=1
    )


@pytest.mark.parametrize("format", ["TIFF", "JPEG"])
def test_cmyk_goes_through_its_profile(format: str) -> None:
    cyan = flat("CMYK", (255, 0, 0, 0), format, icc_profile=cmyk_profile())
    assert close(np.array(cyan), np.array([255, 0, 0]), by=8)  # the profile's cyan ink is red
    assert flat("CMYK", (0, 0, 0, 255), format, icc_profile=cmyk_profile()) == [0, 0, 0]


@pytest.mark.parametrize(
    "profile",
    [b"not a profile", rgb_profile()[:200], b"\0" * 128, rgb_profile()[:-40] + b"\xff" * 40, cmyk_profile()],
    ids=["text", "cut", "zeros", "damaged", "of another colour space"],
)
def test_a_profile_that_is_broken_or_does_not_fit_is_ignored(profile: bytes) -> None:
    assert decoded(saved(picture(), "TIFF", icc_profile=profile)).shape == (32, 48, 3)
    if profile != rgb_profile()[:-40] + b"\xff" * 40:  # of which LittleCMS may make something
        assert np.array_equal(decoded(saved(picture(), "TIFF", icc_profile=profile)), picture())


# --- what is no image ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.jpg", b"This is a shopping list.\n" * 9, "plain text"),
        ("a.jpg", "Ein Fluß, größer als jeder andere. ".encode() * 200, "plain text"),
        ("a.jpg", bytes(range(256)), "no image format"),
        ("a.svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>', "vector graphics.*rendered to PNG or JPEG"),
        ("a.png", b'<?xml version="1.0"?>\n<!-- made by hand -->\n<svg width="9"/>', "vector graphics"),
        ("a.svg", b'\xef\xbb\xbf<?xml version="1.0"?><svg/>', "vector graphics"),
        ("a.svg", '<svg width="9"/>'.encode("utf-16"), "vector graphics"),
        ("a.jpg", b"<!DOCTYPE html><html><body>404</body></html>", "web page"),
        ("a.jpg", b"\n\n<html><head>", "web page"),
        ("a.jpg", b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "XML"),
        ("a.jpg", b"%PDF-1.7\n", "PDF"),
        ("a.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 50 50\n", "PostScript"),
        ("a.psd", b"8BPS\0\1" + bytes(40), "project"),
        ("a.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40), "convert it to JPEG"),
        ("a.jpg", b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + bytes(40), "HEIC"),
        ("a.jpg", b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(40), "video"),
        ("a.nef", bytes(range(256)), "raw"),
        ("a.jpg", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        ("a.jpg", b"PK\x03\x04" + bytes(40), "ZIP"),
        ("a.jpg", b"\x1f\x8b" + bytes(40), "gzip"),
        ("a.jpg", b"BMW and Audi are cars, and this is text.", "plain text"),
        ("a.jpg", b"P", "plain text"),
    ],
)
def test_what_is_no_image_is_told_for_what_it_is(name: str, data: bytes, reason: str) -> None:
    for use in (probe_image, decode_image):
        with pytest.raises(NotAnImage, match=reason):
            use(Path(name), LIMITS, data)


def test_a_camera_raw_file_is_not_taken_for_its_preview() -> None:
    data = saved(picture(), "TIFF")
    with pytest.raises(NotAnImage, match="raw file"):
        decode_image(Path("a.NEF"), LIMITS, data)
    with pytest.raises(NotAnImage, match="raw file"):
        decode_image(Path("a.tif"), LIMITS, saved(picture(), "TIFF", tiffinfo={50706: b"\1\4\0\0"}))


def test_formats_that_need_a_program_or_are_exotic_are_never_opened() -> None:
    for format in ("EPS", "PDF", "ICNS", "PCX", "SGI"):
        with pytest.raises(NotAnImage):
            decode_image(HERE, LIMITS, saved(Image.new("RGB", (32, 32)), format))


def test_suffixes_of_images_and_of_what_only_looks_like_one_do_not_overlap() -> None:
    assert {".jpg", ".jpeg", ".jfif", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".avif"} <= IMAGE_SUFFIXES
    assert {".svg", ".heic", ".psd", ".dng"} <= NEAR_IMAGE_SUFFIXES
    assert not IMAGE_SUFFIXES & NEAR_IMAGE_SUFFIXES
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in IMAGE_SUFFIXES | NEAR_IMAGE_SUFFIXES)


# --- limits ----------------------------------------------------------------------------------------------------------


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


# --- damage ----------------------------------------------------------------------------------------------------------

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
def test_a_jpeg_cut_at_any_byte_is_truncated(make, progressive: bool) -> None:
    data = saved(make(24, 24), "JPEG", progressive=progressive)
    for length in range(1, len(data)):
        with pytest.raises(TruncatedImage):
            decoded(data[:length])


def test_a_png_cut_at_any_byte_is_truncated() -> None:
    data = saved(picture(20, 20), "PNG")
    for length in range(1, len(data)):
        with pytest.raises(TruncatedImage):
            decoded(data[:length])


@pytest.mark.parametrize("chunk", [b"IHDR", b"IDAT", b"IEND"])
def test_a_png_with_a_wrong_checksum_is_corrupt(chunk: bytes) -> None:
    data = bytearray(saved(picture(), "PNG"))
    start = data.index(chunk)
    length = int.from_bytes(data[start - 4 : start], "big")
    data[start + 4 + length] ^= 1
    with pytest.raises(CorruptImage):
        decoded(bytes(data))


def test_a_png_with_a_text_bomb_is_corrupt() -> None:
    bomb = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(PngImagePlugin.MAX_TEXT_CHUNK * 2)))
    data = png(20, 20, 8, 0, (b"\0" + bytes(20)) * 20, bomb)
    for use in (probe_image, decode_image):
        with pytest.raises(CorruptImage, match="too large"):
            use(HERE, LIMITS, data)


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
    good = {
        f"{name}": saved(noise(), *LOSSLESS[name][:1], **LOSSLESS[name][1]) for name in ("png", "webp", "tiff", "bmp")
    }
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


# --- sizes -----------------------------------------------------------------------------------------------------------

sides = st.integers(1, 20_000)


@given(sides, sides, st.integers(1, 4096))
def test_the_longer_side_becomes_exactly_the_size(width: int, height: int, size: int) -> None:
    assert max(working_size(width, height, size, upscale=True)) == size


@given(sides, sides, st.integers(1, 4096), st.booleans())
def test_the_shorter_side_is_off_by_half_a_pixel_at_most(width: int, height: int, size: int, upscale: bool) -> None:
    new_width, new_height = working_size(width, height, size, upscale)
    long, short = (width, height) if width >= height else (height, width)
    new_long, new_short = (new_width, new_height) if width >= height else (new_height, new_width)
    assert new_short >= 1
    assert new_short == 1 or 2 * abs(new_short * long - new_long * short) <= long


@given(sides, sides, st.integers(1, 4096))
def test_nothing_is_enlarged_unasked(width: int, height: int, size: int) -> None:
    new = working_size(width, height, size)
    assert new[0] <= width
    assert new[1] <= height
    assert new == (width, height) or max(width, height) > size


def test_halves_are_rounded_to_even_as_python_rounds() -> None:
    assert working_size(200, 101, 100) == (100, round(100 * 101 / 200)) == (100, 50)
    assert working_size(200, 103, 100) == (100, round(100 * 103 / 200)) == (100, 52)
    assert working_size(101, 200, 100) == (50, 100)


def test_a_thin_image_keeps_a_pixel() -> None:
    assert working_size(10_000, 1, 100) == (100, 1)


@given(sides, sides, st.integers(1, 4096))
def test_the_shorter_side_becomes_the_size_where_it_is_named(width: int, height: int, size: int) -> None:
    new = working_size(width, height, size, upscale=True, side="shorter")
    assert min(new) == size
    assert (new[0] >= new[1]) == (width >= height) or new[0] == new[1]


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 30), st.integers(0, 30))
def test_padding_repeats_the_image_in_mirrors(width: int, height: int, right: int, below: int) -> None:
    image = torch.rand(3, height, width)
    made = padded(image, width + right, height + below)
    expected = np.pad(image.numpy(), ((0, 0), (0, below), (0, right)), mode="symmetric")
    assert np.array_equal(made.numpy(), expected)


@pytest.mark.parametrize("sizes", [(0, 5, 5), (5, 0, 5), (5, 5, 0)])
def test_sizes_must_be_positive(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="positive"):
        working_size(*sizes)


def test_resizing_to_the_same_size_changes_nothing() -> None:
    assert resize_pixels(noise(), 48, 32) is not None
    assert np.array_equal(resize_pixels(noise(), 48, 32), noise())


def test_resizing_keeps_the_picture() -> None:
    small = resize_pixels(picture(480, 320), 48, 32)
    assert small.shape == (32, 48, 3)
    assert close(small, picture(), by=8)


def test_resizing_does_not_alias() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    assert close(resize_pixels(stripes, 16, 16), np.full((16, 16, 3), 128), by=24)


# --- tensors ---------------------------------------------------------------------------------------------------------


def test_to_tensor_is_channels_first_float32_in_0_to_1() -> None:
    tensor = to_tensor(noise())
    assert tensor.shape == (3, 32, 48)
    assert tensor.dtype == torch.float32
    assert tensor.is_contiguous()
    assert tensor[1, 2, 3] == np.float32(noise()[2, 3, 1]) / np.float32(255)


def test_tensor_and_back_is_exact_for_every_level() -> None:
    levels = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    assert np.array_equal(to_pixels(to_tensor(levels)), levels)


def test_a_tensor_does_not_share_memory_with_its_pixels() -> None:
    pixels = noise()
    pixels.setflags(write=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        to_tensor(pixels).zero_()
    assert np.array_equal(pixels, noise())


def test_to_pixels_clamps_and_rounds() -> None:
    image = torch.tensor([-5.0, 0.4 / 255, 0.6 / 255, 7.0]).reshape(1, 2, 2).expand(3, 2, 2)
    assert to_pixels(image)[..., 0].ravel().tolist() == [0, 0, 1, 255]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_to_pixels_takes_every_float_type_and_tensors_with_gradients(dtype: torch.dtype) -> None:
    pixels = to_pixels(torch.full((3, 4, 5), 0.5, dtype=dtype, requires_grad=True))
    assert pixels.shape == (4, 5, 3)
    assert pixels.flags.c_contiguous
    assert set(pixels.ravel().tolist()) == {128}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_to_pixels_refuses_what_is_not_finite(value: float) -> None:
    image = torch.zeros(3, 4, 4)
    image[1, 2, 3] = value
    with pytest.raises(ValueError, match="finite"):
        to_pixels(image)


@pytest.mark.parametrize("shape", [(1, 3, 4, 4), (4, 4, 3), (4, 4)])
def test_to_pixels_refuses_other_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"\(3, H, W\)"):
        to_pixels(torch.zeros(shape))


def test_to_tensor_refuses_other_shapes_and_types() -> None:
    for pixels in (np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)):
        with pytest.raises(ValueError, match="uint8"):
            to_tensor(pixels)


# --- writing ---------------------------------------------------------------------------------------------------------


def test_png_round_trip_is_exact() -> None:
    assert np.array_equal(decoded(encode_image(noise(), "png")), noise())


def test_jpeg_round_trip_comes_close() -> None:
    assert close(decoded(encode_image(picture(), "jpeg")), picture(), by=8)


def test_jpeg_quality_counts() -> None:
    assert len(encode_image(noise(), "jpeg", 60)) < len(encode_image(noise(), "jpeg", 95))


def test_jpegs_are_written_4_4_4() -> None:
    with Image.open(io.BytesIO(encode_image(noise(), "jpeg"))) as image:
        assert JpegImagePlugin.get_sampling(image) == 0


def test_jpegs_are_tagged_as_srgb_without_exif() -> None:
    with Image.open(io.BytesIO(encode_image(noise(), "jpeg"))) as image:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        assert "sRGB" in ImageCms.getProfileDescription(profile)
        assert "exif" not in image.info


def test_the_embedded_profile_is_srgb_to_any_reader() -> None:
    with Image.open(io.BytesIO(encode_image(picture(), "jpeg", 100))) as image:
        embedded = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        converted = ImageCms.profileToProfile(image, embedded, ImageCms.createProfile("sRGB"), outputMode="RGB")
        assert close(np.asarray(converted), np.asarray(image), by=1)


def test_pngs_are_tagged_as_srgb_without_exif() -> None:
    with Image.open(io.BytesIO(encode_image(noise(), "png"))) as image:
        assert image.info == {"srgb": 0}


@pytest.mark.parametrize("format", ["jpeg", "png"])
def test_the_same_pixels_give_the_same_bytes(format: str) -> None:
    assert encode_image(noise(), format) == encode_image(noise(), format)


def test_the_same_pixels_give_the_same_bytes_in_another_process() -> None:
    script = (
        "import sys, numpy as np; from nst_core.engine.images.pixels import encode_image;"
        "pixels = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8);"
        "sys.stdout.buffer.write(encode_image(pixels, 'jpeg') + encode_image(pixels, 'png'))"
    )
    there = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parents[3], capture_output=True, check=True
    )
    assert there.stdout == encode_image(noise(), "jpeg") + encode_image(noise(), "png")


def test_the_embedded_profile_bears_no_date_of_today() -> None:
    from nst_core.engine.images.srgb import SRGB_PROFILE

    assert struct.unpack(">6H", SRGB_PROFILE[24:36]) == (2000, 1, 1, 0, 0, 0)


def test_any_memory_layout_can_be_written() -> None:
    assert np.array_equal(decoded(encode_image(noise()[::-1, ::2], "png")), noise()[::-1, ::2])


@pytest.mark.parametrize("arguments", [("gif", 95), ("jpeg", 0), ("jpeg", 101)])
def test_a_senseless_format_or_quality_is_refused(arguments: tuple[str, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        encode_image(noise(), *arguments)


@given(st.integers(16, 40), st.integers(16, 40), st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_png_round_trips_any_pixels(width: int, height: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    assert np.array_equal(decoded(encode_image(pixels, "png")), pixels)
