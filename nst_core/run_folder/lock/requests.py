"""The requests that locks in an object store are made of: create if it is not there, overwrite if it is unchanged."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nst_core.errors import NstError, RunFolderError
from nst_core.run_folder.lock.record import LockLost, Record, Taken, parse_record

ATOMIC_CREATE = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory"})
"""Protocols whose fsspec implementation creates an object only if there is none, in one request."""

IF_MATCH = frozenset({"s3", "s3a"})
"""Protocols whose fsspec implementation can overwrite an object only if it is a certain version."""

SETTLE_SECONDS = 2.0
"""How long a store without conditional create gets to show whose lock was written last."""


@dataclass(frozen=True)
class Seen:
    """What an object holds (None: it is not there), and its version where the store has a use for it."""

    record: Record | None
    version: str | None = None

    def names(self, record: Record) -> bool:
        """Whether the object is of the owner of `record`."""
        return self.record is not None and self.record.owner.token == record.owner.token


class Requests:
    """Reads and writes the lock objects of a run folder; `root` is a UPath."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._fs = root.fs
        self._folder = str(root.path).rstrip("/")
        self._atomic = root.protocol in ATOMIC_CREATE
        self._if_match = root.protocol in IF_MATCH
        self._tried = False

    def names(self) -> list[str]:
        """Of all objects whose name begins with `.lock`."""
        self._fs.invalidate_cache(self._folder)
        try:
            paths = self._fs.ls(self._folder, detail=False)
        except FileNotFoundError:
            return []
        names = (str(path).rstrip("/").rpartition("/")[2] for path in paths)
        return sorted(name for name in names if name.startswith(".lock"))

    def see(self, name: str) -> Seen:
        """What there is now."""
        try:
            version = self._version(name, None)  # before the contents: newer contents then fail the condition
            return Seen(parse_record(self._fs.cat_file(self._path(name))), version)
        except FileNotFoundError:
            return Seen(None)

    def create(self, name: str, record: Record) -> str | None:
        """Make an object that is not there; its version. Raises Taken where it is."""
        data = record.to_bytes()
        answer = None
        try:
            answer = self._fs.pipe_file(self._path(name), data, **self._only_new())
            self._try_the_condition(name, data)
            if not self._atomic:
                time.sleep(SETTLE_SECONDS)
        except OSError:
            if self.see(name).record is None:
                raise
        seen = self.see(name)  # it may be ours after all: a request whose answer was lost is sent again, and refused
        if not seen.names(record):
            raise Taken(seen.record, alive=None)
        return self._version(name, answer)

    def replace(self, name: str, record: Record, version: str | None) -> str | None:
        """Overwrite an object, where the store can tell only while it is that version; its version then.

        Raises LockLost.
        """
        condition = {"IfMatch": version} if self._if_match else {}
        try:
            return self._version(name, self._fs.pipe_file(self._path(name), record.to_bytes(), **condition))
        except OSError:
            seen = self.see(name)
            if seen.names(record):  # ours: the answer to this write, or to the one before, was lost
                return seen.version
            raise LockLost(seen.record) from None

    def remove(self, name: str) -> None:
        """Delete an object, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            self._fs.rm_file(self._path(name))

    @contextlib.contextmanager
    def errors_as_sentence(self) -> Iterator[None]:
        """Turns whatever the store's client library raises into RunFolderError."""
        try:
            yield
        except (NstError, Taken, LockLost):
            raise
        except Exception as error:
            raise RunFolderError(
                f"The run folder {self._root} cannot be used ({error}): check its address and your credentials, or "
                "choose another with output.root."
            ) from error

    def _try_the_condition(self, name: str, data: bytes) -> None:
        """Some services that speak S3 do not look at conditions: then the same object can be made twice."""
        if self._tried or not self._atomic:
            return
        try:
            self._fs.pipe_file(self._path(name), data, **self._only_new())
        except OSError:
            self._tried = True
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
