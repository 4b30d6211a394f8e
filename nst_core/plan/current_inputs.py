"""A plan brought up to date with its inputs: their paths today, changed files, images that are left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nst_core.errors import SKIPPED, ReplacedMask, UnusableMask
from nst_core.run_folder.folder import Outcome
from nst_core.run_folder.plan_table import PLAN_SCHEMA, Plan
from nst_core.sources.base import MASK, STYLE_MASK, path_text
from nst_core.storage.paths import FileState, file_state, is_url, parse_path, remote_states

if TYPE_CHECKING:
    from nst_core.plan.wanted import WantedPairs


def with_current_inputs(plan: Plan, wanted: WantedPairs) -> Plan:
    """Return the plan with today's paths and exclusions: a dataset may have moved, other licences be excluded."""
    from nst_core.plan.pair_table import id_numbers

    pairs = wanted.pairs
    ids = id_numbers(plan.column("pair_id"))
    places = np.searchsorted(pairs.ids, ids)
    places[places == len(pairs)] = 0
    found = pairs.ids[places] == ids if len(pairs) else np.zeros(len(plan), bool)
    plan = _without_replaced_masks(plan, found)
    if not found.any():
        return plan
    return _with_skips(
        _with_masks(_with_paths(plan, wanted, places, found), wanted, places, found), wanted, places, found
    )


def stale_pairs(plan: Plan, outcomes: Mapping[str, Outcome]) -> list[str]:
    """Ids of pairs whose inputs have other bytes than planned, and than those that their result was made from."""
    contents = plan.distinct("content_path", "content_sha256", "content_bytes", "content_mtime_ns")
    styles = set(zip(*map(_flat, _style_columns(plan)), strict=True))
    files = _CurrentFiles(_remote({str(path) for path, *_ in (*contents, *styles)}), {})
    changed = {(path, sha256) for path, sha256, size, mtime in (*contents, *styles)
               if files.differ(path, sha256, size, mtime)}  # fmt: skip
    if not changed:
        return []

    def result_is_current(row_id: str, content: str, paths: list[str]) -> bool:
        outcome = outcomes.get(row_id)
        if outcome is None:
            return False
        styles = outcome.inputs[1:] if paths else ()  # where there is no style, the results have an empty hash
        return (outcome.inputs[:1], styles) == ((files.hash(content),), tuple(map(files.hash, paths)))

    columns = ("pair_id", "content_path", "content_sha256", "style_paths", "style_sha256")
    return [
        row_id
        for row_id, content, sha256, paths, hashes in zip(*map(plan.column, columns), strict=True)
        if not changed.isdisjoint([(content, sha256), *zip(paths, hashes, strict=True)])
        and not result_is_current(row_id, content, paths)
    ]


def _with_paths(plan: Plan, wanted: WantedPairs, places: NDArray[np.intp], found: NDArray[np.bool_]) -> Plan:
    pairs, changes = wanted.pairs, dict[str, pa.ChunkedArray]()
    contents = pa.array([path_text(item.path) for item in pairs.contents], pa.string())
    present = contents.take(pa.array(pairs.content[places], mask=~found))
    planned = pc.cast(plan.table.column("content_path"), pa.string())
    if pc.any(pc.not_equal(present, planned)).as_py():
        changes["content_path"] = pc.coalesce(present, planned)
    kind = PLAN_SCHEMA.field("style_paths").type
    styles = pa.array([[path_text(s.item.path) for s in c.styles] for c in pairs.combinations], kind)
    present = styles.take(pa.array(pairs.combination[places], mask=~found))
    planned = pc.cast(plan.table.column("style_paths"), kind)
    if pc.any(pc.not_equal(pc.binary_join(present, "\0"), pc.binary_join(planned, "\0"))).as_py():
        changes["style_paths"] = pc.if_else(pa.array(found), present, planned)
    return plan.with_columns(**changes) if changes else plan


