"""Inputs of a plan: an image file's shape and hash, or the error for which it cannot be used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import file_digest
from pathlib import Path

from nst_core.engine.images.files import open_file, refuse_too_large
from nst_core.engine.images.limits import ImageLimits
from nst_core.errors import ImageTooSmall, InputError
from nst_core.sources.index.image_metadata import FILE_ERRORS, ImageMetadata
from nst_core.storage.paths import parse_path


@dataclass(frozen=True, slots=True)
class Input:
    """One image file as it was when it was scanned.

    Attributes:
        path: of the file.
        width, height: after EXIF orientation; 0 where unknown.
        sha256: of the bytes; None if they could not be read.
        size_bytes, mtime_ns: its `file_state`, from which a change shows; -1 if it does not exist.
        error: the reason why the image cannot be used, or None.
        mode, format: Pillow's names; empty where unknown.
        phash: its perceptual hash, if computed and meaningful.
        palette: the bytes of its palette, if computed.
    """

    path: Path
    width: int = 0
    height: int = 0
    sha256: str | None = None
    size_bytes: int = -1
    mtime_ns: int = -1
    error: InputError | None = None
    mode: str = ""
    format: str = ""
    phash: int | None = None
    palette: bytes | None = None


def make_input(path: Path, metadata: ImageMetadata, limits: ImageLimits) -> Input:
    """The input of a file with this metadata, under a run's limits; that of a refused one has no size."""
    identity = (metadata.sha256, metadata.size_bytes, metadata.mtime_ns)
    error = _refusal(path, metadata, limits)
    if error:
        return Input(path, 0, 0, *identity, error, metadata.mode, metadata.format)
    found = Input(path, metadata.width, metadata.height, *identity, None, metadata.mode, metadata.format)
    return replace(found, phash=metadata.phash, palette=metadata.palette)


def unreadable_input(path: Path, state: tuple[int, int], error: InputError) -> Input:
    """The input of a file that could not be read."""
    return Input(path, size_bytes=state[0], mtime_ns=state[1], error=error)


def current_sha256(path: Path | str) -> str | None:
    """The sha256 of a file's bytes; None where it cannot be read, or is empty."""
    try:
        with open_file(parse_path(path)) as file:
            return file_digest(file, "sha256").hexdigest() if file.peek(1) else None
    except (InputError, OSError):
        return None


def first_error(inputs: Iterable[Input]) -> InputError | None:
    """The first error among the inputs, if any."""
    return next((i.error for i in inputs if i.error is not None), None)


def _refusal(path: Path, metadata: ImageMetadata, limits: ImageLimits) -> InputError | None:
    """The first of: a fault of the header, a violated limit, a fault that decoding found."""
    if metadata.fault and not metadata.width:
        return FILE_ERRORS[metadata.fault](path, metadata.reason or "")
    try:
        refuse_too_large(path, (metadata.width, metadata.height), limits.max_pixels)
    except InputError as error:
        return error
    if min(metadata.width, metadata.height) < limits.min_side:
        size = f"{metadata.width} x {metadata.height}"
        return ImageTooSmall(path, f"it is {size} pixels, and min_side = {limits.min_side}")
    return FILE_ERRORS[metadata.fault](path, metadata.reason or "") if metadata.fault else None
