"""Files that are no images, and what is said of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from image_samples import HERE, LIMITS, picture, saved
from PIL import Image

from nst_core.engine.images.pixels import (
    decode_image,
    probe_image,
)
from nst_core.engine.images.suffixes import IMAGE_SUFFIXES, NEAR_IMAGE_SUFFIXES
from nst_core.errors import (
    NotAnImage,
)

pytestmark = pytest.mark.filterwarnings(r"ignore::UserWarning:PIL\.")  # about the metadata that we damage on purpose


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
