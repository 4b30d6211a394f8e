"""Writing of JPEG and PNG files."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_samples import close, decoded, noise, picture
from PIL import Image, ImageCms, JpegImagePlugin

from nst_core.engine.images.pixels import (
    encode_image,
)

pytestmark = pytest.mark.filterwarnings(r"ignore::UserWarning:PIL\.")  # about the metadata that we damage on purpose


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
