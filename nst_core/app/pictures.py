"""Decoding of uploaded and picked pictures, a few at a time, and their thumbnails."""

from __future__ import annotations

import io
import threading
from pathlib import Path

from PIL import Image

from nst_core.app.limits import Limits
from nst_core.app.request_errors import RequestError
from nst_core.engine.images.decoder_process import is_light
from nst_core.engine.images.files import read_bytes
from nst_core.engine.images.limits import ImageLimits
from nst_core.engine.images.pixels import DecodedImage, decode_image, probe_image
from nst_core.engine.images.suffixes import SUFFIXES
from nst_core.errors import ImageTooLarge, ImageTooSmall, InputError, NotAnImage, SlowImage

THUMBNAIL_SIDE = 640
"""Longer side of a thumbnail, in pixels."""

_DECODING, _DECODING_APART = threading.BoundedSemaphore(2), threading.BoundedSemaphore(2)
"""Semaphores for two pictures to be decoded at a time, and two that may be slow, which hold up no others.

Each may take some hundred megabytes.
"""

_PATIENCE = 2.0
"""Seconds that a picture which may be slow waits for its turn: waiting takes one of the few threads of the server."""

_ANY_SIZE = ImageLimits(max_pixels=2**62, min_side=1)


def decode_limited(path: Path, limits: ImageLimits, data: bytes | None = None) -> DecodedImage:
    """`decode_image`, but not more than two at a time. Raises InputError, RequestError (many slow ones)."""
    data = read_bytes(path) if data is None else data
    info = probe_image(path, limits, data)
    if is_light(info.format, info.width * info.height, data):
        with _DECODING:
            return decode_image(path, limits, data)
    if not _DECODING_APART.acquire(timeout=_PATIENCE):
        raise RequestError(503, "Other pictures that take long to decode are on their way: try again in a while.", 5)
    try:
        return decode_image(path, limits, data)
    finally:
        _DECODING_APART.release()


def image_limits(limits: Limits) -> ImageLimits:
    """What the app's limits say of images."""
    return ImageLimits(max_pixels=limits.pixels, decode_seconds=limits.decode_seconds)


def decode_upload(name: str, data: bytes, limits: Limits) -> DecodedImage:
    """The picture in an uploaded file called `name`. Raises RequestError, with what is wrong with it."""
    try:
        return decode_limited(Path(name), image_limits(limits), data)
    except ImageTooLarge as error:
        raise RequestError(413, _too_many_pixels(name, data, limits.pixels)) from error
    except SlowImage as error:
        raise RequestError(422, f"{name} takes too long to decode: save it anew as an ordinary JPEG or PNG.") from error
    except ImageTooSmall as error:
        raise RequestError(422, f"{name}: {error.reason.partition(',')[0]}: choose a larger picture.") from error
    except NotAnImage as error:
        raise RequestError(415, f"{name} cannot be used: {error.reason.removesuffix('.')}.") from error
    except InputError as error:
        raise RequestError(422, f"{name} cannot be used: {error.reason.removesuffix('.')}.") from error


def suffix_of(image: DecodedImage) -> str:
    """The suffix of a file in the format that the picture was decoded from."""
    return SUFFIXES[image.info.format][0]


def thumbnail_bytes(image: DecodedImage) -> bytes:
    """The picture as a WebP file with at most `THUMBNAIL_SIDE` pixels on its longer side."""
    thumbnail, buffer = Image.fromarray(image.pixels), io.BytesIO()
    thumbnail.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
    thumbnail.save(buffer, "WEBP", quality=82, method=4)
    return buffer.getvalue()


def _too_many_pixels(name: str, data: bytes, most: int) -> str:
    info = probe_image(Path(name), _ANY_SIZE, data)  # which its header was good enough for before
    return (
        f"{name} has {info.width * info.height / 1e6:.0f} megapixels, and at most {most / 1e6:g} are taken: "
        "make it smaller first."
    )
