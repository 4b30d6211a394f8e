"""The comparison of two runs: different settings, and the results of the pairs that both have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nst_core.errors import RunFolderError
from nst_core.run_folder.folder import METHODS
from nst_core.views.report.matching import match
from nst_core.views.report.quantiles import Quantiles, quantiles
from nst_core.views.report.rows import Detail, details
from nst_core.views.report.run_reader import ReadRun
from nst_core.views.report.settings_in_words import Difference, differences
from nst_core.views.web import json_value

_SHOWN = 8
_NO_DIFFERENCE = 1e-9
MISSING = "missing"
_SCALE_KEYS = ("version", "method", "weights_sha256")


@dataclass(frozen=True)
class StatusChange:
    """Pairs with one status here and another there; `example` is one of them, if a row of it can be read."""

    here: str
    there: str
    pairs: int
    example: Detail | None


@dataclass(frozen=True)
class RunComparison:
    """The comparison of a run (here) with another one (there).

    Attributes:
        asked: keys with different values; without `method` none of them belongs to the method.
        same_method: whether the matched pairs have the same methods, apart from precision and how images are saved:
            then losses are compared as they are; else the share of the initial loss that is left.
        matched: pairs that both have planned, `by_bytes` of them under other names; `only_here`, `only_there`: others.
        changed: matched pairs with another status, by both statuses.
        both: matched pairs with an image in both; `same_bytes` of the `hashed` have the same image, bit for bit.
        losses: loss here over loss there, or loss left over loss left; `seconds`: time per image here over there.
        compute: seconds for the pairs with an image in both, here and there.
        apart: the pairs with the largest differences in loss, (here, there, ratio).
        differs: the differences in words; empty where there is none at all.
    """

    name: str
    other: str
    asked: tuple[Difference, ...]
    same_method: bool
    matched: int
    by_bytes: int
    only_here: int
    only_there: int
    changed: tuple[StatusChange, ...]
    both: int
    same_bytes: int
    hashed: int
    losses: Quantiles | None
    seconds: Quantiles | None
    compute: tuple[float, float]
    apart: tuple[tuple[Detail, Detail, float], ...]
    differs: tuple[str, ...]
    loss_ratios: NDArray[np.float64]
    second_ratios: NDArray[np.float64]

    def as_dict(self) -> dict[str, Any]:
        """All fields but the single ratios, as values for JSON."""
        return {name: json_value(value) for name, value in vars(self).items() if not name.endswith("_ratios")}


class _Side:
    """The rows of one run's matched pairs; `row` is -1 where a pair has none."""

    def __init__(self, run: ReadRun, places: NDArray[np.int64]) -> None:
        plan, self.rows = _plan(run).select(["pair_id", "method_fingerprint"]).take(pa.array(places)), run.rows
        self.methods: list[str] = plan["method_fingerprint"].to_pylist()
        row = pc.index_in(plan["pair_id"], value_set=run.rows.table["pair_id"].combine_chunks()).fill_null(-1)
        self.row = np.asarray(row.to_numpy(), np.int64)
        codes, names = run.rows.codes("status")
        self.status = np.array([name or "unknown" for name in names] + [MISSING], object)[
            np.where(self.row >= 0, codes[self.row] if len(codes) else 0, len(names))
        ]

    def numbers(self, name: str) -> NDArray[np.float64]:
        """A column of the matched pairs; NaN where there is no row."""
        values = np.append(self.rows.numbers(name), np.nan)
        return values[self.row]

    def outputs(self) -> NDArray[np.int64]:
        """The beginnings of the images' hashes as numbers; -1 where one is not known."""
        values = np.append(np.asarray(self.rows.table["output"].fill_null(-1).to_numpy()), -1)
        return np.asarray(values[self.row], np.int64)


