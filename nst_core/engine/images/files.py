"""Opening of files as images, and the errors for those that cannot be used.

Pillow is asked for common raster formats only, so that no plugin that runs Ghostscript or reads something exotic is
ever reached. What it raises becomes an `InputError` here, and nowhere else.
"""

from __future__ import annotations

import errno
import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError, features

from nst_core.engine.images.containers import canvas_size, ends_early
from nst_core.engine.images.limits import LimitExceeded
from nst_core.engine.images.not_images import CAMERA_RAW, CONVERT_FIRST, identify, not_an_image_reason
from nst_core.engine.images.png import SIGNATURE, pixel_stream, png_exif, png_parts, png_profile
from nst_core.engine.images.suffixes import SUFFIXES
from nst_core.engine.images.tiff import choose_page, unreadable_tiff_reason
from nst_core.engine.images.tiff_tags import unreadable_tags
from nst_core.engine.regular_files import NOT_REGULAR, open_regular
from nst_core.errors import (
    CorruptImage,
    EmptyImage,
    ImageTooLarge,
    InputError,
    MissingImage,
    NotAnImage,
    TruncatedImage,
    UnreadableImage,
)

Image.init()
warnings.filterwarnings("ignore", module=r"PIL\.")  # about metadata; what matters to us comes as an exception

_FORMATS = [name for name in SUFFIXES if name in Image.OPEN and name != "TGA"]
_CODECS = {"WEBP": "webp", "JPEG2000": "jpg_2000", "AVIF": "avif"}
_SIGNATURES = [
    ("JPEG", {0: b"\xff\xd8\xff"}),
    ("PNG", {0: b"\x89PNG\r\n\x1a\n"}),
    ("GIF", {0: b"GIF8"}),
    ("WEBP", {0: b"RIFF", 8: b"WEBP"}),
    ("TIFF", {0: b"II*\0"}),
    ("TIFF", {0: b"MM\0*"}),
    ("TIFF", {0: b"II+\0"}),
    ("TIFF", {0: b"MM\0+"}),
    ("BMP", {0: b"BM", 6: b"\0\0\0\0"}),
    ("JPEG2000", {0: b"\xff\x4f\xff\x51"}),
    ("JPEG2000", {0: b"\0\0\0\x0cjP  \r\n\x87\n"}),
    ("AVIF", {4: b"ftypavi"}),
    ("AVIF", {4: b"ftypmif1"}),
]
ENDS_EARLY = "the file ends before the image does"
_CUT_SHORT = ("truncated", "reached eof", "not enough image data", "but only got")  # in what Pillow says
_DNG_VERSION = 50706
_TRANSPOSES = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@contextmanager
def open_file(path: Path) -> Iterator[io.BufferedReader]:
    """Open a regular file. Raises as `read_bytes`, except for EmptyImage."""
    try:
        file = open_regular(path)
    except OSError as error:
        if fault := _file_fault(path, error):
            raise fault from error
        raise
    except ValueError as error:
        raise MissingImage(path, "no file can have such a name") from error
    with file:
        yield file


def read_bytes(path: Path) -> bytes:
    """The bytes of a regular file (links are followed).

    Raises MissingImage, EmptyImage or UnreadableImage (permissions; a directory, pipe or device: never waits on one).
    Any other OSError, such as EIO or EMFILE, is no property of the image and comes through as it is.
    """
    with open_file(path) as file:
        return check_not_empty(path, file.read())


def starts_as_image(head: bytes) -> bool:
    """Whether the first bytes of a file (32 are enough) are those of an image format that is read."""
    return any(_matches(head, parts) for _, parts in _SIGNATURES)


def check_not_empty(path: Path, data: bytes) -> bytes:
    """The bytes of a file, or some of them. Raises EmptyImage where there are none."""
    if not data:
        raise EmptyImage(path, "the file is empty (0 bytes)")
    return data


def open_image(path: Path, stream: IO[bytes], max_pixels: int) -> ImageFile.ImageFile:
    """Open an image lazily: the header is read, no pixel is decoded. To be used within `pillow_faults`."""
    if size := canvas_size(stream):
        refuse_too_large(path, size, max_pixels)
    stream.seek(0)
    head = stream.read(4096)
    formats = [*_FORMATS, "TGA"] if path.suffix.lower() == ".tga" else _FORMATS  # a TGA has no signature
    try:
        image = _open_png(stream, head) if head.startswith(SIGNATURE) else Image.open(stream, formats=formats)
    except Exception as error:
        if isinstance(error, (MemoryError, LimitExceeded)) or _is_system_error(error):
            raise
        raise _opening_fault(path, stream, head, error) from error
    if image.format == "TIFF" and (path.suffix.lower() in CAMERA_RAW or _DNG_VERSION in getattr(image, "tag_v2", {})):
        raise NotAnImage(path, CONVERT_FIRST[".dng"])
    if image.format == "TIFF":
        choose_page(image)
        if reason := unreadable_tiff_reason(image):
            raise NotAnImage(path, reason)
    return image


def _open_png(stream: IO[bytes], head: bytes) -> ImageFile.ImageFile:
    """A PNG with its profile and EXIF as we read them, and a transparent grey of 2 or 4 bits scaled to 8."""
    parts = png_parts(stream)
    image = Image.open(pixel_stream(stream, parts), formats=["PNG"])
    if profile := png_profile(stream, parts):
        image.info["icc_profile"] = profile
    if exif := png_exif(stream, parts):
        image.info["exif"] = b"Exif\0\0" + exif
    if image.mode == "L" and (bit_depth := head[24]) < 8 and "transparency" in image.info:
        image.info["transparency"] *= 255 // (2**bit_depth - 1)
    return image


