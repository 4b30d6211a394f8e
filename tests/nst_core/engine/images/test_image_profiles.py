"""ICC profiles, converted to sRGB."""

from __future__ import annotations

import numpy as np
import pytest
from icc_profiles import BLUE, GREEN, RED, cmyk_profile, grey_profile, rgb_profile
from image_samples import close, decoded, flat, picture, saved

pytestmark = pytest.mark.filterwarnings(r"ignore::UserWarning:PIL\.")  # about the metadata that we damage on purpose


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
