"""Paths on a local disk or at a remote store, and the operations that differ between the two.

A local path is a `pathlib.Path`, a remote one a `RemotePath` (a UPath), which is typed as a Path, too, since it has the
methods that we use. Only `parse_path` makes a path of a text: `Path("s3://bucket")` would be the local `s3:/bucket`.
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

from nst_core.errors import InputError, UsageError
from nst_core.storage.secrets import holds_secret
from nst_core.storage.signed_urls import is_web_url, remember_address

if TYPE_CHECKING:
    import pyarrow as pa

    from nst_core.storage.remote_path import RemotePath

WRITABLE_PROTOCOLS = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory")
"""Protocols of stores that write an object whole or not at all: run folders may lie there. Others are for reading."""

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs"}
_ONE_REQUEST: dict[str, Any] = {"max_concurrency": 1}  # else s3fs reads ranges, perhaps of an old and a new object
_OPTIONS = {"s3": _ONE_REQUEST, "s3a": _ONE_REQUEST}
_TAGS = ("ETag", "etag", "md5Hash", "content_md5")
_TIMES = ("LastModified", "last_modified", "updated", "mtime", "created")
_CONCURRENCY = 16  # requests at a time; a store answers each in tens of milliseconds
_LISTING_MINIMUM = 33  # files of one folder from which on the folder is listed instead of asking for each

FileState = tuple[int, int]
"""(size in bytes, mtime in ns); for an object with an ETag, a negative number made of the tag instead of the time."""

NO_FILE: FileState = (-1, -1)
"""The state of a file that does not exist."""


def parse_path(text: str | Path) -> Path:
    """The path that a text names: a URL such as `s3://bucket/folder`, or a local path (also as `file://`).

    Of an address on the web it is the shown form, without secrets (`nst_core.storage.signed_urls`).

    Raises:
        UsageError: the protocol is unknown, its package is not installed, or the URL of a store contains a password.
    """
    if not isinstance(text, str):
        return text
    match = _URL.match(text)
    if match is None:
        return Path(text)
    protocol = match[1].lower()
    if protocol in ("file", "local"):
        return Path(text[match.end() :])
    if protocol in ("http", "https"):
        from nst_core.storage.web_path import WebPath

        return cast(Path, WebPath(remember_address(f"{protocol}{text[match.end(1) :]}"), use_listings_cache=False))
    if holds_secret(text):
        raise UsageError(
            f"The {protocol}:// URL holds a secret, which would end up in tables and logs: leave it out, and give it "
            "in the environment or in fsspec's configuration."
        )
    _check_protocol(protocol)
    from nst_core.storage.remote_path import RemotePath

    path = RemotePath(f"{protocol}{text[match.end(1) :]}", use_listings_cache=False, **_OPTIONS.get(protocol, {}))
    if path.storage_options.get("host"):
        raise UsageError(f"No files can be had from {protocol}://: copy them to a disk, or to a store such as s3://.")
    return cast(Path, path)


def parse_path_or_none(text: str | None) -> Path | None:
    """The path that a text names; None where the text is empty or `parse_path` refuses it."""
    try:
        return parse_path(text) if text else None
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
    """Whether a text is the URL of a remote file or folder."""
    match = _URL.match(text)
    return match is not None and match[1].lower() not in ("file", "local")


def is_local(path: Path) -> bool:
    """Whether a path lies on a disk or mounted file system of this machine."""
    return as_remote(path) is None


def as_remote(path: Path) -> RemotePath | None:
    """The path typed as a RemotePath if it lies at a store; None for a local one."""
    return None if isinstance(cast(object, path), Path) else cast("RemotePath", path)


def file_state(path: Path) -> FileState:
    """The size and time (or tag) of a file, from which a change shows; `NO_FILE` where there is no such file."""
    remote = as_remote(path)
    if remote is not None:
        try:
            return _state(remote.details())
        except (FileNotFoundError, NotADirectoryError, InputError):  # what is wrong is said when it is read
            return NO_FILE
    try:
        status = path.stat()
    except (OSError, ValueError):
        return NO_FILE
    return status.st_size, status.st_mtime_ns


def remote_states(paths: Iterable[Path]) -> dict[Path, FileState]:
    """The `file_state` of each remote path among `paths`; folders with many of them are listed instead."""
    by_folder: dict[Path, list[Path]] = {}
    for path in paths:
        if not is_local(path):
            by_folder.setdefault(path.parent, []).append(path)
    many = (folder for folder, members in by_folder.items() if len(members) >= _LISTING_MINIMUM)
    listed = {folder for folder in many if not _on_web(folder)}
    singles = [path for folder, members in by_folder.items() if folder not in listed for path in members]
    folders = {folder: by_folder[folder] for folder in listed}
    with ThreadPoolExecutor(_CONCURRENCY) as pool:
        states = dict(zip(singles, pool.map(file_state, singles), strict=True))
        for members, found in zip(folders.values(), pool.map(_folder_states, folders), strict=True):
            states |= {path: found.get(path.name, NO_FILE) for path in members}
    return states


def states_below(folder: Path) -> dict[str, FileState]:
    """The `file_state` of every file below a folder at a store, by its relative path, by one listing."""
    details = cast("RemotePath", folder).details_below()
    return {name: _state(one) for name, one in details.items()}


def _on_web(folder: Path) -> bool:
    """Whether a folder is a web server's, whose page of links tells no sizes: its files are fetched, once each."""
    return is_web_url(str(folder))


