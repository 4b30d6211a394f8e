"""Which results a contact sheet shows: few of many, unlike each other, and the same ones each time."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nst_core.artist_names import artist_key
from nst_core.finished_pairs import FinishedPair, finished_pairs
from nst_core.results import PARTITION, result_files
from nst_core.slugs import unique_slugs

_SAMPLED = 16
"""Results that are looked at for each one that is shown."""


@dataclass(frozen=True)
class ArtistChoice:
    """What stands for an artist: some of the `total` finished pairs.

    Attributes:
        slug: of the artist's folder in the gallery.
        name: None where the results name nobody.
    """

    slug: str
    name: str | None
    shown: tuple[FinishedPair, ...]
    total: int


def choices(run_folder: Path, most: int) -> Iterator[ArtistChoice]:
    """Every artist of a run with at least one finished pair, in the order of their slugs, and `most` pairs at most.

    The candidates are those with the lowest ids, which are hashes: a sample that is even, takes memory for a few
    only, and hardly changes as the run grows.
    """
    for slug, files in itertools.groupby(result_files(run_folder), key=lambda file: file.parent.name):
        places = itertools.count()  # asked for one number with each pair: the next one is how many there were
        finished = (pair for pair, _ in zip(finished_pairs(run_folder, files), places, strict=False))
        sample = heapq.nsmallest(most * _SAMPLED, finished, key=lambda pair: pair.pair_id)
        total = next(places)
        if sample:
            chosen = tuple(spread(sample, most))
            yield ArtistChoice(slug.removeprefix(f"{PARTITION}="), chosen[0].artist, chosen, total)


def joined(found: Iterable[ArtistChoice], most: int) -> list[ArtistChoice]:
    """What several runs have of their artists, those of one name as one, however it is spelled; `most` pairs each."""
    same: dict[str, list[ArtistChoice]] = {}
    for choice in found:
        same.setdefault(artist_key(choice.name or ""), []).append(choice)
    slugs = unique_slugs(choices[0].name for choices in same.values())
    return [
        ArtistChoice(
            slugs[choices[0].name],
            choices[0].name,
            tuple(spread((pair for choice in choices for pair in choice.shown), most)),
            sum(choice.total for choice in choices),
        )
        for choices in same.values()
    ]


def spread(candidates: Iterable[FinishedPair], most: int) -> list[FinishedPair]:
    """`most` of the candidates: each time one of the artist, then of the style, then of the content shown least so far.

    Sorted by artist, style and content, as they are to be looked at.
    """
    left, chosen = sorted(candidates, key=lambda pair: pair.pair_id), list[FinishedPair]()
    artists, styles, contents = Counter[str | None](), Counter[str](), Counter[str]()
    while left and len(chosen) < most:
        pick = min(left, key=lambda p: (artists[p.artist], styles[p.style_path], contents[p.content_path]))
        left.remove(pick)
        chosen.append(pick)
        artists[pick.artist] += 1
        styles[pick.style_path] += 1
        contents[pick.content_path] += 1
    return sorted(chosen, key=lambda p: ((p.artist or "").casefold(), p.style_path, p.content_path, p.pair_id))
