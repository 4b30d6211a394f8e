"""Where files lie: on a local disk or at a remote store. Everything that may be either goes through here.

A local path is a `pathlib.Path`, a remote one a `StoredPath` (a UPath) that is typed as a Path too, because it does
what we ask of paths. A text is made a path by `located` alone: `Path("s3://bucket")` would be `s3:/bucket`, a local
folder.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from nst_core.errors import UsageError
from nst_core.storage.secrets import holds_secret

if TYPE_CHECKING:
    import pyarrow as pa

    from nst_core.storage.stored_path import StoredPath

WHOLE_OBJECTS = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory")
"""Protocols of stores that show an object whole or not at all: run folders may lie there. Others are for reading."""

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs"}
_ONE_REQUEST: dict[str, Any] = {"max_concurrency": 1}  # else s3fs reads by ranges, perhaps of an old and a new object
_OPTIONS = {"s3": _ONE_REQUEST, "s3a": _ONE_REQUEST}
_TAGS = ("ETag", "etag", "md5Hash", "content_md5")
_TIMES = ("LastModified", "last_modified", "updated", "mtime", "created")
_AT_ONCE = 16  # requests under way; a store answers in some ten milliseconds, however many ask
_FEW = 32  # files in one folder that are asked for one by one rather than by listing all of it

FileState = tuple[int, int]
"""(size in bytes, mtime in ns). In place of the time, what a store calls a content's tag, as a negative number."""

GONE: FileState = (-1, -1)


def located(text: str | Path) -> Path:
    """The path that a text names: a URL such as `s3://bucket/folder`, or a local path (also as `file://`).

    Raises:
        UsageError: no such protocol, the package for it is not installed, or the URL holds a password.
    """
    if not isinstance(text, str):
        return text
    match = _URL.match(text)
    if match is None:
        return Path(text)
    protocol = match[1].lower()
    if protocol in ("file", "local"):
        return Path(text[match.end() :])
    if holds_secret(text):
        raise UsageError(
            f"The {protocol}:// URL holds a secret, which would end up in tables and logs: leave it out, and give it "
            "in the environment or in fsspec's configuration."
        )
    _check_protocol(protocol)
    from nst_core.storage.stored_path import StoredPath

    path = StoredPath(f"{protocol}{text[match.end(1) :]}", use_listings_cache=False, **_OPTIONS.get(protocol, {}))
    if path.storage_options.get("host"):
        raise UsageError(f"No files can be had from {protocol}://: copy them to a disk, or to a store such as s3://.")
    return cast(Path, path)


def located_or_none(text: str | None) -> Path | None:
    """As `located`; None where the text is empty, or names no place that we can ask."""
    try:
        return located(text) if text else None
    except UsageError:
        return None


@cache
def _check_protocol(protocol: str) -> None:
    from fsspec import get_filesystem_class

    try:
        get_filesystem_class(protocol)
    except ValueError as error:
        raise UsageError(f"No store is known as {protocol}://: use s3://, gs://, or a local path.") from error
    except ImportError as error:
        extra = _EXTRAS.get(protocol)
        remedy = f"pip install 'nst-pipeline[{extra}]'" if extra else " ".join(str(error).split())
        raise UsageError(f"A package for {protocol}:// is not installed: {remedy}.") from error


def is_url(text: str) -> bool:
    """Whether a text names a remote place."""
    match = _URL.match(text)
    return match is not None and match[1].lower() not in ("file", "local")


def is_local(path: Path) -> bool:
    """Whether a path lies on a disk of this machine (or what it takes for one)."""
    return stored(path) is None


def stored(path: Path) -> StoredPath | None:
    """A path at a store as what it is; None for a local one."""
    return None if isinstance(cast(object, path), Path) else cast("StoredPath", path)


def file_state(path: Path) -> FileState:
    """What tells cheaply whether a file may have changed; `GONE` where there is no such file."""
    remote = stored(path)
    if remote is not None:
        try:
            return _state(remote.details())
        except (FileNotFoundError, NotADirectoryError):
            return GONE
    try:
        status = path.stat()
    except (OSError, ValueError):
        return GONE
    return status.st_size, status.st_mtime_ns