def _folder_states(folder: Path) -> dict[str, FileState]:
    try:
        members = cast("RemotePath", folder).members()
    except FileNotFoundError:
        return {}
    return {str(member["name"]).rpartition("/")[2]: _state(member) for member in members}


def _state(details: Mapping[str, Any]) -> FileState:
    if details["type"] != "file":
        return NO_FILE
    tag = next((details[name] for name in _TAGS if details.get(name)), None)
    if tag is not None:  # the same for a copy of the same bytes, unlike the time
        number = int.from_bytes(hashlib.sha256(str(tag).strip('"').encode()).digest()[:7], "big")
        return int(details["size"] or 0), -2 - number
    changed = next((details[name] for name in _TIMES if details.get(name)), None)
    stamp = changed.timestamp() if isinstance(changed, datetime) else changed
    if not isinstance(stamp, int | float):
        stamp = time.time()  # no time known: the file counts as changed each time
    return int(details["size"] or 0), round(stamp * 10**9)


def files_below(folder: Path) -> Iterator[str]:
    """The path relative to `folder` (with `/`) of every file below it; none where there is no such folder."""
    remote = as_remote(folder)
    if remote is not None:
        yield from remote.names_below()
        return
    for place, _, names in os.walk(folder):
        prefix = Path(place).relative_to(folder).as_posix()
        yield from (name if prefix == "." else f"{prefix}/{name}" for name in names)


def parquet_source(path: Path) -> Path | pa.BufferReader:
    """A Parquet file as pyarrow takes it; a remote one is read whole by one request. Raises FileNotFoundError."""
    if is_local(path):
        return path
    import pyarrow as pa

    return pa.BufferReader(path.read_bytes())


def parquet_sources(paths: Iterable[Path]) -> Iterator[tuple[Path, Path | pa.BufferReader]]:
    """(path, `parquet_source`) of each file, in order and read ahead where remote; missing files are left out."""
    remaining = list(paths)
    with ThreadPoolExecutor(_CONCURRENCY) as pool:
        for start in range(0, len(remaining), _CONCURRENCY):
            batch = remaining[start : start + _CONCURRENCY]
            for path, source in zip(batch, pool.map(_source_or_none, batch), strict=True):
                if source is not None:
                    yield path, source


def arrow_files(paths: Sequence[Path]) -> tuple[list[str], Any]:
    """Names and file system of files of one store or disk, for a pyarrow dataset (no file system for a disk)."""
    remote = [as_remote(path) for path in paths]
    return [one.path if one else str(path) for path, one in zip(paths, remote, strict=True)], next(
        (one.fs for one in remote if one), None
    )


def _source_or_none(path: Path) -> Path | pa.BufferReader | None:
    try:
        return parquet_source(path)
    except FileNotFoundError:
        return None


def check_store_writable(path: Path) -> None:
    """Check that a remote folder can be written to by writing and deleting an empty object.

    Raises:
        StorageRefused: the store refuses it.
        UsageError: there is no such bucket, or the protocol is not one of `WRITABLE_PROTOCOLS`.
        StorageUnreachable: the store does not answer.
    """
    remote = as_remote(path)
    assert remote is not None, path
    if remote.protocol not in WRITABLE_PROTOCOLS:
        raise UsageError(
            f"Nothing can be written to {path}: only stores that show an object whole or not at all are written to "
            f"({', '.join(f'{name}://' for name in WRITABLE_PROTOCOLS)})."
        )
    trial = path / ".nst-write-check"
    try:
        trial.write_bytes(b"")
        trial.unlink(missing_ok=True)
    except FileNotFoundError as error:
        raise UsageError(
            f"{path} cannot be written: there is no such bucket. Make it first, or choose another place."
        ) from error
