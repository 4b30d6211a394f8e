"""A file on its way, as it lies on the disk: `<name>.part`, and `<name>.part.json` with what the server said of it."""

from __future__ import annotations

import json
import os
from pathlib import Path

from nst_core.storage.atomic import write_text_atomic


def delete_download(path: Path) -> None:
    """Delete a file that `fetch` made, and whatever it left on the way; a file that someone else put there stays."""
    PartialFile(path).forget()


class PartialFile:
    """A file on its way, as it lies on the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.part = path.with_name(f"{path.name}.part")
        self._state = path.with_name(f"{path.name}.part.json")
        self.validator, self.total = self._read_state()

    def arrived(self) -> int:
        return self.part.stat().st_size if self.part.is_file() else 0

    def is_whole(self) -> bool:
        return self.total is not None and self.part.is_file() and self.arrived() == self.total

    def begin(self, validator: str | None, total: int | None) -> None:
        """Start over: an empty part, and what the server says of the file."""
        self.part.unlink(missing_ok=True)  # first: an old part must never meet a new state
        self.note(validator, total)

    def note(self, validator: str | None, total: int | None) -> None:
        self.validator, self.total = validator, total
        write_text_atomic(self._state, json.dumps({"validator": validator, "total": total}))

    def finish(self) -> None:
        """Give the part its name; the state stays behind as the sign that the file is ours."""
        with self.part.open("rb") as file:
            os.fsync(file.fileno())
        self.part.replace(self.path)

    def discard(self) -> None:
        """Delete what has arrived: it is no good."""
        self.part.unlink(missing_ok=True)
        self._state.unlink(missing_ok=True)
        self.validator = self.total = None

    def delete_download(self) -> None:
        if self._state.is_file():
            self.path.unlink(missing_ok=True)
        self.discard()

    def _read_state(self) -> tuple[str | None, int | None]:
        try:
            state = json.loads(self._state.read_text(encoding="utf-8"))
            validator, total = state["validator"], state["total"]
        except (OSError, ValueError, KeyError, TypeError):
            return None, None
        return (validator if isinstance(validator, str) else None), (total if isinstance(total, int) else None)
