"""What a plan must know of an input before any work: its shape, its bytes' hash, or why it cannot be used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path

from nst_core.engine.images.files import open_file, refuse_too_large
from nst_core.engine.images.limits import ImageLimits
from nst_core.errors import ImageTooSmall, InputError, UnreadableName
from nst_core.sources.base import is_utf8, path_text
from nst_core.sources.index.image_metadata import FILE_ERRORS, ImageMetadata, ScanOptions, read_image_metadata
from nst_core.storage.paths import file_state, parse_path


@dataclass(frozen=True, slots=True)
class Input:
    """One image file as it was when planned.

    Attributes:
        path: of the file.
        width, height: after EXIF orientation; 0 where unknown.
        sha256: of the bytes; None if they could not be read.
        size_bytes, mtime_ns: its `file_state`, to see cheaply whether it may have changed; -1 if it is not there.
        error: why the image cannot be used, or None.
        mode, format: Pillow's names; empty where unknown.
        phash: what it looks like, if that was asked for and can be told.
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


def inspect_input(path: Path, limits: ImageLimits) -> Input:
    """Hash one file and read its header; a bad image comes back with its error in it."""
    if not is_utf8(path):
        return Input(path, error=UnreadableName(path_text(path)))
    state = file_state(path)
    try:
        return make_input(path, read_image_metadata(path, ScanOptions(limits), *state), limits)
    except InputError as error:
        return unreadable_input(path, state, error)


def make_input(path: Path, facts: ImageMetadata, limits: ImageLimits) -> Input:
    """A file by what was found in it, under a run's limits; of one that is refused the size is not told."""
    seen = (facts.sha256, facts.size_bytes, facts.mtime_ns)
    error = _refusal(path, facts, limits)
    if error:
        return Input(path, 0, 0, *seen, error, facts.mode, facts.format)
    return Input(path, facts.width, facts.height, *seen, None, facts.mode, facts.format, facts.phash)


def unreadable_input(path: Path, state: tuple[int, int], error: InputError) -> Input:
    """A file whose bytes could not be had."""
    return Input(path, size_bytes=state[0], mtime_ns=state[1], error=error)


def current_sha256(path: Path | str) -> str | None:
    """sha256 of what a file holds now; None where it cannot be read, or holds nothing."""
    try:
        with open_file(parse_path(path)) as file:
            return file_digest(file, "sha256").hexdigest() if file.peek(1) else None
    except (InputError, OSError):
        return None


def first_error(inputs: Iterable[Input]) -> InputError | None:
    """The first input's error, if any."""
    return next((i.error for i in inputs if i.error is not None), None)


def _refusal(path: Path, facts: ImageMetadata, limits: ImageLimits) -> InputError | None:
    """What is wrong with the header comes first, then the limits, then what only decoding brought to light."""
    if facts.fault and not facts.width:
        return FILE_ERRORS[facts.fault](path, facts.reason or "")
    try:
        refuse_too_large(path, (facts.width, facts.height), limits.max_pixels)
    except InputError as error:
        return error
    if min(facts.width, facts.height) < limits.min_side:
        size = f"{facts.width} x {facts.height}"
        return ImageTooSmall(path, f"it is {size} pixels, and min_side = {limits.min_side}")
    return FILE_ERRORS[facts.fault](path, facts.reason or "") if facts.fault else None
