"""Image files to pixels and back: the one loader and the one writer.

Whatever a file holds (CMYK, 16 bits, a palette, transparency, a rotated camera picture, another colour space) becomes
upright 8-bit sRGB, or an `InputError` that says in a sentence what is wrong with the file.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, PngImagePlugin

from nst_core.engine.images.completeness import load_complete
from nst_core.engine.images.decoder_process import decode_apart, is_light
from nst_core.engine.images.files import (
    check_not_empty,
    open_file,
    open_image,
    orientation_of,
    pillow_faults,
    read_bytes,
    refuse_too_large,
    turn_upright,
    upright_size,
)
from nst_core.engine.images.limits import ImageLimits
from nst_core.engine.images.srgb import SRGB_PROFILE, srgb_image
from nst_core.engine.images.suffixes import OutputFormat
from nst_core.engine.working_size import Fit
from nst_core.errors import ImageTooSmall

if TYPE_CHECKING:
    from torch import Tensor

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class ImageInfo:
    """The header of an image file: size in pixels after the EXIF orientation, Pillow's names of mode and format."""

    width: int
    height: int
    mode: str
    format: str


@dataclass(frozen=True)
class DecodedImage:
    """A decoded file: `pixels` (H, W, 3) uint8 sRGB, C-contiguous, and the `sha256` of its bytes in hexadecimal."""

    pixels: Pixels
    sha256: str
    info: ImageInfo


def probe_image(path: Path, limits: ImageLimits, data: bytes | None = None) -> ImageInfo:
    """The header of an image, without decoding. With `data`, the file itself is not touched.

    Raises as `decode_image` does for all that shows in the header.
    """
    if data is not None:
        return _probe(path, io.BytesIO(check_not_empty(path, data)), limits)
    with open_file(path) as file:
        check_not_empty(path, file.peek(1))
        return _probe(path, file, limits)


def decode_image(path: Path, limits: ImageLimits, data: bytes | None = None) -> DecodedImage:
    """The picture as upright 8-bit sRGB; with `data`, the file itself is not touched.

    * EXIF orientation is applied, an embedded ICC profile converted to sRGB (a broken profile is ignored), transparency
      composited on white; of an animation or a multi-picture file, the first picture counts.
    * 16-bit grey is divided by 257. 32-bit integers within 0..65535 are taken for 16-bit samples, floats within [0, 1]
      for fractions of white; anything beyond is stretched from its own minimum (black) to its maximum (white), with
      NaN black and infinities at the ends.

    What may take very long is decoded in a process of its own, which is killed after `limits.decode_seconds`.

    Raises what `read_bytes` raises, and NotAnImage, TruncatedImage, CorruptImage, ImageTooLarge (before any pixel is
    decoded), ImageTooSmall or SlowImage.
    """
    data = read_bytes(path) if data is None else data
    info = probe_image(path, limits, data)
    if is_light(info.format, info.width * info.height, data):
        return decode_here(path, limits, data)
    image: DecodedImage = decode_apart(path, limits, data)
    return image


def decode_here(path: Path, limits: ImageLimits, data: bytes) -> DecodedImage:
    """`decode_image` on this thread, however long it takes."""
    with pillow_faults(path):
        image = open_image(path, io.BytesIO(data), limits.max_pixels)
        info = _checked_info(path, image, limits)
        picture = load_complete(path, image, data)
        upright = turn_upright(srgb_image(picture), orientation_of(image))
    pixels = np.array(upright)
    info = replace(info, width=upright.width, height=upright.height)
    return DecodedImage(pixels, hashlib.sha256(data).hexdigest(), info)


def working_size(
    width: int, height: int, size: int, upscale: bool = False, side: Literal["longer", "shorter"] = "longer"
) -> tuple[int, int]:
    """(width, height) with `size` as the side that `side` names and the aspect ratio kept.

    The other side is `round(size · other / named)`, exactly (halves to even, as Python rounds), at least 1. An image
    whose named side is at most `size` keeps its own size unless `upscale`.
    """
    if min(width, height, size) < 1:
        raise ValueError(f"sizes must be positive, not {width} x {height} to {size}")
    named = max(width, height) if side == "longer" else min(width, height)
    if named <= size and not upscale:
        return width, height
    scaled = [max(1, round(Fraction(size * own, named))) for own in (width, height)]
    return scaled[0], scaled[1]


def fitted_size(width: int, height: int, fit: Fit) -> tuple[int, int]:
    """(width, height) of a picture at its working size."""
    width, height = _resized_shape(width, height, fit)
    return (width, height) if fit.crop is None else (min(width, fit.crop), min(height, fit.crop))


