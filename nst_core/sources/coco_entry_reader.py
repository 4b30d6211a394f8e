"""Whole entries of a COCO annotation file, read again at their places."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, Any

from nst_core.errors import SourceError
from nst_core.storage.regular_files import open_regular


class EntryReader:
    """Reads values of an annotation file at their places. Raises SourceError: the file changed since it was read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def __call__(self, start: int, end: int) -> Any:
        """The value at a place."""
        return self._read(start, end, b"", b"")

    def entries(self, start: int, end: int) -> Any:
        """The list of the entries, with commas between them, at a place."""
        return self._read(start, end, b"[", b"]")

    def _read(self, start: int, end: int, before: bytes, after: bytes) -> Any:
        try:
            if self._file is None:
                self._file = open_regular(self._path)
            self._file.seek(start)
            return json.loads((before + self._file.read(end - start) + after).decode())
        except OSError as error:
            raise SourceError(f"The annotation file {self._path} cannot be read: {error.strerror}.") from error
        except (ValueError, RecursionError) as error:
            raise self.changed() from error

    def changed(self) -> SourceError:
        """The error for a place that does not hold what it held."""
        return SourceError(f"The annotation file {self._path} changed while it was read: give the command again.")
