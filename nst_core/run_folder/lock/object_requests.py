"""Conditional requests for lock objects at a store: create if absent, overwrite if unchanged."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nst_core.errors import NstError, RunFolderError
from nst_core.run_folder.lock.record import LockLost, LockUnavailable, Record, parse_record

ATOMIC_CREATE = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory"})
"""Protocols whose fsspec implementation creates an object only if there is none, in one request."""

IF_MATCH = frozenset({"s3", "s3a"})
"""Protocols whose fsspec implementation can overwrite an object only if it is a certain version."""

SETTLE_SECONDS = 2.0
"""Seconds after which a store without conditional create is read again, to see whose lock was written last."""


@dataclass(frozen=True)
class LockObject:
    """A lock object: its contents (None: there is no object), and its version where the store has versions."""

    record: Record | None
    version: str | None = None

    def belongs_to(self, record: Record) -> bool:
        """Whether the owner of `record` holds it."""
        return self.record is not None and self.record.owner.token == record.owner.token


class ObjectRequests:
    """Reads and writes the lock objects of a run folder; `root` is a UPath."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._fs = root.fs
        self._folder = str(root.path).rstrip("/")
        self._atomic = root.protocol in ATOMIC_CREATE
        self._if_match = root.protocol in IF_MATCH
        self._probed = False

    def names(self) -> list[str]:
        """The names of all objects that begin with `.lock`, sorted."""
        self._fs.invalidate_cache(self._folder)
        try:
            paths = self._fs.ls(self._folder, detail=False)
        except FileNotFoundError:
            return []
        names = (str(path).rstrip("/").rpartition("/")[2] for path in paths)
        return sorted(name for name in names if name.startswith(".lock"))

    def read(self, name: str) -> LockObject:
        """Read an object."""
        try:
            version = self._version(name, None)  # before the contents: newer contents then fail the condition
            return LockObject(parse_record(self._fs.cat_file(self._path(name))), version)
        except FileNotFoundError:
            return LockObject(None)

    def create(self, name: str, record: Record) -> str | None:
        """Create an object and return its version. Raises LockUnavailable where there is one."""
        data = record.to_bytes()
        answer = None
        try:
            answer = self._fs.pipe_file(self._path(name), data, **self._only_new())
            self._probe_condition(name, data)
            if not self._atomic:
                time.sleep(SETTLE_SECONDS)
        except OSError:
            if self.read(name).record is None:
                raise
        stored = self.read(name)  # it may be ours after all: a request whose answer was lost is sent again, and refused
        if not stored.belongs_to(record):
            raise LockUnavailable(stored.record, alive=None)
        return self._version(name, answer)

    def replace(self, name: str, record: Record, version: str | None) -> str | None:
        """Overwrite an object and return its new version; on S3 only while it has the given version.

        Raises:
            LockLost: it has another.
        """
        condition = {"IfMatch": version} if self._if_match else {}
        try:
            return self._version(name, self._fs.pipe_file(self._path(name), record.to_bytes(), **condition))
        except OSError:
            stored = self.read(name)
            if stored.belongs_to(record):  # ours: the answer to this write, or to the one before, was lost
                return stored.version
            raise LockLost(stored.record) from None

    def remove(self, name: str) -> None:
        """Delete an object, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            self._fs.rm_file(self._path(name))

    @contextlib.contextmanager
    def errors_as_sentence(self) -> Iterator[None]:
        """Turn whatever the store's client library raises into RunFolderError."""
        try:
            yield
        except (NstError, LockUnavailable, LockLost):
            raise
        except Exception as error:
            raise RunFolderError(
                f"The run folder {self._root} cannot be used ({error}): check its address and your credentials, or "
                "choose another with output.root."
            ) from error

    def _probe_condition(self, name: str, data: bytes) -> None:
        """Find out whether the service ignores conditions, as some S3 services do: then an object can be made twice."""
        if self._probed or not self._atomic:
            return
        try:
            self._fs.pipe_file(self._path(name), data, **self._only_new())
        except OSError:
            self._probed = True
        else:
            self._atomic = self._if_match = False

    def _version(self, name: str, answer: Any) -> str | None:
        if not self._if_match:
            return None
        known = answer if isinstance(answer, dict) and "ETag" in answer else None
        return str((known or self._fs.info(self._path(name), refresh=True))["ETag"])

    def _only_new(self) -> dict[str, str]:
        return {"mode": "create"} if self._atomic else {}

    def _path(self, name: str) -> str:
        return f"{self._folder}/{name}"
