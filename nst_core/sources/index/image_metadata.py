"""Metadata of an image file: all that depends on its bytes alone, and can be cached as long as they do not change.

It does not include refusals by a run's limits, nor errors of the system (no such file, no permission).
"""

from __future__ import annotations

import hashlib
import io
import sys
from dataclasses import dataclass, field, replace
from enum import IntEnum
from pathlib import Path
from typing import IO, Literal

from nst_core.engine.images.containers import canvas_size
from nst_core.engine.images.files import (
    open_file,
    open_image,
    orientation_of,
    pillow_faults,
    read_bytes,
    upright_size,
)
from nst_core.engine.images.limits import ImageLimits
from nst_core.errors import CorruptImage, InputError, NotAnImage, TruncatedImage

FILE_ERRORS: dict[str, type[NotAnImage] | type[TruncatedImage] | type[CorruptImage]] = {
    error.__name__: error for error in (NotAnImage, TruncatedImage, CorruptImage)
}
"""The errors that depend on the bytes alone."""

_READ_WHOLE = 64 * 2**20
"""Size in bytes up to which a file is read into memory; larger ones are hashed piece by piece."""


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """Options of the scan of a file.

    Attributes:
        limits: of size; an image beyond them is neither decoded nor hashed.
        verify: read the header only, or decode the whole file.
        phash, palette: compute the perceptual hash, the palette, too.
    """

    limits: ImageLimits = field(default_factory=ImageLimits)
    verify: Literal["header", "full"] = "header"
    phash: bool = False
    palette: bool = False


class CheckDepth(IntEnum):
    """The depth to which a file was checked; `SIZE`: only the size of its canvas was read, without allocating it."""

    SIZE = 0
    HEADER = 1
    FULL = 2


@dataclass(frozen=True, slots=True)
class ImageMetadata:
    """The metadata of an image file.

    Attributes:
        size_bytes, mtime_ns: of the file, before it was read.
        sha256: hex digest of the bytes.
        width, height: after EXIF orientation; 0 where the header is faulty.
        mode, format: Pillow's names; empty where unknown.
        orientation: EXIF's, 1 to 8.
        verified: the depth of the check.
        hashed: whether the perceptual hash was computed.
        phash: 64 bits; None if not `hashed`, or where the picture has too little structure.
        fault, reason: name and text of one of `FILE_ERRORS`; None for a valid file.
        palette: int16 in the order of bytes of this machine; None if it was not computed.
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
    hashed: bool = False
    phash: int | None = None
    fault: str | None = None
    reason: str | None = None
    palette: bytes | None = None

    def is_enough(self, options: ScanOptions) -> bool:
        """Whether it includes all that a scan with these options finds."""
        if self.fault or self.width * self.height > options.limits.max_pixels:
            return True
        if self.verified == CheckDepth.SIZE:
            return False
        if min(self.width, self.height) < options.limits.min_side:
            return True
        return (
            (options.verify == "header" or self.verified == CheckDepth.FULL)
            and (self.hashed or not options.phash)
            and (self.palette is not None or not options.palette)
        )

    def merge(self, earlier: ImageMetadata) -> ImageMetadata:
        """The union with metadata that was found earlier, if that is of the same bytes."""
        if self.fault or earlier.sha256 != self.sha256:
            return self
        hashed = self if self.hashed else earlier
        return replace(
            self,
            verified=max(self.verified, earlier.verified),
            hashed=hashed.hashed,
            phash=hashed.phash,
            palette=self.palette or earlier.palette,
        )


def read_image_metadata(path: Path, options: ScanOptions, size_bytes: int, mtime_ns: int) -> ImageMetadata:
    """Read a file once and return its metadata. An invalid image is no exception, but a `fault` in the metadata.

    Raises what `read_bytes` raises: MissingImage, UnreadableImage, EmptyImage, or a transient OSError.
    """
    if size_bytes > _READ_WHOLE:
        with open_file(path) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return _inspect(path, options, ImageMetadata(size_bytes, mtime_ns, digest), file, None)
    data = read_bytes(path)
    known = ImageMetadata(size_bytes, mtime_ns, hashlib.sha256(data).hexdigest())
    return _inspect(path, options, known, io.BytesIO(data), data)


def _inspect(
    path: Path, options: ScanOptions, known: ImageMetadata, stream: IO[bytes], data: bytes | None
) -> ImageMetadata:
    try:
        known = _from_header(path, stream, known, options.limits)
        return known if known.is_enough(options) else _from_pixels(path, stream, known, options, data)
    except InputError as error:
        if type(error).__name__ not in FILE_ERRORS:
            raise
        return replace(known, verified=CheckDepth.FULL, fault=type(error).__name__, reason=error.reason)


def _from_header(path: Path, stream: IO[bytes], known: ImageMetadata, limits: ImageLimits) -> ImageMetadata:
    """Read the header. Of a GIF or WebP, whose canvas Pillow allocates when it opens it, the size is checked first."""
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
    path: Path, stream: IO[bytes], known: ImageMetadata, options: ScanOptions, data: bytes | None
) -> ImageMetadata:
    """Decode and hash the image as far as options; the hash is the same whether the whole file was decoded or not."""
    from nst_core.engine.images.decoder_process import is_light
    from nst_core.engine.images.pixels import decode_image  # a scan answered by the cache needs none of it
    from nst_core.sources.index.palette import palette
    from nst_core.sources.index.phash import draft_jpeg, perceptual_hash

    whole = options.verify == "full" or options.palette
    pixels = decode_image(path, options.limits, data).pixels if whole else None
    verified = known.verified if pixels is None else CheckDepth.FULL
    if options.palette and pixels is not None:
        known = replace(known, palette=palette(pixels).tobytes())
    if not options.phash:
        return replace(known, verified=verified)
    light = data is not None and is_light(known.format, known.width * known.height, data)
    draft = draft_jpeg(path, stream, known.orientation) if light else None  # it has no deadline
    if draft is not None:
        return replace(known, verified=verified, hashed=True, phash=perceptual_hash(draft))
    if pixels is None:
        pixels = decode_image(path, options.limits, data).pixels
    return replace(known, verified=CheckDepth.FULL, hashed=True, phash=perceptual_hash(pixels))
