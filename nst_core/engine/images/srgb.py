"""Conversion of any colour mode that Pillow decodes to 8-bit sRGB on white."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

_INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC
_FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION
_MODE_OF_SPACE = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK", b"Lab ": "LAB"}
_BLOCK = 256  # rows
_EIGHT_BIT = {"1": "L", "La": "LA", "PA": "RGBA", "RGBa": "RGBA", "RGBX": "RGB", "YCbCr": "RGB", "HSV": "RGB"}


def _undated_srgb_profile() -> bytes:
    """The sRGB profile without the time that LittleCMS writes into it, so that the same pixels give the same file."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = b"\x07\xd0\x00\x01\x00\x01" + bytes(6)  # 1 January 2000
    profile[84:100] = bytes(16)  # the profile's MD5: "not computed"
    return bytes(profile)


SRGB_PROFILE = _undated_srgb_profile()
"""The ICC profile that we embed in JPEGs: always the same bytes."""


def srgb_image(image: Image.Image) -> Image.Image:
    """Convert a loaded image of any mode to mode RGB in sRGB, composited on white. Orientation is left alone."""
    samples = _eight_bit(image)
    if samples.mode not in ("LA", "RGBA"):
        return _to_srgb(samples, image.info.get("icc_profile"))
    colours = _to_srgb(samples.convert(samples.mode[:-1]), image.info.get("icc_profile"))
    canvas = Image.new("RGB", samples.size, "white")
    canvas.paste(colours, mask=samples.getchannel("A"))
    return canvas


def _to_srgb(colours: Image.Image, profile: object) -> Image.Image:
    """Convert mode L, RGB, CMYK or LAB to sRGB, by the profile if it is valid and fits."""
    if isinstance(profile, bytes) and profile != SRGB_PROFILE:
        space = _MODE_OF_SPACE.get(profile[16:20])
        if space == "RGB" and colours.mode == "L":
            colours = colours.convert("RGB")
        if space == colours.mode:
            try:
                return _through_profile(colours, ImageCms.ImageCmsProfile(io.BytesIO(profile)))
            except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
                pass  # a broken profile is no reason to refuse a sound picture
    if colours.mode == "LAB":
        return _through_profile(colours, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")))
    return colours.convert("RGB")


def _through_profile(colours: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    return ImageCms.buildTransform(profile, srgb, colours.mode, "RGB", _INTENT, _FLAGS).apply(colours)


def _eight_bit(image: Image.Image) -> Image.Image:
    """Convert any mode to one of L, LA, RGB, RGBA, CMYK, LAB."""
    if image.mode.startswith("I;16"):
        return _from_16_bits(image)
    if image.mode in ("I", "F"):
        return Image.fromarray(_stretched(np.asarray(image), white=65535.0 if image.mode == "I" else 1.0))
    if image.mode in ("1", "L", "P", "RGB") and image.has_transparency_data:
        return _with_alpha(image)
    if image.mode == "P":
        return image.convert("RGB")
    return image.convert(_EIGHT_BIT[image.mode]) if image.mode in _EIGHT_BIT else image


def _with_alpha(image: Image.Image) -> Image.Image:
    """Convert transparency given by a palette or by one transparent colour to an alpha channel."""
    colour = image.info.get("transparency")
    if image.mode == "RGB" and isinstance(colour, tuple) and max(colour) > 255:
        image = image.copy()  # a 16-bit PNG: Pillow keeps the pixels' upper bytes, but all of the colour's bits
        image.info["transparency"] = tuple(value >> 8 for value in colour)
    return image.convert("LA" if image.mode in ("1", "L") else "RGBA")


def _from_16_bits(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.uint32)
    grey = Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
    return grey


def _stretched(values: NDArray[Any], white: float) -> NDArray[np.uint8]:
    """Scale 0..white to 0..255; values beyond that range are stretched from their own minimum to their maximum."""
    low, high = _range(values, white)
    if low >= 0.0 and high <= white:
        low, high = 0.0, white
    whole = np.empty(values.shape, np.uint8)
    for top in range(0, len(values), _BLOCK):  # in double precision, but not all at once
        levels = (values[top : top + _BLOCK].astype(np.float64) - low) * (255.0 / ((high - low) or 1.0))
        whole[top : top + _BLOCK] = np.rint(np.nan_to_num(levels, nan=0.0, posinf=255.0, neginf=0.0).clip(0.0, 255.0))
    return whole


def _range(values: NDArray[Any], white: float) -> tuple[float, float]:
    """The least and the largest finite value; 0 and `white` if there is none."""
    lows, highs = [], []
    for top in range(0, len(values), _BLOCK):
        block = values[top : top + _BLOCK]
        finite = block[np.isfinite(block)]
        if finite.size:
            lows.append(float(finite.min()))
            highs.append(float(finite.max()))
    return (min(lows), max(highs)) if lows else (0.0, white)
