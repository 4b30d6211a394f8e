"""Whose results a gallery and its contact sheets show: runs, and the artists in them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from nst_core.errors import RunFolderError
from nst_core.run_folder.artists import ArtistFacts, artist_facts
from nst_core.run_folder.folder import run_name
from nst_core.run_folder.results import partition_slug, result_files
from nst_core.sources.artist_names import artist_key
from nst_core.storage.paths import arrow_files, is_local, parquet_source
from nst_core.storage.slugs import unique_slugs

SHEET_FILE = "contact-sheet.png"
_AT_ONCE = 16  # result files that are asked how many rows they have


@dataclass(frozen=True)
class Run:
    """A run folder, what people call it, and `key`: a slug that no other run of the gallery has."""

    folder: Path
    name: str
    key: str


@dataclass(frozen=True)
class Partition:
    """What one run has of one artist: the sound files of `results/artist_slug=<slug>`, and how many rows those hold."""

    run: Run
    slug: str
    files: tuple[Path, ...]
    rows: int


@dataclass(frozen=True)
class Artist:
    """An artist's results, of one run or of several. `slug` names the folder of the pages; `name` may be unknown."""

    slug: str
    name: str | None
    partitions: tuple[Partition, ...]

    @property
    def rows(self) -> int:
        """How many rows all files hold."""
        return sum(partition.rows for partition in self.partitions)


def opened(folders: Sequence[Path]) -> tuple[Run, ...]:
    """The runs of a gallery. Where two go by one name, the later is told by a number, too.

    Raises:
        RunFolderError: a folder is not there.
    """
    for folder in folders:
        if not folder.is_dir():
            raise RunFolderError(f"There is no run folder {folder}.")
    names: list[str] = []
    for folder in dict.fromkeys(folders):
        name, same = run_name(folder), 1
        while (shown := name if same == 1 else f"{name} ({same})") in names:
            same += 1
        names.append(shown)
    keys = unique_slugs(names)
    return tuple(Run(folder, name, keys[name]) for folder, name in zip(dict.fromkeys(folders), names, strict=True))


def artists_of(runs: Sequence[Run], *, together: bool) -> list[Artist]:
    """Every artist of the runs; a result file that is damaged counts as not there.

    Args:
        together: those of one name are one artist, however it is spelled: so it is at a place of its own. A run's own
            gallery has the folders that its results have.
    """
    found = [(_artist_name(partition), partition) for run in runs for partition in _partitions(run)]
    if not together:
        return [Artist(partition.slug, name, (partition,)) for name, partition in found]
    same: dict[str, list[tuple[str | None, Partition]]] = {}
    for name, partition in found:
        same.setdefault(artist_key(name or ""), []).append((name, partition))
    slugs = unique_slugs(several[0][0] for several in same.values())
    return [
        Artist(slugs[several[0][0]], several[0][0], tuple(partition for _, partition in several))
        for several in same.values()
    ]


def _partitions(run: Run) -> list[Partition]:
    found = list(result_files(run.folder))
    files: dict[str, list[tuple[Path, int]]] = {}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for file, rows in zip(found, pool.map(_rows, found), strict=True):
            if rows is not None:
                files.setdefault(partition_slug(file), []).append((file, rows))
    return [
        Partition(run, slug, tuple(file for file, _ in parts), sum(rows for _, rows in parts))
        for slug, parts in sorted(files.items())
    ]


def _rows(file: Path) -> int | None:
    """How many rows a file says at its end that it holds; None where it is damaged."""
    (name,), system = arrow_files([file])
    try:
        return int(pq.read_metadata(name, filesystem=system).num_rows)
    except pa.ArrowException:
        return None
    except OSError:
        if not is_local(file):
            with suppress(FileNotFoundError):
                parquet_source(file)  # where it is the store that has trouble, this says so
        return None


def _artist_name(partition: Partition) -> str | None:
    """The name behind a partition's slug: one artist has one, so that the first row that tells it is enough."""
    for file in partition.files:
        try:
            names = pq.ParquetFile(parquet_source(file)).read(columns=["artist"])["artist"]
        except (pa.ArrowException, OSError, KeyError):
            continue
        for name in names.drop_null().to_pylist():
            return str(name)
    return None


def facts_by_artist(run_folders: Sequence[Path]) -> dict[str, ArtistFacts]:
    """The facts of the artists of several runs; where several runs know an artist, those of the first one."""
    return {name: facts for run in reversed(run_folders) for name, facts in artist_facts(run).items()}
