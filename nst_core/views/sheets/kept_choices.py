"""Choices for contact sheets that are kept from one build to the next: unchanged results are not read again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nst_core.run_folder.finished_pairs import FinishedPair
from nst_core.run_folder.own_files import own_file_or_none
from nst_core.views.gallery_state import GalleryState
from nst_core.views.runs import Artist, Run
from nst_core.views.sheets.choice import ArtistChoice, choose

_FORMAT = 1


class KeptChoices:
    """The choices of a gallery's artists, which it reads or makes; kept in `records.json` by the artists' slugs."""

    def __init__(self, state: GalleryState, most: int) -> None:
        self._state, self._most = state, most
        self._kept = state.records.section("choices")
        self._states = state.states.states(
            file for artist in state.artists for partition in artist.partitions for file in partition.files
        )

    def choices(self) -> list[ArtistChoice]:
        """The choice of each artist that has a finished pair."""
        found = [self._choice(artist) for artist in self._state.artists]
        for slug in self._kept.keys() - {artist.slug for artist in self._state.artists}:
            del self._kept[slug]
        return [choice for choice in found if choice is not None]

    def _choice(self, artist: Artist) -> ArtistChoice | None:
        made_from: list[list[Any]] = [
            [partition.run.key, partition.slug, [[file.name, *self._states[file]] for file in partition.files]]
            for partition in artist.partitions
        ]
        made_from += [[_FORMAT, self._most, artist.name]]
        entry = self._kept.get(artist.slug)
        if isinstance(entry, dict) and entry.get("made_from") == made_from:
            runs = {partition.run.key: partition.run for partition in artist.partitions}
            try:
                return _parse(artist, entry, runs)
            except (KeyError, TypeError, ValueError):
                pass  # not as we write it: chosen again
        choice = choose(artist, self._most)
        keys = {partition.run.folder: partition.run.key for partition in artist.partitions}
        self._kept[artist.slug] = {"made_from": made_from} | (_as_json(choice, keys) if choice else {"total": 0})
        return choice


def _as_json(choice: ArtistChoice, keys: dict[Path, str]) -> dict[str, Any]:
    shown = [
        [keys[pair.run_folder], pair.pair_id, pair.artist, pair.content_path, list(pair.style_paths),
         list(pair.style_shares), pair.file_name]
        for pair in choice.shown
    ]  # fmt: skip
    return {"total": choice.total, "shown": shown}


def _parse(artist: Artist, entry: dict[str, Any], runs: dict[str, Run]) -> ArtistChoice | None:
    """A kept choice. Raises KeyError, TypeError, ValueError where it is strange, or a file is no run's own."""
    if not entry["total"]:
        return None
    shown = []
    for key, pair_id, name, content, styles, shares, file_name in entry["shown"]:
        if own_file_or_none(runs[key].folder, file_name) is None:
            raise ValueError(file_name)
        shown.append(FinishedPair(runs[key].folder, pair_id, name, content, tuple(styles), tuple(shares), file_name))
    return ArtistChoice(artist.slug, artist.name, tuple(shown), int(entry["total"]))
