"""A partial download on the disk: `<name>.part`, and `<name>.part.json` with the server's validator and size."""

from __future__ import annotations

import json
import os
from pathlib import Path

from nst_core.storage.atomic import write_text_atomic
from nst_core.storage.regular_files import read_regular


class PartialFile:
    """A download to `path` that is not complete yet.

    Attributes:
        part: the file that the bytes are appended to.
        validator: ETag or date by which the server recognises the version of the file; None where it gives neither.
        total: size in bytes; None while unknown.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.part = path.with_name(f"{path.name}.part")
        self._state = path.with_name(f"{path.name}.part.json")
        self.validator, self.total = self._read_state()

    def size(self) -> int:
        """The bytes that have arrived."""
        return self.part.stat().st_size if self.part.is_file() else 0

    def is_whole(self) -> bool:
        return self.total is not None and self.part.is_file() and self.size() == self.total

    def restart(self, validator: str | None, total: int | None) -> None:
        """Delete what has arrived, and write a new state."""
        self.part.unlink(missing_ok=True)  # first: an old part must never meet a new state
        self.write_state(validator, total)

    def write_state(self, validator: str | None, total: int | None) -> None:
        self.validator, self.total = validator, total
        write_text_atomic(self._state, json.dumps({"validator": validator, "total": total}))

    def finish(self) -> None:
        """Rename the part to its final name; the state stays as the sign that the file was downloaded."""
        with self.part.open("rb") as file:
            os.fsync(file.fileno())
        self.part.replace(self.path)

    def discard(self) -> None:
        """Delete what has arrived, and the state."""
        self.part.unlink(missing_ok=True)
        self._state.unlink(missing_ok=True)
        self.validator = self.total = None

    def delete(self) -> None:
        """Delete all files of the download, the finished one included; a file put there by hand stays."""
        if self._state.is_file():
            self.path.unlink(missing_ok=True)
        self.discard()

    def _read_state(self) -> tuple[str | None, int | None]:
        try:
            state = json.loads(read_regular(self._state))
            validator, total = state["validator"], state["total"]
        except (OSError, ValueError, KeyError, TypeError):
            return None, None
        return (validator if isinstance(validator, str) else None), (total if isinstance(total, int) else None)
