"""The choice among the items of any source: what the keys `exclude` and `limit` leave."""

from __future__ import annotations

import hashlib
import heapq
import os
from dataclasses import replace
from pathlib import Path

from nst_core.config.sources import CocoSource, ImageSource
from nst_core.errors import SourceError
from nst_core.sources.base import Catalogue, Item, LeftOut, source_id
from nst_core.sources.exclusion import Exclusion
from nst_core.sources.left_out import BEYOND_LIMIT, EXCLUDED
from nst_core.sources.wording import short_list
from nst_core.storage.paths import is_local


def select_items(catalogue: Catalogue, config: ImageSource, exclusion: Exclusion, role: str) -> Catalogue:
    """The catalogue without items that `exclude` matches, and of the others at most `limit`; the rest is counted.

    The draw depends on (seed, id) alone: not on the order of the files, nor on which others there are. A larger limit
    takes the same items and more. `coco` has drawn its images already, by COCO's own ids.

    Raises:
        SourceError: nothing is left.
    """
    items = catalogue.items
    kept = [i for i in items if not exclusion.covers(_relative(i, config.path))] if exclusion.patterns else list(items)
    if not kept and items:
        raise SourceError(f"{role}.exclude leaves out every image of {config.path}.")
    excluded = len(items) - len(kept)
    chosen = kept if config.limit is None or isinstance(config, CocoSource) else _draw(kept, config)
    counts = (LeftOut(EXCLUDED, "", excluded), LeftOut(BEYOND_LIMIT, "", len(kept) - len(chosen)))
    unmatched = exclusion.unmatched()
    notes = [f"{role}.exclude: nothing matches {short_list([repr(one) for one in unmatched])}."] if unmatched else []
    return replace(
        catalogue,
        items=tuple(sorted(chosen, key=lambda item: item.id)),
        notes=(*catalogue.notes, *notes),
        left_out=(*catalogue.left_out, *(count for count in counts if count.files)),
    )


def _draw(items: list[Item], config: ImageSource) -> list[Item]:
    """At most `config.limit` of the items: those with the lowest sha256(seed, id)."""
    return heapq.nsmallest(config.limit or len(items), items, key=lambda item: _rank(config.seed, item.id))


def _rank(seed: int, identity: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{identity}".encode()).digest()


def _relative(item: Item, root: Path) -> str:
    """The path of an item's file relative to the folder of its source."""
    if not is_local(root):
        return item.id
    return source_id(os.path.relpath(item.path, root.absolute()).replace(os.sep, "/"))