def fit_pixels(pixels: Pixels, fit: Fit) -> Pixels:
    """(H, W, 3) uint8 at its working size."""
    width, height = _resized_shape(pixels.shape[1], pixels.shape[0], fit)
    if fit.resizing == "bilinear" and pixels.shape[:2] != (height, width):
        pixels = np.array(Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR))
    pixels = resize_pixels(pixels, width, height)
    if fit.crop is None:
        return pixels
    own = min(width, fit.crop), min(height, fit.crop)
    left, top = (round((whole - part) / 2) for whole, part in zip((width, height), own, strict=True))
    return np.ascontiguousarray(pixels[top : top + own[1], left : left + own[0]])


def _resized_shape(width: int, height: int, fit: Fit) -> tuple[int, int]:
    """(width, height) before a picture is cropped."""
    if fit.resizing == "lanczos":
        return working_size(width, height, fit.size, fit.upscale, fit.side)
    named = max(width, height) if fit.side == "longer" else min(width, height)
    if named <= fit.size and not fit.upscale:
        return width, height
    return max(1, fit.size * width // named), max(1, fit.size * height // named)


def pad_by_reflection(image: Tensor, width: int, height: int) -> Tensor:
    """The image (3, H, W) extended to the right and below to (3, height, width) by repeated reflection."""
    import torch  # here and below, not above: galleries need pixels, and no second for a library that they do not use

    for dim, length in ((1, height), (2, width)):
        own = image.shape[dim]
        if own < length:
            index = torch.arange(length, device=image.device) % (2 * own)
            image = image.index_select(dim, torch.minimum(index, 2 * own - 1 - index))
    return image


def resize_pixels(pixels: Pixels, width: int, height: int) -> Pixels:
    """Resize (H, W, 3) uint8 to (height, width, 3) by Lanczos with antialiasing, unless it has that size."""
    if pixels.shape[:2] == (height, width):
        return pixels
    return np.array(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))


def to_tensor(pixels: Pixels) -> Tensor:
    """Convert (H, W, 3) uint8 to (3, H, W) float32 in [0, 1], contiguous, in its own memory."""
    import torch

    _check_pixels(pixels)
    channels_first = pixels.transpose(2, 0, 1).astype(np.float32, order="C")
    return torch.from_numpy(channels_first).div_(255.0)


def to_pixels(image: Tensor) -> Pixels:
    """Convert (3, H, W) float, clamped to [0, 1], to (H, W, 3) uint8. Raises ValueError for NaN or infinity."""
    import torch

    if image.ndim != 3 or image.shape[0] != 3:
        raise ValueError(f"expected an image of shape (3, H, W), not {tuple(image.shape)}")
    image = image.detach().to(torch.float32)
    if not bool(torch.isfinite(image).all()):
        raise ValueError("the image holds values that are not finite")
    levels = image.clamp(0.0, 1.0).mul(255.0).round().to(torch.uint8)
    return np.ascontiguousarray(levels.permute(1, 2, 0).cpu().numpy())


def encode_image(pixels: Pixels, format: OutputFormat, quality: int = 95) -> bytes:
    """Encode (H, W, 3) uint8 sRGB as a file, tagged as sRGB, without EXIF; the same pixels give the same bytes.

    JPEG is written 4:4:4 with an ICC profile; PNG is lossless with an `sRGB` chunk (`quality` has no say there).
    """
    _check_pixels(pixels)
    image, buffer = Image.fromarray(np.ascontiguousarray(pixels)), io.BytesIO()
    if format == "jpeg":
        if not 1 <= quality <= 100:
            raise ValueError(f"JPEG quality must be within 1..100, not {quality}")
        image.save(buffer, "JPEG", quality=quality, subsampling=0, icc_profile=SRGB_PROFILE)
    elif format == "png":
        chunks = PngImagePlugin.PngInfo()
        chunks.add(b"sRGB", b"\x00")
        image.save(buffer, "PNG", pnginfo=chunks)
    else:
        raise ValueError(f"format must be jpeg or png, not {format}")
    return buffer.getvalue()


def _probe(path: Path, stream: IO[bytes], limits: ImageLimits) -> ImageInfo:
    with pillow_faults(path):
        return _checked_info(path, open_image(path, stream, limits.max_pixels), limits)


def _checked_info(path: Path, image: ImageFile.ImageFile, limits: ImageLimits) -> ImageInfo:
    refuse_too_large(path, image.size, limits.max_pixels)
    width, height = upright_size(image)
    if min(width, height) < limits.min_side:
        raise ImageTooSmall(path, f"it is {width} x {height} pixels, and min_side = {limits.min_side}")
    return ImageInfo(width, height, image.mode, str(image.format))


def _check_pixels(pixels: NDArray[Any]) -> None:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f"expected pixels of shape (H, W, 3) and type uint8, not {pixels.shape} and {pixels.dtype}")
