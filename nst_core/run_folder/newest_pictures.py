"""The pictures that a run made last."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from nst_core.run_folder.results import result_files
from nst_core.run_folder.results_reader import read_results
from nst_core.storage.paths import file_state

_COLUMNS = ["pair_id", "status", "file_name", "artist", "content_path", "created_at"]


@dataclass(frozen=True)
class MadePicture:
    """A picture of a run. `file_name`: relative to the run folder, as its row says, unchecked."""

    pair_id: str
    file_name: str
    artist: str | None
    content_path: str
    created_at: datetime

    @property
    def caption(self) -> str:
        """The names of its content and its artist."""
        name = self.content_path.rpartition("/")[2]
        return f"{name} in the manner of {self.artist}" if self.artist else name


def newest_pictures(run_folder: Path, count: int) -> list[MadePicture]:
    """The last `count` pictures, the newest first; of the files that were written last no more are read than needed."""
    found: list[MadePicture] = []
    for file in sorted(result_files(run_folder), key=lambda file: file_state(file)[1], reverse=True):
        found += _pictures_of(file)
        if len(found) >= count:
            break
    return sorted(found, key=lambda picture: picture.created_at, reverse=True)[:count]


def _pictures_of(file: Path) -> Iterator[MadePicture]:
    for part in read_results([file], _COLUMNS):
        for row in part.table.to_pylist():
            if row.pop("status") == "success" and row["file_name"] and row["created_at"]:
                yield MadePicture(**row)
