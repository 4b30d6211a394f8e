"""Shards: the parts of an export that are written as a whole, and skipped by the next try once they are there."""

from __future__ import annotations

import datetime
import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nst_core.export.rows import ExportRow, Selection
from nst_core.sources.wording import short_list
from nst_core.storage.names import normal_name
from nst_core.storage.paths import file_state
from nst_core.storage.slugs import short_hash, slugify, unique_slugs

DEFAULT_SPLIT = "train"
SHARD_IMAGES = 5_000
"""Images per folder or tar: well below the 10 000 entries that the Hugging Face Hub takes in one folder."""
SHARD_BYTES = 1_000_000_000


@dataclass(frozen=True)
class ExportShard:
    """Some consecutive rows of one group (split)."""

    group: str
    number: int
    rows: tuple[ExportRow, ...]

    def digest(self, salt: str) -> str:
        """The hash of everything that decides the shard's bytes; `salt`: what its format adds to the rows."""
        digest = hashlib.sha256(salt.encode())
        for row in self.rows:
            digest.update(row_json(row).encode() + row.file_name.encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


def group_names(splits: Iterable[str | None]) -> dict[str | None, str]:
    """A plain name (letters, digits, `_`) for each split; rows without a split are `train`.

    Spellings of one name, which differ in case, spaces or the encoding of accents, are one split.
    """
    keys = {split: normal_name(split or "") or DEFAULT_SPLIT for split in splits}
    names = sorted(set(keys.values()), key=lambda name: (slugify(name) != name, name))
    groups: dict[str, str] = {}
    by_slug: dict[str, str] = {}
    for name, slug in unique_slugs(names).items():  # plain names first: they keep theirs
        group = slug.replace("-", "_")
        if slug not in by_slug:
            by_slug[slug] = group if group not in by_slug.values() else f"{group}_{short_hash(str(name))}"
        groups[str(name)] = by_slug[slug]
    return {split: groups[key] for split, key in keys.items()}


def renamed_splits(groups: Mapping[str | None, str]) -> list[str]:
    """A sentence on the splits that have another name in the export, if there are any."""
    renamed = {split: group for split, group in groups.items() if split and split != group}
    if not renamed:
        return []
    shown = short_list([f"{split!r} is {group}" for split, group in sorted(renamed.items())], 20)
    return [f"Splits have plain names in the export: {shown}."]


def splits_by_group(groups: Mapping[str | None, str]) -> dict[str, list[str | None]]:
    """The splits that each group is made of, groups in order."""
    grouped: dict[str, list[str | None]] = {}
    for split, group in sorted(groups.items(), key=lambda item: (item[1], item[0] or "")):
        grouped.setdefault(group, []).append(split)
    return grouped


def shards_of(
    selection: Selection, group: str, splits: list[str | None], images: int, size: int | None = None
) -> Iterator[ExportShard]:
    """Cut the rows of a group into shards of at most so many images, and of files that make at most `size` bytes."""
    rows: list[ExportRow] = []
    number = total = 0
    for row in selection.rows(splits):
        needed = _file_size(selection.run, row) if size is not None else 0
        if rows and (len(rows) >= images or (size is not None and total + needed > size)):
            yield ExportShard(group, number, tuple(rows))
            rows, number, total = [], number + 1, 0
        rows.append(row)
        total += needed
    if rows:
        yield ExportShard(group, number, tuple(rows))


def row_json(row: ExportRow) -> str:
    """The columns of a row as JSON on one line."""
    values = {name: json_value(value) for name, value in row.columns.items()}
    return json.dumps(values, ensure_ascii=False, sort_keys=True, allow_nan=False)


def json_value(value: Any) -> Any:
    """A value as JSON has it: times as ISO text, numbers that are not finite as null."""
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, list):
        return [json_value(element) for element in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _file_size(run: Path, row: ExportRow) -> int:
    try:
        return max(0, file_state(run / row.file_name)[0])
    except (OSError, ValueError):
        return 0
