"""Parts of paths made from names: the folders of artists, labels and splits, and the files of images."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nst_core.manifest.row import UNSTYLIZED
from nst_core.plan.pair_table import PairTable, Setting, id_text
from nst_core.run_folder.plan_table import Plan
from nst_core.storage.signed_urls import is_web_url
from nst_core.storage.slugs import artist_slug, folder_slug, slugify, unique_slugs


@dataclass(frozen=True)
class PathNames:
    """The slugs of names in paths, distinct for distinct names, and the stems of file names.

    Attributes:
        artists, labels, splits: slugs by name.
        contents, combinations: stems, in the order of the pair table's lists.
    """

    artists: Mapping[str | None, str]
    labels: Mapping[str | None, str]
    splits: Mapping[str | None, str]
    contents: Sequence[str]
    combinations: Sequence[str]


def choose_path_names(pairs: PairTable, earlier: Plan) -> PathNames:
    """Choose the names for the paths of pairs; names that an earlier plan has keep their slugs."""

    def slugs(
        new: Iterable[str | None], column: str, slug_of: Callable[[str | None], str] = folder_slug
    ) -> dict[str | None, str]:
        taken = {name: slug for name, slug in earlier.distinct(column, f"{column}_slug") if slug is not None}
        return unique_slugs(sorted(set(new), key=lambda n: (n is not None, n)), taken, slug_of)

    settings = [pairs.settings[place] for place in np.unique(pairs.setting)]
    return PathNames(
        slugs((pairs.combinations[place].artist for place in np.unique(pairs.combination)), "artist", artist_slug),
        slugs((s.label for s in settings if s.label), "label"),
        slugs((s.split for s in settings if s.split), "split"),
        [_stem(item.id) for item in pairs.contents],
        [_stem(c.styles[0].item.id) if c.styles else UNSTYLIZED for c in pairs.combinations],
    )


def _stem(item_id: str) -> str:
    name = re.split("[?;]", item_id, maxsplit=1)[0] if is_web_url(item_id) else item_id
    return slugify(PurePosixPath(name.replace("\\", "/")).stem)


def file_names(pairs: PairTable, names: PathNames, earlier: Plan, extension: str) -> pa.Array:
    """`images/[<split>/][<label>/]<content>--<style>--<pair_id[:8]>.<ext>` of each pair; the whole id where taken."""
    folders = [_folder(setting, names) for setting in pairs.settings]
    ids = list(map(id_text, pairs.ids.tolist()))
    stems = [
        f"{folders[setting]}/{names.contents[content]}--{names.combinations[styles]}--"
        for content, styles, setting in zip(
            pairs.content.tolist(), pairs.combination.tolist(), pairs.setting.tolist(), strict=True
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
