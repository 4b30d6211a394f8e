"""What is true of a file's bytes, whatever a run wants of them: it can be remembered as long as the bytes are the same.

Verdicts that depend on a run's limits are not among the facts; nor are troubles of the system (no such file, no
permission), which may be gone the next time.
"""

from __future__ import annotations

import hashlib
import io
import sys
from dataclasses import dataclass, field, replace
from enum import IntEnum
from pathlib import Path
from typing import IO, Literal

from PIL import Image

from nst_core.engine.images.containers import canvas_size
from nst_core.engine.images.files import open_file, open_image, orientation_of, pillow_faults, upright_size
from nst_core.engine.images.limits import ImageLimits
from nst_core.engine.images.pixels import Pixels, decode_image, read_bytes
from nst_core.errors import CorruptImage, InputError, NotAnImage, TruncatedImage
from nst_core.sources.index.phash import draft_jpeg, perceptual_hash

FileErrorClass = type[NotAnImage] | type[TruncatedImage] | type[CorruptImage]
FILE_ERRORS: dict[str, FileErrorClass] = {fault.__name__: fault for fault in (NotAnImage, TruncatedImage, CorruptImage)}
"""The errors that are facts: as long as a file has the same bytes, it has the same fault."""

_READ_WHOLE = 64 * 2**20
"""Files of more bytes are hashed piece by piece."""


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """What is to be found out about a file.

    Attributes:
        limits: what is refused; such an image is neither decoded nor looked at.
        verify: read the header, or decode the file whole.
        phash: take a perceptual hash too.
    """

    limits: ImageLimits = field(default_factory=ImageLimits)
    verify: Literal["header", "full"] = "header"
    phash: bool = False


class CheckDepth(IntEnum):
    """How far a file was checked: `SIZE` is that of a canvas which nobody was asked to allocate."""

    SIZE = 0
    HEADER = 1
    FULL = 2


@dataclass(frozen=True, slots=True)
class ImageMetadata:
    """What was found in a file's bytes.

    Attributes:
        size_bytes, mtime_ns: of the file, before it was read.
        sha256: hex digest of the bytes.
        width, height: after EXIF orientation; 0 where the header is at fault.
        mode, format: Pillow's names; empty where unknown.
        orientation: EXIF's, 1 to 8.
        phash: 64 bits; None if not `looked`, or where the picture shows too little to tell it from others.
        fault: one of `FILE_ERRORS`, with its reason; None for a sound file.
    """

    size_bytes: int
    mtime_ns: int
    sha256: str
    width: int = 0
    height: int = 0
    mode: str = ""
    format: str = ""
    orientation: int = 1
    verified: CheckDepth = CheckDepth.SIZE
    looked: bool = False
    phash: int | None = None
    fault: str | None = None
    reason: str | None = None

    def answer(self, wanted: ScanOptions) -> bool:
        """Whether nothing is left to find out."""
        if self.fault or self.width * self.height > wanted.limits.max_pixels:
            return True
        if self.verified == CheckDepth.SIZE:
            return False
        if min(self.width, self.height) < wanted.limits.min_side:
            return True
        return (wanted.verify == "header" or self.verified == CheckDepth.FULL) and (self.looked or not wanted.phash)

    def and_earlier(self, earlier: ImageMetadata) -> ImageMetadata:
        """With what was found in the same bytes before."""
        if self.fault or earlier.sha256 != self.sha256:
            return self
        look = self if self.looked else earlier
        return replace(self, verified=max(self.verified, earlier.verified), looked=look.looked, phash=look.phash)


def read_image_metadata(path: Path, wanted: ScanOptions, size_bytes: int, mtime_ns: int) -> ImageMetadata:
    """Read a file once and find out what is wanted. A fault of its bytes is one of the facts.

    Raises what `read_bytes` raises: MissingImage, UnreadableImage, EmptyImage, or an OSError that may pass.
    """
    if size_bytes > _READ_WHOLE:
        with open_file(path) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return _found(path, wanted, ImageMetadata(size_bytes, mtime_ns, digest), file, None)
    data = read_bytes(path)
    known = ImageMetadata(size_bytes, mtime_ns, hashlib.sha256(data).hexdigest())
    return _found(path, wanted, known, io.BytesIO(data), data)


def _found(
    path: Path, wanted: ScanOptions, known: ImageMetadata, stream: IO[bytes], data: bytes | None
) -> ImageMetadata:
    try:
        known = _from_header(path, stream, known, wanted.limits)
        return known if known.answer(wanted) else _from_pixels(path, stream, known, wanted, data)
    except InputError as error:
        if type(error).__name__ not in FILE_ERRORS:
            raise
        return replace(known, verified=CheckDepth.FULL, fault=type(error).__name__, reason=error.reason)


def _from_header(path: Path, stream: IO[bytes], known: ImageMetadata, limits: ImageLimits) -> ImageMetadata:
    """Pillow allocates the canvas of a GIF or WebP when it opens it: too large a one is measured from without."""
    with pillow_faults(path):
        canvas = canvas_size(stream)
        if canvas and canvas[0] * canvas[1] > limits.max_pixels:
            return replace(known, width=canvas[0], height=canvas[1])
        image = open_image(path, stream, sys.maxsize)
        width, height = upright_size(image)
        return replace(
            known,
            width=width,
            height=height,
            mode=image.mode,
            format=str(image.format),
            orientation=orientation_of(image),
            verified=CheckDepth.HEADER,
        )


def _from_pixels(
    path: Path, stream: IO[bytes], known: ImageMetadata, wanted: ScanOptions, data: bytes | None
) -> ImageMetadata:
    """With the hash of the looks, the same whether the file was decoded whole or not."""
    pixels = decode_image(path, wanted.limits, data).pixels if wanted.verify == "full" else None
    verified = known.verified if pixels is None else CheckDepth.FULL
    if not wanted.phash:
        return replace(known, verified=verified)
    look: Image.Image | Pixels | None = draft_jpeg(path, stream, known.orientation)
    if look is None:
        look = decode_image(path, wanted.limits, data).pixels if pixels is None else pixels
        verified = CheckDepth.FULL
    return replace(known, verified=verified, looked=True, phash=perceptual_hash(look))