def refuse_too_large(path: Path, size: tuple[int, int], max_pixels: int) -> None:
    """Raise ImageTooLarge for a (width, height) of more pixels than `max_pixels`."""
    width, height = size
    if width * height > max_pixels:
        pixels = f"{width * height} pixels ({width} x {height})"
        raise ImageTooLarge(path, f"it has {pixels}, more than max_pixels = {max_pixels} allows")


def orientation_of(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 (upright) if there is none, or none that makes sense."""
    try:
        # The base class's method: PNG's own one decodes the whole picture to find EXIF that may follow the pixels.
        value = Image.Image.getexif(image).get(ExifTags.Base.Orientation, 1)
    except Exception:  # broken metadata raise anything, and are no reason to refuse a sound picture
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def turn_upright(image: Image.Image, orientation: int) -> Image.Image:
    """The picture rotated or mirrored as its EXIF orientation (1 to 8) says."""
    return image.transpose(_TRANSPOSES[orientation]) if orientation in _TRANSPOSES else image


def upright_size(image: ImageFile.ImageFile) -> tuple[int, int]:
    """(width, height) after the orientation, from the header. Pillow's TIFF plugin has turned the size already."""
    turned_already = ExifTags.Base.Orientation in getattr(image, "tag_v2", {})
    width, height = image.size
    return (height, width) if orientation_of(image) >= 5 and not turned_already else (width, height)


@contextmanager
def pillow_faults(path: Path) -> Iterator[None]:
    """Turn what Pillow raises about the file's bytes into an InputError; a MemoryError or a real I/O error stays."""
    try:
        with _without_pillow_limits():
            yield
    except (InputError, MemoryError):
        raise
    except LimitExceeded as error:
        raise ImageTooLarge(path, str(error)) from error
    except Exception as error:
        if _is_system_error(error):
            raise
        raise _decoding_fault(path, error) from error


def _is_system_error(error: Exception) -> bool:
    """An OSError from the system has a number; EINVAL is what a seek to a damaged offset gives."""
    return isinstance(error, OSError) and error.errno not in (None, errno.EINVAL)


def _decoding_fault(path: Path, error: Exception) -> InputError:
    message = " ".join(str(error).split())[:200] or type(error).__name__
    if isinstance(error, EOFError) or any(sign in message.lower() for sign in _CUT_SHORT):
        return TruncatedImage(path, ENDS_EARLY)
    return CorruptImage(path, f"its data are damaged ({message})")


def _opening_fault(path: Path, stream: IO[bytes], head: bytes, error: Exception) -> InputError:
    if reason := identify(head):
        return NotAnImage(path, reason)
    if _is_start_of_signature(head) or ends_early(stream):
        return TruncatedImage(path, ENDS_EARLY)
    format = next((name for name, parts in _SIGNATURES if _matches(head, parts)), None)
    if format is None and not head.startswith(b"P"):  # Pillow goes by two letters for BMP and the PPM family
        return NotAnImage(path, not_an_image_reason(path, head))
    if format == "TIFF" and (reason := unreadable_tags(stream)):
        return NotAnImage(path, reason)
    if not isinstance(error, UnidentifiedImageError):
        return _decoding_fault(path, error)
    if format is None:
        return NotAnImage(path, not_an_image_reason(path, head))
    if format in _CODECS and not features.check(_CODECS[format]):
        return NotAnImage(path, f"it is {format}, which this Pillow cannot read: convert it to JPEG or PNG first")
    return CorruptImage(path, f"it starts like a {format} file, but its header is damaged or of an unknown kind")


def _matches(head: bytes, signature: dict[int, bytes]) -> bool:
    return all(head.startswith(magic, offset) for offset, magic in signature.items())


def _is_start_of_signature(head: bytes) -> bool:
    """Whether a file of a few bytes may be the start of an image: more than two letters."""
    if len(head) >= 12 or (len(head) < 3 and head.isascii()):
        return False
    return any(
        all(magic.startswith(head[offset : offset + len(magic)]) for offset, magic in parts.items())
        and min(parts) < len(head)
        for _, parts in _SIGNATURES
    )


def _file_fault(path: Path, error: OSError) -> InputError | None:
    """The InputError for an error at opening; None if the fault is the system's (EIO, EMFILE)."""
    if isinstance(error, PermissionError):
        return UnreadableImage(path, "we have no permission to read it")
    if isinstance(error, IsADirectoryError):
        return UnreadableImage(path, "it is a directory, not a file")
    if error.strerror == NOT_REGULAR:
        return UnreadableImage(path, NOT_REGULAR)
    if error.errno == errno.ELOOP:
        return MissingImage(path, "it is a link that leads to itself")
    if isinstance(error, FileNotFoundError) and path.is_symlink():
        return MissingImage(path, "it is a link that leads nowhere")
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return MissingImage(path, "there is no such file")
    if error.errno == errno.ENAMETOOLONG:
        return MissingImage(path, "there is no such file: the name is too long")
    return None


_limits_lock = threading.Lock()
_limits_users = 0
_limits_before: tuple[int | None, bool] = (None, False)


@contextmanager
def _without_pillow_limits() -> Iterator[None]:
    """Switch off Pillow's limit on pixels (ours applies) and its leniency to truncated files.

    Both are global variables of Pillow: the first of several threads sets them, the last puts back what was there.
    """
    global _limits_users, _limits_before
    with _limits_lock:
        if _limits_users == 0:
            _limits_before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
            Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = None, False
        _limits_users += 1
    try:
        yield
    finally:
        with _limits_lock:
            _limits_users -= 1
            if _limits_users == 0:
                Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = _limits_before
