"""Whose results a gallery shows: its runs, and the artists in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from nst_core.artist_names import artist_key
from nst_core.errors import RunFolderError
from nst_core.results import PARTITION, result_files
from nst_core.slugs import unique_slugs
from nst_core.storage import is_local, parquet_source

_PREFIX = f"{PARTITION}="


@dataclass(frozen=True)
class Run:
    """A run folder, what people call it, and `key`: a slug that no other run of the gallery has."""

    folder: Path
    name: str
    key: str


@dataclass(frozen=True)
class Partition:
    """What one run has of one artist: the files of `results/artist_slug=<slug>`."""

    run: Run
    slug: str
    files: tuple[Path, ...]


@dataclass(frozen=True)
class Artist:
    """An artist's results, of one run or of several. `slug` names the folder of the pages; `name` may be unknown."""

    slug: str
    name: str | None
    partitions: tuple[Partition, ...]


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


def artists_of(runs: Sequence[Run]) -> list[Artist]:
    """Every artist of the runs. Of several runs, those of one name are one artist, however it is spelled."""
    found = [(_artist_name(partition), partition) for run in runs for partition in _partitions(run)]
    if len(runs) == 1:
        return [Artist(partition.slug, name, (partition,)) for name, partition in found]
    same: dict[str, list[tuple[str | None, Partition]]] = {}
    for name, partition in found:
        same.setdefault(artist_key(name or ""), []).append((name, partition))
    slugs = unique_slugs(several[0][0] for several in same.values())
    return [
        Artist(slugs[several[0][0]], several[0][0], tuple(partition for _, partition in several))
        for several in same.values()
    ]


def run_name(folder: Path) -> str:
    """The name in `run.yaml`, where there is one; else the folder's."""
    try:
        told: Any = yaml.safe_load((folder / "run.yaml").read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):  # a gallery needs no run.yaml, least of all a sound one
        told = None
    for section in (told, told.get("config") if isinstance(told, dict) else None):
        if isinstance(section, dict) and section.get("name"):
            return str(section["name"])
    return (folder.resolve() if is_local(folder) else folder).name


def _partitions(run: Run) -> list[Partition]:
    files: dict[str, list[Path]] = {}
    for file in result_files(run.folder):
        files.setdefault(file.parent.name.removeprefix(_PREFIX), []).append(file)
    return [Partition(run, slug, tuple(parts)) for slug, parts in sorted(files.items())]


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
