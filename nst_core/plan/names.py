"""Names that become parts of paths: folders of artists, labels and splits, and the files of images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nst_core.manifest.row import UNSTYLIZED
from nst_core.plan.draft import Draft, Setting, id_text
from nst_core.run_folder.plan_table import Plan
from nst_core.storage.slugs import slugify, unique_slugs


@dataclass(frozen=True)
class PathNames:
    """Slugs of everything that becomes part of a path, distinct for distinct names; stems of the file names.

    Attributes:
        contents, combinations: the stems, by place in the draft's lists.
    """

    artists: Mapping[str | None, str]
    labels: Mapping[str | None, str]
    splits: Mapping[str | None, str]
    contents: Sequence[str]
    combinations: Sequence[str]


def names_of(draft: Draft, earlier: Plan) -> PathNames:
    def slugs(new: Iterable[str | None], column: str) -> dict[str | None, str]:
        taken = {name: slug for name, slug in earlier.distinct(column, f"{column}_slug") if slug is not None}
        return unique_slugs(sorted(set(new), key=lambda n: (n is not None, n)), taken)

    settings = [draft.settings[place] for place in np.unique(draft.setting)]
    return PathNames(
        slugs((draft.combinations[place].artist for place in np.unique(draft.combination)), "artist"),
        slugs((s.label for s in settings if s.label), "label"),
        slugs((s.split for s in settings if s.split), "split"),
        [_stem(item.id) for item in draft.contents],
        [_stem(c.styles[0].item.id) if c.styles else UNSTYLIZED for c in draft.combinations],
    )


def _stem(item_id: str) -> str:
    return slugify(PurePosixPath(item_id.replace("\\", "/")).stem)


def file_names(draft: Draft, names: PathNames, earlier: Plan, extension: str) -> pa.Array:
    """`images/[<split>/][<label>/]<content>--<style>--<pair_id[:8]>.<ext>`, with the whole id should that be taken."""
    folders = [_folder(setting, names) for setting in draft.settings]
    ids = list(map(id_text, draft.ids.tolist()))
    stems = [
        f"{folders[setting]}/{names.contents[content]}--{names.combinations[styles]}--"
        for content, styles, setting in zip(
            draft.content.tolist(), draft.combination.tolist(), draft.setting.tolist(), strict=True
        )
    ]
    short = pa.array([f"{stem}{name[:8]}.{extension}" for stem, name in zip(stems, ids, strict=True)], pa.string())
    taken = pc.is_in(short, value_set=pc.cast(earlier.table.column("file_name"), pa.string()).combine_chunks())
    first = np.zeros(len(short), bool)
    first[np.unique(short.dictionary_encode().indices.to_numpy(), return_index=True)[1]] = True
    clash = taken.to_numpy(zero_copy_only=False) | ~first
    if not clash.any():
        return short
    whole = [f"{stems[i]}{ids[i]}.{extension}" if clash[i] else None for i in range(len(stems))]
    return pc.coalesce(pa.array(whole, pa.string()), short)


def _folder(setting: Setting, names: PathNames) -> str:
    parts = ["images"]
    if setting.split:
        parts.append(names.splits[setting.split])
    if setting.label:
        parts.append(names.labels[setting.label])
    return "/".join(parts)
