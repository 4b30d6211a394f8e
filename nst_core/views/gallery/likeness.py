"""What looks alike in a gallery: the scripts that name it beside each artist's pages, and the map of the artists."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nst_core.run_folder.descriptors import Descriptors
from nst_core.storage.atomic import write_if_changed
from nst_core.storage.listed_states import ListedStates
from nst_core.storage.paths import NO_FILE
from nst_core.storage.regular_files import read_regular
from nst_core.views.gallery.alike_scripts import (
    PAINTINGS,
    PICTURES_FILE,
    Neighbours,
    alike_script,
    alike_scripts,
    script_name,
)
from nst_core.views.gallery.artist_map import artist_map
from nst_core.views.gallery.build_record import templates_digest
from nst_core.views.gallery.described_pictures import DescribedPictures, ShownArtist
from nst_core.views.gallery.nearest import Places, nearest
from nst_core.views.gallery.pages import MAP_FILE, ArtistSummary, render_map, write_page

SEARCH_FILE = "search.json"
"""What the scripts and the map were made from, in the gallery's folder."""

NEIGHBOURS = 8
"""Pictures that are named as like one, at most."""

MOST_KIN = NEIGHBOURS // 2
"""Of them of the same painting, or by the same artist: beyond that there is nothing to discover."""

MOST_COMPARED = 50_000
"""Results that each picture is compared with, at most: of more, so many that are evenly spread."""

_FORMAT = 1


class LikenessBuild:
    """Writes what looks alike in a gallery, once its artists' pages are there."""

    def __init__(
        self, gallery: Path, title: str, per_page: int, descriptors: Descriptors, states: ListedStates
    ) -> None:
        self._gallery, self._title, self._per_page = gallery, title, per_page
        self._descriptors, self._states = descriptors, states

    def write(self, artists: Sequence[ArtistSummary], described: Mapping[str, str | None]) -> bool:
        """Write the scripts and the map, unless those of the last build are current; returns whether there is a map.

        Args:
            described: sha256 of each artist's `pictures.json`, as far as it is known.
        """
        slugs = [one.slug for one in artists if one.pictures]
        hashes = {slug: described.get(slug) or hashlib.sha256(self._pictures(slug)).hexdigest() for slug in slugs}
        made_from = self._digest(artists, hashes)
        record = self._record()
        if record.get("made_from") == made_from and self._is_whole(slugs, bool(record.get("map"))):
            return bool(record["map"])
        shown = [
            ShownArtist(one.slug, one.name, json.loads(self._pictures(one.slug))) for one in artists if one.pictures
        ]
        pictures = DescribedPictures(shown, self._descriptors)
        self._write_scripts(pictures)
        drawn = artist_map(pictures)
        if drawn is None:
            (self._gallery / MAP_FILE).unlink(missing_ok=True)
        else:
            write_page(self._gallery / MAP_FILE, render_map(self._title, drawn))
        record = {"made_from": made_from, "map": drawn is not None}
        write_if_changed(self._gallery / SEARCH_FILE, json.dumps(record).encode())
        return drawn is not None

    def _pictures(self, slug: str) -> bytes:
        return read_regular(self._gallery / slug / PICTURES_FILE)

    def _digest(self, artists: Sequence[ArtistSummary], hashes: Mapping[str, str]) -> str:
        names = [[one.slug, one.name, list(one.facts), one.pictures] for one in artists]
        parts = list(hashes.values())
        known = hashlib.sha256("\n".join(sorted(self._descriptors.places)).encode()).hexdigest()
        settings = [_FORMAT, templates_digest(), self._title, self._per_page, self._descriptors.described_by]
        return hashlib.sha256(json.dumps([settings, names, parts, known]).encode()).hexdigest()[:16]

    def _record(self) -> dict[str, object]:
        try:
            record = json.loads(read_regular(self._gallery / SEARCH_FILE))
        except (OSError, ValueError):
            return {}
        return record if isinstance(record, dict) else {}

    def _is_whole(self, slugs: Sequence[str], has_map: bool) -> bool:
        files = [self._gallery / slug / script_name(PAINTINGS) for slug in slugs]
        files += [self._gallery / MAP_FILE] if has_map else []
        return NO_FILE not in self._states.states(files).values()

    def _write_scripts(self, pictures: DescribedPictures) -> None:
        scripts: dict[tuple[int, int], dict[str, Neighbours]] = defaultdict(dict)
        of_results = _result_neighbours(pictures)
        for number, (artist, place) in enumerate(pictures.result_places()):
            key = pictures.result(number).key
            scripts[artist, place // self._per_page + 1][key] = of_results[0][number], of_results[1][number]
        of_paintings = _painting_neighbours(pictures)
        for artist in range(len(pictures.artists)):
            for name, number in pictures.shown_paintings(artist):
                scripts[artist, PAINTINGS][name] = of_paintings[0][number], of_paintings[1][number]
        for artist, shown in enumerate(pictures.artists):
            pages = -(-len(shown.pictures["ids"]) // self._per_page)
            for number in range(len(alike_scripts(pages))):
                text = alike_script(number, scripts[artist, number], pictures)
                write_page(self._gallery / shown.slug / script_name(number), text)


def _result_neighbours(pictures: DescribedPictures) -> tuple[Sequence[list[int]], Sequence[list[int]]]:
    """Of each result: results like it, at most half of them of its own paintings, and other paintings like it."""
    vectors, combination = pictures.result_vectors, pictures.combination
    compared = _compared(len(vectors))
    kin_of = combination[compared]
    alike = nearest(
        vectors, vectors[compared], NEIGHBOURS + 1, lambda rows: combination[rows, None] == kin_of, MOST_KIN + 1
    )

    def are_own(rows: slice) -> NDArray[np.bool_]:
        own = np.zeros((rows.stop - rows.start, len(pictures.painting_vectors)), bool)
        for row, number in enumerate(combination[rows].tolist()):
            own[row, pictures.paintings_of[number]] = True
        return own

    paintings = nearest(vectors, pictures.painting_vectors, NEIGHBOURS, are_own, 0)
    return _without_themselves(np.where(alike < 0, -1, compared[alike])), paintings.tolist()


def _painting_neighbours(pictures: DescribedPictures) -> tuple[Sequence[list[int]], Sequence[list[int]]]:
    """Of each painting: results of other paintings like it, and paintings like it, at most half by the same artist."""
    vectors, artist = pictures.painting_vectors, pictures.painting_artist
    compared = _compared(len(pictures.result_vectors))
    combination = pictures.combination[compared]
    made_of: list[list[int]] = [[] for _ in range(len(vectors))]
    for number, paintings in enumerate(pictures.paintings_of):
        for painting in paintings:
            made_of[painting].append(number)

    def are_own(rows: slice) -> NDArray[np.bool_]:
        return np.stack([np.isin(combination, made_of[painting]) for painting in range(rows.start, rows.stop)])

    results = nearest(vectors, pictures.result_vectors[compared], NEIGHBOURS, are_own, 0)
    alike = nearest(vectors, vectors, NEIGHBOURS, lambda rows: artist[rows, None] == artist, MOST_KIN, themselves=True)
    return np.where(results < 0, -1, compared[results]).tolist(), alike.tolist()


def _compared(count: int) -> Places:
    """The numbers of the results that others are compared with: all, or of many as many as are evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, MOST_COMPARED)).round().astype(np.int64))


def _without_themselves(places: Places) -> list[list[int]]:
    rows = [[place for place in row if place != number] for number, row in enumerate(places.tolist())]
    return [row[:NEIGHBOURS] for row in rows]