def _without_replaced_masks(plan: Plan, found: NDArray[np.bool_]) -> Plan:
    """Leave out pairs whose mask could not be used and is another by now: they were planned anew."""
    codes, names = plan.codes("error_class")
    unusable = np.isin(codes, [code for code, name in enumerate(names) if name == UnusableMask.__name__]) & ~found
    if not unusable.any():
        return plan
    classes, messages = plan.column("error_class"), plan.column("error_message")
    for row in np.flatnonzero(unusable).tolist():
        path = (messages[row] or "").partition(": ")[0]
        error = ReplacedMask(path, "it could not be used, and is no mask of the run any more")
        classes[row], messages[row] = type(error).__name__, str(error)
    return plan.with_columns(error_class=pa.array(classes, pa.string()), error_message=pa.array(messages, pa.string()))


def _with_masks(plan: Plan, wanted: WantedPairs, places: NDArray[np.intp], found: NDArray[np.bool_]) -> Plan:
    """Put the paths that masks have today in place of those that were planned."""
    from nst_core.plan.mask_faults import has_masks, masks_of

    pairs = wanted.pairs
    if not has_masks(pairs):
        return plan
    extras = [list(own) for own in plan.column("extras")]
    for row in np.flatnonzero(found).tolist():
        own = masks_of(pairs, pairs.content[places[row]], pairs.setting[places[row]])
        extras[row] = [
            (name, own.get(name, value) if name in (MASK, STYLE_MASK) else value) for name, value in extras[row]
        ]
    kind = PLAN_SCHEMA.field("extras").type
    return plan.with_columns(extras=pa.array(extras, kind))


def _with_skips(plan: Plan, wanted: WantedPairs, places: NDArray[np.intp], found: NDArray[np.bool_]) -> Plan:
    """Put the exclusions of today's run file in place of those that were planned."""
    codes, names = plan.codes("error_class")
    before = np.isin(codes, [code for code, name in enumerate(names) if name in SKIPPED])
    if not before.any() and not wanted.skipped_contents and not wanted.skipped_styles:
        return plan
    classes, messages = plan.column("error_class"), plan.column("error_message")
    for row in np.flatnonzero(found).tolist():
        skip = wanted.skip_reason(places[row])
        if skip is not None:
            classes[row], messages[row] = type(skip).__name__, str(skip)
        elif before[row]:
            classes[row] = messages[row] = None
    return plan.with_columns(error_class=pa.array(classes, pa.string()), error_message=pa.array(messages, pa.string()))


def _style_columns(plan: Plan) -> list[pa.ChunkedArray]:
    return [plan.table.column(name) for name in ("style_paths", "style_sha256", "style_bytes", "style_mtime_ns")]


def _flat(column: pa.ChunkedArray) -> list[object]:
    return list(pc.list_flatten(column).to_pylist())


def _remote(paths: set[str]) -> dict[str, FileState]:
    """The states of the files that are URLs, asked for together: one by one would take hours."""
    remote = {path: parse_path(path) for path in paths if is_url(path)}
    states = remote_states(remote.values())
    return {path: states[place] for path, place in remote.items()}


@dataclass(frozen=True)
class _CurrentFiles:
    """The files' bytes today: each is looked at once, and hashed only if its size or time differ from the plan."""

    states: dict[str, FileState]
    hashes: dict[str, str | None]

    def differ(self, path: str, sha256: str | None, size: int, mtime: int) -> bool:
        if path not in self.states:
            self.states[path] = file_state(parse_path(path))
        # A file that could not be read may be readable now, with the same size and time.
        return (self.states[path] != (size, mtime) or sha256 is None) and self.hash(path) != sha256

    def hash(self, path: str) -> str | None:
        from nst_core.sources.index.inputs import current_sha256  # loads Pillow, and is seldom needed

        if path not in self.hashes:
            self.hashes[path] = current_sha256(path)
        return self.hashes[path]
