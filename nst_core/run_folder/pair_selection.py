"""The finished pairs of a run that a person means: by id, by artist, the best ones."""

from __future__ import annotations

import heapq
import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from nst_core.errors import UsageError
from nst_core.run_folder.finished_pairs import FinishedPair, finished_pairs
from nst_core.run_folder.results import result_files
from nst_core.run_folder.results_reader import read_results, result_records
from nst_core.sources.artist_names import artist_key, artist_lookup, suggest_name

_ABBREVIATED = re.compile(r"[0-9a-f]{4,16}")


def pairs_by_id(run_folder: Path, ids: Sequence[str]) -> list[FinishedPair]:
    """The pairs of these ids, each once, in their order; an id may be cut to four or more of its digits.

    Raises:
        UsageError: an id is none, nobody's or several pairs', or its pair has no picture.
    """
    for text in ids:
        if not _ABBREVIATED.fullmatch(text.lower()):
            raise UsageError(f"{text!r} is no pair id: give the 16 hex digits of its row, or at least the first four.")
    fates: dict[str, dict[str, str]] = {text.lower(): {} for text in ids}
    for record in result_records(run_folder, ["pair_id", "status", "error_message"]):
        for text, found in fates.items():
            if record["pair_id"].startswith(text):
                found[record["pair_id"]] = _fate(record["status"], record["error_message"])
    wanted = dict.fromkeys(_only(run_folder, text, found) for text, found in fates.items())
    there = {
        pair.pair_id: pair for pair in finished_pairs(run_folder, result_files(run_folder)) if pair.pair_id in wanted
    }
    return [there[name] for name in wanted if name in there]


def pairs_of_artist(run_folder: Path, artist: str | None) -> list[FinishedPair]:
    """All pairs of an artist, by name in any case, or of everybody. Raises UsageError where there are none."""
    pairs = list(finished_pairs(run_folder, result_files(run_folder)))
    if not pairs:
        raise UsageError(f"{run_folder} has no finished picture yet: `nst status` says what became of its pairs.")
    if artist is None:
        return pairs
    known = artist_lookup(pair.artist for pair in pairs if pair.artist)
    chosen = [pair for pair in pairs if pair.artist and artist_key(pair.artist) == artist_key(artist)]
    if not chosen:
        raise UsageError(f"--artist: there is no finished picture of {artist!r}{suggest_name(artist, known.values())}.")
    return chosen


def best_pairs(run_folder: Path, pairs: Iterable[FinishedPair], count: int) -> list[FinishedPair]:
    """The pairs with the smallest share of their initial loss left, smallest first; those of which it is unknown last.

    The loss itself depends on the picture, and so cannot be compared between pairs.
    """
    left: dict[str, float] = {}
    for part in read_results(result_files(run_folder), ["pair_id", "loss_left"], reduce=_with_loss_left):
        left.update(zip(part.table["pair_id"].to_pylist(), part.table["loss_left"].to_pylist(), strict=True))
    return heapq.nsmallest(count, pairs, key=lambda pair: (left.get(pair.pair_id, math.inf), pair.pair_id))


def _with_loss_left(table: pa.Table) -> pa.Table:
    return table.filter(pc.is_finite(table["loss_left"]))


def _fate(status: str, message: str | None) -> str:
    return "" if status == "success" else f"it was {status} ({message})" if message else f"it was {status}"


def _only(run_folder: Path, text: str, found: dict[str, str]) -> str:
    if not found:
        raise UsageError(f"{run_folder} has no pair {text}: ids stand in the gallery and in the column pair_id.")
    if len(found) > 1:
        raise UsageError(f"{text} begins the ids of {len(found)} pairs ({', '.join(sorted(found)[:5])}): add digits.")
    ((pair_id, fate),) = found.items()
    if fate:
        raise UsageError(f"The pair {pair_id} has no picture: {fate}.")
    return pair_id
