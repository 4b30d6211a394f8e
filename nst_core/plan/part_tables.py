"""The Arrow tables of a plan part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from nst_core.manifest.style_cell import number_text
from nst_core.plan.pair_table import Combination, id_text
from nst_core.plan.part import PlanPart
from nst_core.plan.path_names import PathNames, file_names
from nst_core.run_folder.plan_table import PLAN_SCHEMA
from nst_core.sources.base import Item, path_text
from nst_core.sources.index.inputs import Input
from nst_core.storage.secrets import redact_urls

_ROWS_AT_ONCE = 65_536

_OF_CONTENT = ["content_id", "content_path", "content_sha256", "content_bytes", "content_mtime_ns",
               "content_license", "content_source_url"]  # fmt: skip
_OF_STYLES = ["style_ids", "style_paths", "style_shares", "artist", "artist_slug", "genre", "style_sha256",
              "style_bytes", "style_mtime_ns", "style_license"]  # fmt: skip
_OF_SETTING = ["label", "label_slug", "split", "split_slug", "replicate", "style_weight", "content_weight",
               "strength"]  # fmt: skip


def part_tables(part: PlanPart) -> Iterator[pa.Table]:
    """Yield the rows of a plan part as tables of `PLAN_SCHEMA`, in plan order, some ten thousands at a time."""
    columns = _PlanColumns(part)
    for start in range(0, len(part), _ROWS_AT_ONCE):
        yield columns.table(slice(start, start + _ROWS_AT_ONCE))


class _PlanColumns:
    """The columns of a part's rows, taken from columns over its distinct contents, combinations and settings."""

    def __init__(self, part: PlanPart) -> None:
        pairs, context = part.pairs, part.context
        self._part = part
        self._file_names = file_names(pairs, part.names, part.earlier, context.extension)
        self._of_content = _frame([_content_columns(item, context.inputs) for item in pairs.contents], _OF_CONTENT)
        self._of_styles = _frame(
            [_style_columns(c, part.names, context.inputs) for c in pairs.combinations], _OF_STYLES
        )
        self._of_setting = _frame(
            [
                (s.label, part.names.labels[s.label] if s.label else None,
                 s.split, part.names.splits[s.split] if s.split else None,
                 s.replicate, s.overrides.style_weight, s.overrides.content_weight,
                 s.overrides.strength)
                for s in pairs.settings
            ],
            _OF_SETTING,
        )  # fmt: skip
        self._seeds = [s.overrides.seed for s in pairs.settings]
        self._chunk_ids = pa.array([f"{part.number:05d}-{number:05d}" for number in range(part.chunks)], pa.string())
        errors = part.shapes.errors
        self._error = _frame([(type(error).__name__, str(error)) for error in errors], ["error_class", "error_message"])

    def table(self, rows: slice) -> pa.Table:
        """The table of a slice of the rows, in plan order."""
        part, pairs = self._part, self._part.pairs
        places = part.order[rows]
        content, styles, setting = pairs.content[places], pairs.combination[places], pairs.setting[places]
        ids = pairs.ids[places].tolist()
        columns = {
            "pair_id": pa.array(map(id_text, ids), pa.string()),
            "chunk_id": self._chunk_ids.take(pa.array(part.chunk[rows])),
            "batch": part.batch[rows],
            "file_name": self._file_names.take(pa.array(places)),
            "size": part.shapes.size[places],
            "width": part.shapes.working[places, 0],
            "height": part.shapes.working[places, 1],
            "seed": [i >> 1 if (own := self._seeds[s]) is None else own for i, s in zip(ids, setting, strict=True)],
            "extras": [self._extras(c, s) for c, s in zip(content, setting, strict=True)],
            "fingerprint": pa.repeat(part.context.fingerprints.run, len(ids)),
            "method_fingerprint": pa.repeat(part.context.fingerprints.method, len(ids)),
        }
        error = part.shapes.error[places]
        for frame, at in (
            (self._of_content, pa.array(content)),
            (self._of_styles, pa.array(styles)),
            (self._of_setting, pa.array(setting)),
            (self._error, pa.array(error, mask=error < 0)),
        ):
            columns |= {name: values.take(at) for name, values in frame.items()}
        arrays = [
            values.cast(kind.type)
            if isinstance(values := columns[kind.name], pa.Array)
            else pa.array(values, kind.type)
            for kind in PLAN_SCHEMA
        ]
        return pa.Table.from_arrays(arrays, schema=PLAN_SCHEMA)

    def _extras(self, content: int, setting: int) -> list[tuple[str, str]]:
        """The extra columns of a pair: its content's, and the manifest's in place of those of the same name.

        A strength of its own is one of them: results have no other column for it.
        """
        setting_of_pair = self._part.pairs.settings[setting]
        own, strength = setting_of_pair.extras, setting_of_pair.overrides.strength
        if strength is not None:
            own = {"strength": number_text(strength), **own}
        found = [*((k, v) for k, v in self._part.pairs.contents[content].extras if k not in own), *own.items()]
        return [(name, redact_urls(value)) for name, value in found]


def _frame(records: Sequence[tuple[Any, ...]], names: Sequence[str]) -> dict[str, pa.Array]:
    """Columns by name, typed as in the plan."""
    columns = list(zip(*records, strict=True)) or [() for _ in names]
    return {name: pa.array(values, PLAN_SCHEMA.field(name).type) for name, values in zip(names, columns, strict=True)}


def _content_columns(item: Item, inputs: Mapping[Path, Input]) -> tuple[Any, ...]:
    found = inputs.get(item.path) or Input(item.path)  # a content of no pair of this part was not inspected
    return (
        item.id,
        path_text(item.path),
        found.sha256,
        found.size_bytes,
        found.mtime_ns,
        item.license,
        item.source_url and redact_urls(item.source_url),
    )


def _style_columns(combination: Combination, names: PathNames, inputs: Mapping[Path, Input]) -> tuple[Any, ...]:
    items = [share.item for share in combination.styles]
    found = [inputs.get(item.path) or Input(item.path) for item in items]
    return (
        combination.style_ids,
        [path_text(item.path) for item in items],
        [share.share for share in combination.styles],
        combination.artist,
        names.artists.get(combination.artist, ""),
        items[0].genre if items else None,
        [style.sha256 for style in found],
        [style.size_bytes for style in found],
        [style.mtime_ns for style in found],
        combination.license,
    )
