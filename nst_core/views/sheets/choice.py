"""The choice of results for a contact sheet: few of many, unlike each other, and the same ones each time."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nst_core.run_folder.finished_pairs import FinishedPair, finished_pairs
from nst_core.views.runs import Artist, Partition, artists_of, open_runs

_SAMPLED = 16
"""The number of candidates for each result that is shown."""


@dataclass(frozen=True)
class ArtistChoice:
    """The results that stand for an artist: some of the `total` finished pairs.

    Attributes:
        slug: of the artist's folder in the gallery.
        name: None where the results name nobody.
    """

    slug: str
    name: str | None
    shown: tuple[FinishedPair, ...]
    total: int


def choices(runs: Sequence[Path], most: int, *, together: bool = True) -> Iterator[ArtistChoice]:
    """Choose at most `most` pairs of every artist of the runs that has a finished pair.

    The candidates of each run are those with the lowest ids, which are hashes: a sample that is even, takes memory for
    a few only, and hardly changes as the run grows.

    Args:
        together: as for `artists_of`: artists and slugs are those of the gallery.
    """
    for artist in artists_of(open_runs(runs), together=together):
        if choice := choose(artist, most):
            yield choice


def choose(artist: Artist, most: int) -> ArtistChoice | None:
    """Choose at most `most` finished pairs of an artist; None where there is none."""
    shown, total = list[FinishedPair](), 0
    for partition in artist.partitions:
        chosen, count = _sample(partition, most)
        shown, total = shown + chosen, total + count
    return ArtistChoice(artist.slug, artist.name, tuple(pick_varied(shown, most)), total) if shown else None


def _sample(partition: Partition, most: int) -> tuple[list[FinishedPair], int]:
    """Some of the finished pairs of one artist in one run, and how many there are."""
    places = itertools.count()  # asked for one number with each pair: the next one is how many there were
    pairs = finished_pairs(partition.run.folder, partition.files)
    finished = (pair for pair, _ in zip(pairs, places, strict=False))
    sample = heapq.nsmallest(most * _SAMPLED, finished, key=lambda pair: pair.pair_id)
    return pick_varied(sample, most), next(places)


def pick_varied(candidates: Iterable[FinishedPair], most: int) -> list[FinishedPair]:
    """Pick `most` candidates: each time one of the artist, then of the style, then of the content picked least so far.

    Sorted by artist, style and content, as they are to be looked at.
    """
    left, chosen = sorted(candidates, key=lambda pair: pair.pair_id), list[FinishedPair]()
    artists, styles, contents = Counter[str | None](), Counter[tuple[str, ...]](), Counter[str]()
    while left and len(chosen) < most:
        pick = min(left, key=lambda p: (artists[p.artist], styles[p.style_paths], contents[p.content_path]))
        left.remove(pick)
        chosen.append(pick)
        artists[pick.artist] += 1
        styles[pick.style_paths] += 1
        contents[pick.content_path] += 1
    return sorted(chosen, key=lambda p: ((p.artist or "").casefold(), p.style_paths, p.content_path, p.pair_id))
