"""A dataset's folder: who works in it, and which of its parts are complete, as `.nst-download.json` says."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from nst_core.errors import UsageError
from nst_core.storage.atomic import check_writable, remove_temporaries, write_text_atomic

MARKER = ".nst-download.json"
LOCK = ".nst-download.lock"
_VERSION = 1


@dataclass(frozen=True)
class DatasetPart:
    """A part of a dataset (an archive's worth of files).

    Attributes:
        state: `complete`; `selected`: some of its files were fetched one by one; `unfinished`: neither.
        files: how many there were when it was finished.
        archive_bytes, archive_md5: of the archive it came from; the checksum where one is published.
        source: where it came from.
        finished: when, in UTC.
    """

    state: Literal["unfinished", "selected", "complete"]
    files: int = 0
    archive_bytes: int | None = None
    archive_md5: str | None = None
    source: str | None = None
    finished: str | None = None


class DatasetFolder:
    """The folder that a dataset is downloaded into."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process; makes it if need be, and clears what a killed process left half-written.

        Raises:
            UsageError: another process is downloading into it, or it cannot be written.
        """
        check_writable(self.root)
        try:
            with FileLock(self.root / LOCK, timeout=0):
                remove_temporaries(self.root)
                yield
        except Timeout as error:
            raise UsageError(
                f"Another nst process is downloading into {self.root}: wait for it to end, then run this again."
            ) from error

    def part(self, name: str) -> DatasetPart | None:
        """What the marker says of a part; None where it says nothing. Raises UsageError where it cannot be read."""
        return self._parts().get(name)

    def is_complete(self, name: str, subfolder: str = "") -> bool:
        """Whether a part was finished, and its files are still there (as many as there were, below `subfolder`)."""
        part = self.part(name)
        return part is not None and part.state == "complete" and count_files(self.root / subfolder) >= part.files

    def begin(self, name: str, state: Literal["unfinished", "selected"] = "unfinished") -> None:
        """Say that a part is under way, so that nobody takes it for complete."""
        self._note(name, DatasetPart(state))

    def finish(self, name: str, part: DatasetPart) -> None:
        """Say that a part is complete. Its files have to be on the disk by now, come what may."""
        self._note(name, DatasetPart(**{**asdict(part), "finished": datetime.now(UTC).isoformat(timespec="seconds")}))

    def _note(self, name: str, part: DatasetPart) -> None:
        parts = {**self._parts(), name: part}
        shown = {key: asdict(value) for key, value in parts.items()}
        write_text_atomic(self.root / MARKER, json.dumps({"version": _VERSION, "parts": shown}, indent=2) + "\n")

    def _parts(self) -> dict[str, DatasetPart]:
        path = self.root / MARKER
        known = {field.name for field in fields(DatasetPart)}
        try:
            parts = json.loads(path.read_text(encoding="utf-8"))["parts"]
            return {
                name: DatasetPart(**{key: part[key] for key in known & part.keys()}) for name, part in parts.items()
            }
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(
                f"{path} cannot be read: delete it, and `nst download` looks at the files anew."
            ) from error


def count_files(folder: Path) -> int:
    """How many files lie below a folder, without hidden ones and archives on their way."""
    if not folder.is_dir():
        return 0
    return sum(
        not name.startswith(".") and not name.endswith((".part", ".part.json"))
        for _, _, files in os.walk(folder)
        for name in files
    )
