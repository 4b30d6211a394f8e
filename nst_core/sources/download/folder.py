"""The folder of a dataset: its lock, and the state of its parts in `.nst-download.json`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from nst_core.errors import UsageError
from nst_core.storage.atomic import remove_temporaries, write_text_atomic
from nst_core.storage.folder_lock import hold_folder
from nst_core.storage.regular_files import read_regular

MARKER = ".nst-download.json"
LOCK = ".nst-download.lock"
_VERSION = 1


@dataclass(frozen=True)
class DatasetPart:
    """A part of a dataset (an archive's worth of files).

    Attributes:
        state: `complete`; `selected`: some of its files were fetched one by one; `unfinished`: neither.
        files: their number when it was finished.
        archive_bytes, archive_md5: of the archive that it came from; the checksum where one is published.
        source: the address that it came from.
        finished: time in UTC.
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
    def lock(self) -> Iterator[None]:
        """Lock the folder for this process; creates it if need be, and deletes temporary files of killed processes.

        Raises:
            UsageError: another process is downloading into it, or it cannot be written.
        """
        refusal = f"Another nst process is downloading into {self.root}: wait for it to end, then run this again."
        with hold_folder(self.root, LOCK, refusal):
            remove_temporaries(self.root)
            yield

    def part(self, name: str) -> DatasetPart | None:
        """The state of a part; None where none is recorded. Raises UsageError where the record cannot be read."""
        return self._parts().get(name)

    def is_complete(self, name: str, subfolder: str = "") -> bool:
        """Whether a part was finished, and `subfolder` still has at least as many files."""
        part = self.part(name)
        return part is not None and part.state == "complete" and count_files(self.root / subfolder) >= part.files

    def begin(self, name: str, state: Literal["unfinished", "selected"] = "unfinished") -> None:
        """Record that a part is not complete."""
        self._write_part(name, DatasetPart(state))

    def finish(self, name: str, part: DatasetPart) -> None:
        """Record that a part is complete. Its files must have been flushed to the disk."""
        self._write_part(
            name, DatasetPart(**{**asdict(part), "finished": datetime.now(UTC).isoformat(timespec="seconds")})
        )

    def _write_part(self, name: str, part: DatasetPart) -> None:
        parts = {**self._parts(), name: part}
        record = {"version": _VERSION, "parts": {key: asdict(value) for key, value in parts.items()}}
        write_text_atomic(self.root / MARKER, json.dumps(record, indent=2) + "\n")

    def _parts(self) -> dict[str, DatasetPart]:
        path = self.root / MARKER
        names = {field.name for field in fields(DatasetPart)}
        try:
            parts = json.loads(read_regular(path))["parts"]
            return {
                name: DatasetPart(**{key: part[key] for key in names & part.keys()}) for name, part in parts.items()
            }
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(
                f"{path} cannot be read: delete it, and `nst download` looks at the files anew."
            ) from error


def count_files(folder: Path) -> int:
    """The number of files below a folder, without hidden files and partial downloads."""
    if not folder.is_dir():
        return 0
    return sum(
        not name.startswith(".") and not name.endswith((".part", ".part.json"))
        for _, _, files in os.walk(folder)
        for name in files
    )
