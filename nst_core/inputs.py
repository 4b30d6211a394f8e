"""What a plan must know of an input before any work: its shape, its bytes' hash, or why it cannot be used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from nst_core.engine.images import probe_image, read_bytes
from nst_core.engine.limits import ImageLimits
from nst_core.errors import InputError, UnreadableName
from nst_core.sources.base import is_text, path_text

_READERS = 4


@dataclass(frozen=True)
class Input:
    """One image file as it was when planned.

    Attributes:
        path: of the file.
        width, height: after EXIF orientation; 0 where unknown.
        sha256: of the bytes; None if they could not be read.
        size_bytes, mtime_ns: to see cheaply whether the file may have changed; -1 if it is not there.
        error: why the image cannot be used, or None.
    """

    path: Path
    width: int = 0
    height: int = 0
    sha256: str | None = None
    size_bytes: int = -1
    mtime_ns: int = -1
    error: InputError | None = None


def inspect_inputs(wanted: Mapping[Path, ImageLimits]) -> Iterator[Input]:
    """Inspect files in parallel; each is read once. I/O errors that may pass (not the file's own fault) propagate."""
    pool = ThreadPoolExecutor(_READERS, thread_name_prefix="inspect")
    try:
        yield from pool.map(lambda entry: inspect_input(*entry), wanted.items())
    finally:  # reached early when whoever asks is interrupted: what is still queued is not wanted any more
        pool.shutdown(cancel_futures=True)


def inspect_input(path: Path, limits: ImageLimits) -> Input:
    """Hash one file and read its header; a bad image comes back with its error in it."""
    if not is_text(path):
        return Input(path, error=UnreadableName(path_text(path)))
    size_bytes, mtime_ns = file_state(path)
    digest = None
    try:
        data = read_bytes(path)
        digest = sha256(data).hexdigest()
        info = probe_image(path, limits, data)
    except InputError as error:
        return Input(path, sha256=digest, size_bytes=size_bytes, mtime_ns=mtime_ns, error=error)
    return Input(path, info.width, info.height, digest, size_bytes, mtime_ns)


def file_state(path: Path) -> tuple[int, int]:
    """(size in bytes, mtime in ns), or (-1, -1) where there is no such file."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return -1, -1
    return status.st_size, status.st_mtime_ns


def present_hash(path: Path | str) -> str | None:
    """sha256 of what a file holds now; None where it cannot be read."""
    try:
        return sha256(read_bytes(Path(path))).hexdigest()
    except (InputError, OSError):
        return None


def first_error(inputs: Iterable[Input]) -> InputError | None:
    """The first input's error, if any."""
    return next((i.error for i in inputs if i.error is not None), None)
