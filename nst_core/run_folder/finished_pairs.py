"""Finished pairs of a run: ids, paths and display names of content, styles and picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from nst_core.manifest.row import UNSTYLIZED
from nst_core.run_folder.own_files import own_file_or_none
from nst_core.run_folder.results_reader import read_results, successes
from nst_core.run_folder.style_columns import relative_shares

_COLUMNS = ("pair_id", "status", "content_path", "style_paths", "style_shares", "file_name", "artist")


@dataclass(frozen=True)
class FinishedPair:
    """A finished pair and where its pictures are.

    Attributes:
        style_paths: several of a blend; none where the content stayed unstylized.
        style_shares: of each style, 1 in all.
        file_name: relative to the run folder.
    """

    run_folder: Path
    pair_id: str
    artist: str | None
    content_path: str
    style_paths: tuple[str, ...]
    style_shares: tuple[float, ...]
    file_name: str

    @property
    def result(self) -> Path:
        return self.run_folder / self.file_name

    @property
    def content_name(self) -> str:
        return display_name(self.content_path)

    @property
    def style_name(self) -> str:
        """`Starry Night`, or `Starry Night 70% + The Scream 30%`."""
        names = [display_name(path) for path in self.style_paths]
        if len(names) < 2:
            return names[0] if names else UNSTYLIZED
        return " + ".join(f"{name} {share:.0%}" for name, share in zip(names, self.style_shares, strict=True))


def finished_pairs(run_folder: Path, files: Iterable[Path]) -> Iterator[FinishedPair]:
    """The finished pairs in results files of a run, but for those whose pictures are not its own files."""
    for part in read_results(files, _COLUMNS, reduce=successes):
        for record in part.table.to_pylist():
            if own_file_or_none(run_folder, record["file_name"]) is not None:
                yield FinishedPair(
                    run_folder,
                    record["pair_id"] or "",
                    record["artist"],
                    record["content_path"] or "",
                    tuple(record["style_paths"]),
                    relative_shares(record["style_shares"]),
                    record["file_name"],
                )


def display_name(path: str) -> str:
    """The name of a file without folder and ending."""
    return PurePath(path).stem or path
