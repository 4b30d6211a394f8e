"""Every format that is read, and its orientation."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from image_samples import HERE, LIMITS, close, decoded, needs_avif, noise, picture, png_chunk, saved
from PIL import ExifTags, Image

from nst_core.engine.images.pixels import (
    decode_image,
    probe_image,
)

pytestmark = pytest.mark.filterwarnings(r"ignore::UserWarning:PIL\.")  # about the metadata that we damage on purpose


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