def compare(here: ReadRun, there: ReadRun) -> RunComparison:
    """Compare two runs that were read with their whole plans.

    Raises:
        RunFolderError: a plan cannot be read, so that the pairs cannot be matched.
    """
    here_plan, there_plan = _plan(here), _plan(there)
    ours, theirs, by_bytes = match(here_plan, there_plan)
    left, right = _Side(here, ours), _Side(there, theirs)
    both = (left.status == "success") & (right.status == "success")
    same_method = same_scale(zip(left.methods, right.methods, strict=True), (here.run_yaml, there.run_yaml))
    loss = "total_loss" if same_method else "loss_left"
    losses, seconds = (_ratios(left.numbers(name), right.numbers(name), both) for name in (loss, "seconds"))
    hashed = both & (left.outputs() >= 0) & (right.outputs() >= 0)
    timed = np.isfinite(seconds)
    comparison = RunComparison(
        name=here.name,
        other=there.name if there.name != here.name else f"{there.name}, the other one",
        asked=differences(here.run_yaml, there.run_yaml),
        same_method=same_method,
        matched=len(ours),
        by_bytes=by_bytes,
        only_here=here_plan.num_rows - len(ours),
        only_there=there_plan.num_rows - len(theirs),
        changed=tuple(_changed(left, right)),
        both=int(both.sum()),
        same_bytes=int((hashed & (left.outputs() == right.outputs())).sum()),
        hashed=int(hashed.sum()),
        losses=quantiles("losses", losses),
        seconds=quantiles("seconds", seconds),
        compute=(float(left.numbers("seconds")[timed].sum()), float(right.numbers("seconds")[timed].sum())),
        apart=tuple(_apart(left, right, losses)),
        differs=(),
        loss_ratios=losses[np.isfinite(losses)],
        second_ratios=seconds[timed],
    )
    return replace(comparison, differs=_differences(comparison))


def _plan(run: ReadRun) -> pa.Table:
    if run.plan is None:
        raise RunFolderError(
            f"{run.folder} cannot be compared: its plan is damaged or not there, and only that tells which pairs "
            "are the same. Restore it, or make the report without --against."
        )
    return run.plan


def _ratios(here: NDArray[np.float64], there: NDArray[np.float64], both: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Values here over values there; NaN where one is not known, or not above zero."""
    usable = both & np.isfinite(here) & np.isfinite(there) & (here > 0) & (there > 0)
    return np.where(usable, here / np.where(usable, there, 1.0), np.nan)


def _changed(left: _Side, right: _Side) -> list[StatusChange]:
    differ = np.flatnonzero(left.status != right.status)
    counted = Counter(zip(left.status[differ].tolist(), right.status[differ].tolist(), strict=True))
    changed = []
    for (here, there), pairs in counted.most_common():
        place = next(p for p in differ.tolist() if (left.status[p], right.status[p]) == (here, there))
        side = left if left.row[place] >= 0 else right
        example = details(side.rows, [int(side.row[place])]) if side.row[place] >= 0 else [None]
        changed.append(StatusChange(here, there, pairs, example[0]))
    return changed


def _apart(left: _Side, right: _Side, ratios: NDArray[np.float64]) -> list[tuple[Detail, Detail, float]]:
    """The pairs whose losses are furthest from each other."""
    far = np.abs(np.log(ratios))
    known = np.flatnonzero(np.isfinite(far) & (far > _NO_DIFFERENCE))
    most = known[np.argsort(-far[known], kind="stable")][:_SHOWN]
    here, there = details(left.rows, left.row[most].tolist()), details(right.rows, right.row[most].tolist())
    return list(zip(here, there, ratios[most].tolist(), strict=True))


def _differences(comparison: RunComparison) -> tuple[str, ...]:
    def apart(ratios: NDArray[np.float64]) -> bool:
        return bool((np.abs(np.log(ratios)) > _NO_DIFFERENCE).any())

    differ = {
        "what was asked": bool(comparison.asked),
        "the pairs": comparison.only_here + comparison.only_there > 0,
        "what became of them": bool(comparison.changed),
        "losses": apart(comparison.loss_ratios),
        "the images' bytes": comparison.same_bytes < comparison.hashed,
        "speed": apart(comparison.second_ratios),
    }
    return tuple(what for what, differs in differ.items() if differs)


def same_scale(fingerprints: Iterable[tuple[str, str]], run_files: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the losses of every pair can be compared as they are: precision and output do not change their scale.

    Args:
        fingerprints: of the methods of a pair here and there, for each pair.
        run_files: of both runs, which hold the data of the fingerprints. Those without data must be equal.
    """
    scales = {fingerprint: _scale(data) for run_yaml in run_files for fingerprint, data in _methods(run_yaml)}
    return all(
        here == there or (here in scales and there in scales and scales[here] == scales[there])
        for here, there in set(fingerprints)
    )


def _methods(run_yaml: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The data of a folder's fingerprints: of its one method, or of those of its rows."""
    one, many = run_yaml.get("method_fingerprint_data"), run_yaml.get(METHODS)
    methods = many if isinstance(many, Mapping) else {}
    for fingerprint, data in {**methods, run_yaml.get("method_fingerprint"): one}.items():
        if isinstance(fingerprint, str) and isinstance(data, Mapping):
            yield fingerprint, data


def _scale(data: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a fingerprint's data that decides the scale of losses."""
    scale = {key: data.get(key) for key in _SCALE_KEYS}
    if isinstance(scale["method"], Mapping):
        scale["method"] = {key: value for key, value in scale["method"].items() if key != "precision"}
    return scale
