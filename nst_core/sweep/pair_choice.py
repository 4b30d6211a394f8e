"""The few pairs of a sweep: spread over contents, styles and artists, the same ones at every call."""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import PurePath

from nst_core.config.run_config import RunConfig
from nst_core.errors import UsageError, short, suggestion
from nst_core.manifest.draws import uniform
from nst_core.manifest.pairing import Pair
from nst_core.manifest.row import Overrides
from nst_core.plan.pair_table import pair_id
from nst_core.plan.wanted import Sources
from nst_core.sources.base import Item
from nst_core.sources.licenses import is_excluded
from nst_core.storage.slugs import slugify

MOST_NAMED = 16
"""Pairs that `--only` may mean where nobody says how many are wanted."""

_POOL = 4096
"""Pairs among which the chosen ones are spread: of millions, some that were drawn."""

_ROW_KEYS = {
    "method.beta": "style_weight",
    "method.alpha": "content_weight",
    "method.strength": "strength",
    "method.size": "size",
}
"""Keys of the run file that a manifest's row can override, and its column."""

_PAIR_ID = re.compile(r"[0-9a-f]{4,16}")


def sweep_pairs(pairs: Iterable[Pair], config: RunConfig, sources: Sources, swept: Collection[str]) -> Iterator[Pair]:
    """The pairs that a sweep can make: with styles, nothing left out on purpose, no value of their own for a swept key.

    Args:
        swept: keys that the sweep goes over; each pair comes once without what its row says of them.
    """
    every = {"method", "method.recipe"} & set(swept)  # weights and sizes mean something else to another recipe
    columns = {column for key, column in _ROW_KEYS.items() if every or key in swept}
    seen: set[object] = set()
    for pair in pairs:
        if not pair.styles or _is_left_out(pair, config, sources):
            continue
        bare = replace(pair, overrides=_without(pair.overrides, columns)) if columns else pair
        if bare is not pair:
            key = (bare.content.identity, _styles(bare), bare.artist, bare.label, bare.split, bare.overrides,
                   bare.replicate)  # fmt: skip
            if key in seen:
                continue
            seen.add(key)
        yield bare


def choose_pairs(pairs: Iterable[Pair], count: int, seed: int) -> list[Pair]:
    """`count` pairs, or all if there are fewer: each next one has the contents, styles and artists used least so far.

    The first of a larger choice are those of a smaller one, whatever the order of `pairs`.
    """
    ranked = ((uniform(seed, pair.content.identity, *_styles(pair), pair.artist, pair.replicate, "sweep"), pair)
              for pair in pairs)  # fmt: skip
    pool = heapq.nsmallest(max(_POOL, count), ranked, key=lambda one: one[0])
    contents, styles, artists = Counter[str](), Counter[str](), Counter[str | None]()

    def use(ranked_pair: tuple[float, Pair]) -> tuple[int, int, float]:
        rank, pair = ranked_pair
        most = max(styles[share.item.identity] for share in pair.styles)
        return contents[pair.content.identity] + most, artists[pair.artist], rank

    chosen: list[Pair] = []
    while pool and len(chosen) < count:
        best = min(pool, key=use)
        pool.remove(best)
        chosen.append(best[1])
        contents[best[1].content.identity] += 1
        styles.update(share.item.identity for share in best[1].styles)
        artists[best[1].artist] += 1
    return chosen


def named_pairs(pairs: Iterable[Pair], names: Sequence[str], fingerprint: Callable[[], str]) -> list[Pair]:
    """The pairs that any of the names means: a content, a style or an artist; `content--style`, as pictures' files are
    called; or the id of a pair, which may be cut to four digits.

    Args:
        fingerprint: gives the fingerprint of the run file's method, which ids need.

    Raises:
        UsageError: a name means no pair.
    """
    pairs = list(pairs)
    found = {name: [pair for pair in pairs if _means(name, pair)] for name in names}
    unknown = [name for name in names if not found[name]]
    if any(_PAIR_ID.fullmatch(name.lower()) for name in unknown):
        method = fingerprint()
        ids = [pair_id(pair, method) for pair in pairs]
        for name in unknown:
            if _PAIR_ID.fullmatch(name.lower()):
                found[name] = [pair for pair, one in zip(pairs, ids, strict=True) if one.startswith(name.lower())]
    for name in names:
        if not found[name]:
            known = {spelling for pair in pairs for item in _items(pair) for spelling in _names(item)}
            raise UsageError(
                f"--only {short(name)}: no pair has a content, a style, an artist or an id of that "
                f"name{suggestion(name, known)}."
            )
    wanted = {id(pair) for some in found.values() for pair in some}
    return [pair for pair in pairs if id(pair) in wanted]


def _is_left_out(pair: Pair, config: RunConfig, sources: Sources) -> bool:
    content = pair.content
    return bool(
        content.fault
        or content.id in sources.duplicates
        or is_excluded(content.license, config.content.exclude_licenses)
        or any(is_excluded(share.item.license, config.style.exclude_licenses) for share in pair.styles)
    )


def _without(overrides: Overrides, columns: Iterable[str]) -> Overrides:
    return replace(overrides, **dict.fromkeys(columns))


def _styles(pair: Pair) -> tuple[str, ...]:
    return tuple(f"{share.item.identity}@{share.share}" for share in pair.styles)


def _items(pair: Pair) -> list[Item]:
    return [pair.content, *(share.item for share in pair.styles)]


def _means(name: str, pair: Pair) -> bool:
    if any(_is_called(item, name) for item in _items(pair)) or (pair.artist and slugify(pair.artist) == slugify(name)):
        return True
    content, two, style = name.partition("--")
    return bool(
        two and _is_called(pair.content, content) and any(_is_called(share.item, style) for share in pair.styles)
    )


def _is_called(item: Item, name: str) -> bool:
    return name in _names(item) or slugify(name) == slugify(PurePath(item.id).stem)


def _names(item: Item) -> tuple[str, str, str]:
    path = PurePath(item.id)
    return item.id, path.name, path.stem
