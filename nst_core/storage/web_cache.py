"""Copies of what was fetched from the web, in `<cache folder>/web`, so that a run asks for a picture once.

A file per URL, named after the hash of its shown form: a line of JSON, then the bytes. Its time of change says when the
server was last asked. A refusal is kept like a picture, without bytes. `NST_WEB_CACHE_GB` bounds the folder (5 GB
unless set; 0: no copies on the disk); what was not used for longest goes first.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import threading
from collections import OrderedDict
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from nst_core.storage.machine import cache_folder

BOUND = "NST_WEB_CACHE_GB"
DEFAULT_GB = 5.0
_IN_MEMORY = 64 * 2**20
"""Bytes kept in memory where the disk takes no copies."""


@dataclass(frozen=True)
class WebCopy:
    """What a server answered.

    Attributes:
        url: as shown.
        data: the bytes; empty where it refused.
        sha256: of the bytes, hex.
        etag, modified: by which the server tells whether it has changed.
        failure, reason: class and text of the error for which there are no bytes; None where there are.
        checked_at: seconds since 1970 when the server was last asked.
    """

    url: str
    data: bytes = b""
    sha256: str = ""
    etag: str | None = None
    modified: str | None = None
    failure: str | None = None
    reason: str | None = None
    checked_at: float = 0.0


class WebCache:
    """The copies on this machine's disk, or a few in memory where there is no room for them."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._memory: OrderedDict[str, WebCopy] = OrderedDict()
        self._size: int | None = None
        self._lock = threading.Lock()

    def get(self, url: str) -> WebCopy | None:
        """The copy of a URL, if there is a sound one."""
        path = self._path(url)
        try:
            checked_at = path.stat().st_mtime
            head, _, data = path.read_bytes().partition(b"\n")
            copy = WebCopy(**json.loads(head), data=data, checked_at=checked_at)
        except (OSError, ValueError, TypeError):
            return self._memory.get(url)
        sound = copy.url == url and (copy.failure or hashlib.sha256(data).hexdigest() == copy.sha256)
        return copy if sound else None

    def put(self, copy: WebCopy) -> None:
        """Keep a copy; its time of check becomes that of the file."""
        head = {name: value for name, value in asdict(copy).items() if name not in ("data", "checked_at")}
        content = json.dumps(head).encode() + b"\n" + copy.data
        path = self._path(copy.url)
        bound = _bound()
        temporary = path.with_name(f".{path.name}-{secrets.token_hex(4)}.tmp")
        try:
            if len(content) > bound / 4:
                raise OSError("too large for the cache")
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            temporary.write_bytes(content)
            os.utime(temporary, (copy.checked_at, copy.checked_at))
            temporary.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            self._keep_in_memory(copy)
            return
        with self._lock:
            self._make_room(len(content), bound)

    def confirm(self, copy: WebCopy, checked_at: float) -> WebCopy:
        """The copy, which the server says is as it was."""
        confirmed = replace(copy, checked_at=checked_at)
        try:
            os.utime(self._path(copy.url), (checked_at, checked_at))
        except OSError:
            self._keep_in_memory(confirmed)
        return confirmed

    def _path(self, url: str) -> Path:
        folder = cache_folder() / "web" if self._folder is None else self._folder
        return folder / hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()[:40]

    def _keep_in_memory(self, copy: WebCopy) -> None:
        with self._lock:
            self._memory.pop(copy.url, None)
            if len(copy.data) <= _IN_MEMORY:
                self._memory[copy.url] = copy
            while sum(len(kept.data) for kept in self._memory.values()) > _IN_MEMORY:
                self._memory.popitem(last=False)

    def _make_room(self, added: int, bound: float) -> None:
        """Delete the oldest copies once there are more bytes than the bound allows."""
        if self._size is not None:
            self._size += added
            if self._size <= bound:
                return
        files = []
        for entry in os.scandir(self._path("").parent):
            with contextlib.suppress(OSError):
                status = entry.stat()
                files.append((status.st_mtime, status.st_size, entry.path))
        self._size = sum(size for _, size, _ in files)
        if self._size <= bound:
            return
        for _, size, path in sorted(files):
            if self._size <= 0.9 * bound:
                return
            with contextlib.suppress(OSError):
                os.unlink(path)  # noqa: PTH108
                self._size -= size


def _bound() -> float:
    """The bound in bytes."""
    try:
        return max(0.0, float(os.environ.get(BOUND, DEFAULT_GB))) * 1e9
    except ValueError:
        return DEFAULT_GB * 1e9
