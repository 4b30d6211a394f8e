"""The pairs of a run that have a picture, as those see them who show them."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nst_core.errors import StorageUnreachable, UsageError
from nst_core.manifest.row import UNSTYLIZED
from nst_core.manifest.style_cell import StyleRef, parse_styles
from nst_core.storage.paths import parquet_sources, parse_path

_REMEMBERED = 4096
_COLUMNS = ["pair_id", "status", "content_path", "style_path", "file_name", "artist"]


@dataclass(frozen=True)
class FinishedPair:
    """A finished pair and where its pictures are.

    Attributes:
        style_path: as a manifest has it (blends with shares); empty where the content stayed unstylized.
        file_name: relative to the run folder.
    """

    run_folder: Path
    pair_id: str
    artist: str | None
    content_path: str
    style_path: str
    file_name: str

    @property
    def result(self) -> Path:
        return self.run_folder / self.file_name

    @property
    def content_name(self) -> str:
        return display_name(self.content_path)

    @property
    def style_name(self) -> str:
        """`Starry Night`, or `Starry Night 70 % + The Scream 30 %`."""
        styles = self.styles
        if len(styles) < 2:
            return display_name(styles[0].name) if styles else UNSTYLIZED
        return " + ".join(
            f"{display_name(style.name)} {share:.0%}" for style, share in zip(styles, self.shares, strict=True)
        )

    @property
    def styles(self) -> tuple[StyleRef, ...]:
        """The styles by path; a `;` or `@` that belongs to the name of a file that is there parts nothing."""
        return styles_of(self.style_path)

    @property
    def shares(self) -> tuple[float, ...]:
        """Of each style, 1 in all."""
        return shares_of(self.styles)


def finished_pairs(run_folder: Path, files: Iterable[Path]) -> Iterator[FinishedPair]:
    """The successes in result files of a run. A damaged file counts as not there: its chunk is made again."""
    for _, source in parquet_sources(files):
        try:
            table = pq.ParquetFile(source, page_checksum_verification=True).read(columns=_COLUMNS)
        except (pa.ArrowException, OSError):
            continue
        if table.num_columns == len(_COLUMNS):
            for record in table.filter(pc.field("status") == "success").drop_columns(["status"]).to_pylist():
                if _inside(record["file_name"]):
                    yield _pair(run_folder, record)


def styles_of(cell: str, there: Container[str] | None = None) -> tuple[StyleRef, ...]:
    """The styles that a result row's cell names; a `;` or `@` of the name of a file that is there parts nothing.

    Args:
        there: what tells which files are; one for many cells asks for each file once.
    """
    if cell == cell.strip() and not any(mark in cell for mark in ";@"):
        return (StyleRef(cell),) if cell else ()
    try:
        return parse_styles(cell, FilesThere() if there is None else there)
    except ValueError:
        return (StyleRef(cell),)


def shares_of(styles: Sequence[StyleRef]) -> tuple[float, ...]:
    """The share of each style in a blend, 1 in all."""
    whole = sum(style.share for style in styles)
    return tuple(style.share / whole for style in styles)


def display_name(path: str) -> str:
    """What people call a file: its name without folder and ending."""
    return PurePath(path).stem or path


class FilesThere:
    """The names of all files that are there, as of when they were first asked for."""

    def __init__(self) -> None:
        self._is_there = lru_cache(_REMEMBERED)(_is_file)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(name) and self._is_there(name)


def _is_file(name: str) -> bool:
    try:
        return parse_path(name).is_file()
    except (OSError, ValueError, UsageError, StorageUnreachable):  # a name too long, a store that we do not know, …
        return False


def _inside(file_name: str | None) -> bool:
    """Whether a row names a file in the run folder: it may come from somebody else."""
    path = PurePosixPath(file_name or "/")
    return not path.is_absolute() and ".." not in path.parts


def _pair(run_folder: Path, record: dict[str, Any]) -> FinishedPair:
    artist = record.pop("artist")
    return FinishedPair(run_folder, artist=artist, **{name: value or "" for name, value in record.items()})
