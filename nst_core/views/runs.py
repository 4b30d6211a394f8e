"""Runs, and the artists in them, for galleries and contact sheets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nst_core.errors import RunFolderError
from nst_core.run_folder.artists import ArtistFacts, artist_facts
from nst_core.run_folder.folder import RunFolder
from nst_core.run_folder.results import partition_slug
from nst_core.sources.artist_names import artist_key
from nst_core.storage.names import ValuesByName, name_key
from nst_core.storage.slugs import GALLERY_NAMES, artist_slug, unique_slugs
from nst_core.views.results_facts import ResultsFacts

SHEET_FILE = "contact-sheet.png"


@dataclass(frozen=True)
class Run:
    """A run folder, its name, and `key`: a slug that no other run of the gallery has."""

    folder: Path
    name: str
    key: str


@dataclass(frozen=True)
class Partition:
    """The results of one artist in one run: sound files of `results/artist_slug=<slug>`, and their rows."""

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
        """The number of rows in all files."""
        return sum(partition.rows for partition in self.partitions)


def open_runs(folders: Sequence[Path]) -> tuple[Run, ...]:
    """The runs of a gallery. Where two have one name, the later gets a number, too.

    Raises:
        RunFolderError: a folder is not there.
    """
    for folder in folders:
        if not folder.is_dir():
            raise RunFolderError(f"There is no run folder {folder}.")
    names: list[str] = []
    for folder in dict.fromkeys(folders):
        name, same = RunFolder(folder).run_name, 1
        while name_key(shown := name if same == 1 else f"{name} ({same})") in map(name_key, names):
            same += 1
        names.append(shown)
    keys = unique_slugs(names)
    return tuple(Run(folder, name, keys[name]) for folder, name in zip(dict.fromkeys(folders), names, strict=True))


def artists_of(runs: Sequence[Run], *, together: bool, results: ResultsFacts | None = None) -> list[Artist]:
    """Every artist of the runs.

    Args:
        together: those of one name are one artist, however it is spelled: so it is at a place of its own. A run's own
            gallery has the folders that its results have.
        results: what is known of the results files.
    """
    facts = results or ResultsFacts()
    partitions = [partition for run in runs for partition in _partitions(run, facts)]
    found = [(facts.artist(partition.run.key, partition.files), partition) for partition in partitions]
    if not together:
        folders = _page_folders([partition.slug for _, partition in found])
        return [Artist(folders[partition.slug], name, (partition,)) for name, partition in found]
    same: dict[str, list[tuple[str | None, Partition]]] = {}
    for name, partition in found:
        same.setdefault(artist_key(name or ""), []).append((name, partition))
    slugs = unique_slugs((several[0][0] for several in same.values()), slug_of=artist_slug)
    return [
        Artist(slugs[several[0][0]], several[0][0], tuple(partition for _, partition in several))
        for several in same.values()
    ]


def _page_folders(slugs: Sequence[str]) -> dict[str | None, str]:
    """The folder of each partition's pages: the partition's own name, unless the gallery has something of that name.

    Such partitions are in run folders that were made otherwise, or before slugs kept clear of these names.
    """
    kept: dict[str | None, str] = {slug: slug for slug in slugs if slug.casefold() not in GALLERY_NAMES}
    return unique_slugs(slugs, kept, artist_slug)


def _partitions(run: Run, results: ResultsFacts) -> list[Partition]:
    files: dict[str, list[tuple[Path, int]]] = {}
    for file, rows in results.rows(run.folder, run.key):
        files.setdefault(partition_slug(file), []).append((file, rows))
    return [
        Partition(run, slug, tuple(file for file, _ in parts), sum(rows for _, rows in parts))
        for slug, parts in sorted(files.items())
    ]


def facts_by_artist(run_folders: Sequence[Path]) -> Mapping[str, ArtistFacts]:
    """The facts of the artists of several runs; where several runs know an artist, those of the first one."""
    return ValuesByName(((name, facts) for run in run_folders for name, facts in artist_facts(run).items()), artist_key)
