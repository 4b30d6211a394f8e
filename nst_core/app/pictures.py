"""Pictures that people bring or look through: decoded a few at a time, and made small."""

from __future__ import annotations

import io
import threading
from pathlib import Path

from PIL import Image

from nst_core.app.refusals import Refusal
from nst_core.engine.images.limits import ImageLimits
from nst_core.engine.images.pixels import DecodedImage, decode_image, probe_image
from nst_core.errors import ImageTooLarge, ImageTooSmall, InputError, NotAnImage

SIDE = 640
"""Of what the page shows of a picture."""

EXTENSIONS = {"JPEG": "jpg", "MPO": "jpg", "TIFF": "tif", "JPEG2000": "jp2"}
"""Of Pillow's formats, where it is not the format's name."""

_DECODING = threading.BoundedSemaphore(2)
"""Pictures that are decoded at a time: each may take some hundred megabytes."""

_ANY_SIZE = ImageLimits(max_pixels=2**62, min_side=1)


def decoded(path: Path, limits: ImageLimits, data: bytes | None = None) -> DecodedImage:
    """As `decode_image`, but not more than two at a time. Raises InputError."""
    with _DECODING:
        return decode_image(path, limits, data)


def brought(name: str, data: bytes, most_pixels: int) -> DecodedImage:
    """The picture in a file that somebody calls `name`. Raises Refusal, with what is wrong with it."""
    try:
        return decoded(Path(name), ImageLimits(max_pixels=most_pixels), data)
    except ImageTooLarge as error:
        raise Refusal(413, _too_many_pixels(name, data, most_pixels)) from error
    except ImageTooSmall as error:
        raise Refusal(422, f"{name}: {error.reason.partition(',')[0]}: choose a larger picture.") from error
    except NotAnImage as error:
        raise Refusal(415, f"{name} cannot be used: {error.reason.removesuffix('.')}.") from error
    except InputError as error:
        raise Refusal(422, f"{name} cannot be used: {error.reason.removesuffix('.')}.") from error


def extension(image: DecodedImage) -> str:
    """What the name of its file ends in."""
    return EXTENSIONS.get(image.info.format, image.info.format.lower())


def small(image: DecodedImage, side: int = SIDE) -> bytes:
    """A WebP file of the picture with `side` pixels on its longer side, at most."""
    shown, buffer = Image.fromarray(image.pixels), io.BytesIO()
    shown.thumbnail((side, side), Image.Resampling.LANCZOS)
    shown.save(buffer, "WEBP", quality=82, method=4)
    return buffer.getvalue()


def _too_many_pixels(name: str, data: bytes, most: int) -> str:
    info = probe_image(Path(name), _ANY_SIZE, data)  # which its header was good enough for before
    return (
        f"{name} has {info.width * info.height / 1e6:.0f} megapixels, and at most {most / 1e6:g} are taken: "
        "make it smaller first."
    )