def remote_states(paths: Iterable[Path]) -> dict[Path, FileState]:
    """`file_state` of those paths that are remote: where many lie in one folder, by listing it."""
    by_folder: dict[Path, list[Path]] = {}
    for path in paths:
        if not is_local(path):
            by_folder.setdefault(path.parent, []).append(path)
    singles = [path for members in by_folder.values() if len(members) <= _FEW for path in members]
    folders = {folder: members for folder, members in by_folder.items() if len(members) > _FEW}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        states = dict(zip(singles, pool.map(file_state, singles), strict=True))
        for members, found in zip(folders.values(), pool.map(_folder_states, folders), strict=True):
            states |= {path: found.get(path.name, GONE) for path in members}
    return states


def _folder_states(folder: Path) -> dict[str, FileState]:
    try:
        members = cast("StoredPath", folder).members()
    except FileNotFoundError:
        return {}
    return {str(member["name"]).rpartition("/")[2]: _state(member) for member in members}


def _state(details: Mapping[str, Any]) -> FileState:
    if details["type"] != "file":
        return GONE
    tag = next((details[name] for name in _TAGS if details.get(name)), None)
    if tag is not None:  # names the bytes, whereas copying them anew changes the time
        number = int.from_bytes(hashlib.sha256(str(tag).strip('"').encode()).digest()[:7], "big")
        return int(details["size"] or 0), -2 - number
    changed = next((details[name] for name in _TIMES if details.get(name)), None)
    stamp = changed.timestamp() if isinstance(changed, datetime) else changed
    if not isinstance(stamp, int | float):
        stamp = time.time()  # nothing tells: then it is as if it had just changed, and is looked at again each time
    return int(details["size"] or 0), round(stamp * 10**9)


def files_below(folder: Path) -> Iterator[str]:
    """Every file below a folder, by its path from there, folders parted by `/`; nothing where there is no folder."""
    remote = stored(folder)
    if remote is not None:
        yield from remote.names_below()
        return
    for place, _, names in os.walk(folder):
        prefix = Path(place).relative_to(folder).as_posix()
        yield from (name if prefix == "." else f"{prefix}/{name}" for name in names)


def parquet_source(path: Path) -> Path | pa.BufferReader:
    """A Parquet file as pyarrow reads it; a remote one is fetched whole, by one request. Raises FileNotFoundError."""
    if is_local(path):
        return path
    import pyarrow as pa

    return pa.BufferReader(path.read_bytes())


def parquet_sources(paths: Iterable[Path]) -> Iterator[tuple[Path, Path | pa.BufferReader]]:
    """`parquet_source` of many files, in order, remote ones fetched some ahead; those that are gone are left out."""
    waiting = list(paths)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for start in range(0, len(waiting), _AT_ONCE):
            some = waiting[start : start + _AT_ONCE]
            for path, source in zip(some, pool.map(_source_or_none, some), strict=True):
                if source is not None:
                    yield path, source


def arrow_files(paths: Sequence[Path]) -> tuple[list[str], Any]:
    """Files of one place as pyarrow's datasets take them: their names, and the file system (None for a disk)."""
    remote = [stored(path) for path in paths]
    return [one.path if one else str(path) for path, one in zip(paths, remote, strict=True)], next(
        (one.fs for one in remote if one), None
    )


def _source_or_none(path: Path) -> Path | pa.BufferReader | None:
    try:
        return parquet_source(path)
    except FileNotFoundError:
        return None


def check_store_writable(path: Path) -> None:
    """Put a small object into a remote folder and take it away again.

    Raises:
        UsageError: that is refused, there is no such bucket, or the store is not one of `WHOLE_OBJECTS`.
        StorageUnreachable: it does not answer.
    """
    remote = stored(path)
    assert remote is not None, path
    if remote.protocol not in WHOLE_OBJECTS:
        raise UsageError(
            f"Nothing can be written to {path}: only stores that show an object whole or not at all are written to "
            f"({', '.join(f'{name}://' for name in WHOLE_OBJECTS)})."
        )
    trial = path / ".nst-write-check"
    try:
        trial.write_bytes(b"")
        trial.unlink(missing_ok=True)
    except FileNotFoundError as error:
        raise UsageError(
            f"{path} cannot be written: there is no such bucket. Make it first, or choose another place."
        ) from error
