"""The table of the pairs that are to be planned: their ids, and indices into lists of what many of them share.

A million pairs are a hundred thousand contents, a few styles and a handful of settings; the table holds those, and
three small numbers per pair.
"""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_core.config.fingerprint import FINGERPRINT_VERSION, canonical_json
from nst_core.manifest.pairing import Pair, StyleShare
from nst_core.manifest.row import Overrides
from nst_core.sources.base import MASK_HASH, STYLE_MASK_HASH, Item

PAIR_ID_LENGTH = 16


@dataclass(frozen=True)
class Combination:
    """The styles of a pair, none where it stays unstylized, and the artist whose gallery it belongs to."""

    styles: tuple[StyleShare, ...]
    artist: str | None

    @property
    def style_ids(self) -> tuple[str, ...]:
        return tuple(share.item.id for share in self.styles)

    @property
    def license(self) -> str | None:
        """The licences of the styles, each once, joined by `; `."""
        return "; ".join(dict.fromkeys(share.item.license for share in self.styles if share.item.license)) or None


@dataclass(frozen=True)
class Setting:
    """The rest of a pair's identity, besides content, styles and artist; `extras` are the manifest's other columns."""

    label: str | None
    split: str | None
    overrides: Overrides
    replicate: int
    extras: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PairTable:
    """Distinct pairs in the order of their ids.

    Attributes:
        ids: (n,) uint64, ascending: the pair ids as numbers.
        content, combination, setting: (n,) int32, indices into `contents`, `combinations` and `settings`.
    """

    contents: list[Item]
    combinations: list[Combination]
    settings: list[Setting]
    ids: NDArray[np.uint64]
    content: NDArray[np.int32]
    combination: NDArray[np.int32]
    setting: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def stylized(self) -> NDArray[np.bool_]:
        """(n,) whether a pair has styles; without, its content is delivered as it is."""
        return np.array([bool(c.styles) for c in self.combinations], bool)[self.combination]

    def without(self, ids: NDArray[np.uint64]) -> PairTable:
        """The pairs whose ids are not among `ids`."""
        left = ~np.isin(self.ids, ids)
        columns = {name: getattr(self, name)[left] for name in ("ids", "content", "combination", "setting")}
        return replace(self, **columns)


def tabulate_pairs(pairs: Iterable[Pair], method_fingerprint: str) -> PairTable:
    """Put pairs, consumed one by one, into a table; of pairs with the same id the first stays."""
    contents, combinations, settings = (
        _DistinctValues(text) for text in (_content_text, _combination_text, _setting_text)
    )
    ids, columns = array("Q"), (array("i"), array("i"), array("i"))
    method = canonical_json(method_fingerprint)
    for pair in pairs:
        places = (
            contents.place(id(pair.content), pair.content),
            combinations.place((id(pair.styles), pair.artist), pair),
            settings.place((pair.label, pair.split, pair.overrides, pair.replicate, *pair.extras.items()), pair),
        )
        styles, artist = combinations.texts[places[1]]
        label, split, overrides, replicate = settings.texts[places[2]]
        text = (  # the canonical JSON of a pair, put together of parts that many pairs share
            f'{{"artist":{artist},"content":{contents.texts[places[0]]},"label":{label},"method":{method},'
            f'"overrides":{overrides},"replicate":{replicate},"split":{split},"styles":{styles},'
            f'"version":{FINGERPRINT_VERSION}}}'
        )
        ids.append(int.from_bytes(sha256(text.encode()).digest()[: PAIR_ID_LENGTH // 2], "big"))
        for column, place in zip(columns, places, strict=True):
            column.append(place)
    distinct, first = np.unique(np.array(ids, np.uint64), return_index=True)
    content, combination, setting = (np.array(column, np.int32)[first] for column in columns)
    return PairTable(
        contents.values,
        [Combination(pair.styles, pair.artist) for pair in combinations.values],
        [Setting(p.label, p.split, p.overrides, p.replicate, p.extras) for p in settings.values],
        distinct,
        content,
        combination,
        setting,
    )


def pair_id(pair: Pair, method_fingerprint: str) -> str:
    """The id of a pair, 16 hex digits: a function of the pair and the method alone."""
    return id_text(int(tabulate_pairs([pair], method_fingerprint).ids[0]))


def id_numbers(ids: Iterable[str]) -> NDArray[np.uint64]:
    """Pair ids as the numbers of a `PairTable`."""
    return np.fromiter((int(text, 16) for text in ids), np.uint64)


def id_text(number: int) -> str:
    """The inverse of `id_numbers`."""
    return f"{number:0{PAIR_ID_LENGTH}x}"


def place_counts(places: NDArray[np.integer[Any]]) -> dict[int, int]:
    """The number of times that each index occurs, by index."""
    distinct, counts = np.unique(places, return_counts=True)
    return dict(zip(distinct.tolist(), counts.tolist(), strict=True))


class _DistinctValues:
    """Values that many pairs share, each kept once, with its part of the text that is hashed."""

    def __init__(self, text: Any) -> None:
        self._text, self._places = text, dict[Hashable, int]()
        self.values: list[Any] = []
        self.texts: list[Any] = []

    def place(self, key: Hashable, value: Any) -> int:
        """The index of a value, which is added if its key is new; keys made of `id()` hold as the values are kept."""
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = len(self.values)
            self.values.append(value)
            self.texts.append(self._text(value))
        return place


def _content_text(item: Item) -> str:
    masks = _mask_hashes(dict(item.extras))
    return canonical_json([item.identity, masks] if masks else item.identity)


def _combination_text(pair: Pair) -> tuple[str, str]:
    return canonical_json([[style.item.identity, style.share] for style in pair.styles]), canonical_json(pair.artist)


def _setting_text(pair: Pair) -> tuple[str, ...]:
    overrides = asdict(pair.overrides) | _mask_hashes(pair.extras)  # without masks as ever
    if overrides["strength"] is None:  # as before there were strengths
        del overrides["strength"]
    return tuple(map(canonical_json, (pair.label, pair.split, overrides, pair.replicate)))


def _mask_hashes(extras: Mapping[str, str]) -> dict[str, str]:
    return {name: extras[name] for name in (MASK_HASH, STYLE_MASK_HASH) if extras.get(name)}
