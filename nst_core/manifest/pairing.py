"""Pairs of content and style, drawn by the strategy of a run file.

Each draw is a function of (seed, content id, style pool) alone: the same on every machine, whatever the order in which
the file system lists files, and new contents never move the pairs of old ones. The strategies `nearest` and `farthest`
look at the content and the styles as well. Pairs come one by one: a dataset may have millions.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from nst_core.config.pairing import Pairing
from nst_core.errors import ConfigError, suggestion
from nst_core.manifest.draws import divide, uniform, weighted_choice
from nst_core.manifest.palettes import PALETTE_STRATEGIES, Palettes
from nst_core.manifest.row import UNSTYLIZED, Overrides
from nst_core.manifest.style_pool import StylePool
from nst_core.sources.artist_names import artist_key, artist_lookup, suggest_name
from nst_core.sources.base import Catalogue, Item
from nst_core.storage.names import Spellings, name_key

_NO_OVERRIDES = Overrides()


@dataclass(frozen=True, slots=True)
class StyleShare:
    """One style of a pair with its share of a blend (1 where it is the only one)."""

    item: Item
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Pair:
    """One image to make; without styles, the content as it is."""

    content: Item
    styles: tuple[StyleShare, ...]
    artist: str | None
    label: str | None = None
    split: str | None = None
    overrides: Overrides = _NO_OVERRIDES
    replicate: int = 0
    extras: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StyleSet:
    """The style source, and what of it is not drawn.

    Attributes:
        excluded: ids of styles that are never drawn; a manifest may still name them.
        same: by id, the id of the first file with the same bytes, where that is known; with `disjoint_styles`, those
            go to the same split.
        hashes: by id, the sha256 of the file, where that is known; with `disjoint_styles: stable` it decides the split.
    """

    catalogue: Catalogue
    excluded: Container[str] = frozenset()
    same: Mapping[str, str] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)

    def drawable(self) -> Catalogue:
        """The styles without the excluded ones."""
        return Catalogue(tuple(item for item in self.catalogue.items if item.id not in self.excluded))


def draw_pairs(
    pairing: Pairing,
    contents: Iterable[Item],
    styles: StyleSet,
    beta: float = 1.0,
    palettes: Palettes | None = None,
) -> Iterator[Pair]:
    """Draw every pair of a strategy other than `manifest`, one by one.

    Args:
        beta: the recipe's style weight, which `strengths` multiply.
        palettes: of both sources, which the strategies `nearest` and `farthest` go by.

    Raises:
        ConfigError: unknown artists, genres or labels, nothing to draw from, or strengths of a recipe that ignores the
            style; before the first pair.
    """
    contents = tuple(contents)
    pairing = _with_spellings_of(contents, pairing)
    if pairing.strengths and beta == 0:
        raise ConfigError("pairing.strengths are multiples of the recipe's style weight, method.beta, which is 0.")
    if pairing.strategy in PALETTE_STRATEGIES and palettes is None:
        raise ValueError(f"the strategy {pairing.strategy} needs the palettes of both sources")
    pools = _Pools(pairing, contents, styles, palettes)
    return (version for content in contents for pair in _content_pairs(pairing, content, pools)
            for version in _versions(pair, pairing, beta))  # fmt: skip


def style_shares(items: Iterable[Item]) -> tuple[StyleShare, ...]:
    """Styles in equal shares."""
    items = tuple(items)
    return tuple(StyleShare(item, 1 / len(items)) for item in items)


def unstylized_pair(content: Item, split: str | None) -> Pair:
    """A content that is delivered as it is."""
    return Pair(content, (), UNSTYLIZED, content.label, split)


def split_of(content: Item, pairing: Pairing) -> str | None:
    """The split of a content: its own, else its part of `pairing.splits`."""
    if content.split is None and pairing.splits:
        return weighted_choice(pairing.splits, pairing.seed, content.id, "split")
    return content.split


def _with_spellings_of(contents: Iterable[Item], pairing: Pairing) -> Pairing:
    """The pairing with its splits, and the labels of its pools, spelled as the contents spell them.

    Raises:
        ConfigError: a split, a label, or an artist of `weights` stands there twice, in two spellings.
    """
    splits = Spellings(dict.fromkeys(item.split for item in contents if item.split))
    labels = Spellings(dict.fromkeys(item.label for item in contents if item.label))
    _check_once("pairing.weights", pairing.weights or (), artist_key)
    _check_once("pairing.splits", pairing.splits or ())
    _check_once("pairing.pools", pairing.pools or ())
    spelled = {
        "splits": pairing.splits and {splits.first(name): share for name, share in pairing.splits.items()},
        "pools": pairing.pools and {labels.first(name): names for name, names in pairing.pools.items()},
    }
    return pairing.model_copy(update=spelled)


def _check_once(key: str, names: Iterable[str], identity: Callable[[str], str] = name_key) -> None:
    first: dict[str, str] = {}
    for name in names:
        earlier = first.setdefault(identity(name), name)
        if earlier != name:
            raise ConfigError(f"{key}: {earlier!r} and {name!r} are one name in two spellings: keep one of them.")


def _content_pairs(pairing: Pairing, content: Item, pools: _Pools) -> Iterator[Pair]:
    split = split_of(content, pairing)
    if pairing.unstylized and uniform(pairing.seed, content.id, "unstylized") < pairing.unstylized:
        yield unstylized_pair(content, split)
        return
    if pairing.originals:
        yield unstylized_pair(content, split)
    for styles in pools.draw_styles(content, split):
        yield Pair(content, styles, styles[0].item.artist, content.label, split)


def _versions(pair: Pair, pairing: Pairing, beta: float) -> Iterator[Pair]:
    """A pair at each strength, `replicates` times. Strength 1 is the recipe's own weight, not an override."""
    if not pair.styles or (pairing.strengths is None and pairing.replicates == 1):
        yield pair
        return
    for strength in dict.fromkeys(pairing.strengths or (1.0,)):
        overrides = Overrides(style_weight=beta * strength) if strength != 1 else pair.overrides
        for replicate in range(pairing.replicates):
            yield replace(pair, overrides=overrides, replicate=replicate)


class _Pools:
    """The style pools of contents by split and label."""

    def __init__(
        self, pairing: Pairing, contents: tuple[Item, ...], styles: StyleSet, palettes: Palettes | None = None
    ) -> None:
        self._pairing, self._palettes = pairing, palettes
        self._styles = _chosen_artists(styles.drawable(), pairing.artists)
        if not self._styles.items and contents:
            raise ConfigError("No style is left to draw: the run file excludes them all.")
        _check_splits(pairing, contents)
        self._parts = self._divide(contents, styles) if pairing.disjoint_styles else None
        self._by_label = {label: _members(self._styles, names, label) for label, names in (pairing.pools or {}).items()}
        _check_labels(self._by_label, contents)
        self._own_styles = _own_styles(self._styles, contents) if pairing.conflict else {}
        self._pools: dict[tuple[str | None, str | None], StylePool] = {}
        self._shares: dict[tuple[str, ...], tuple[StyleShare, ...]] = {}
        if pairing.weights:
            groups = filter(None, StylePool(pairing, self._styles.items).groups)
            _check_names("pairing.weights", "", pairing.weights, artist_lookup(groups))
        for content in contents if self._parts or self._by_label or self._own_styles else contents[:1]:
            self._pool(content, split_of(content, pairing))  # an empty pool is an error before the first pair

    def draw_styles(self, content: Item, split: str | None) -> Iterator[tuple[StyleShare, ...]]:
        """Yield the style, or the blend of styles, of each of a content's pairs; the same objects for equal styles."""
        for items in self._pool(content, split).draw_styles(content.id):
            key = tuple(item.id for item in items)
            if key not in self._shares:
                self._shares[key] = style_shares(items)
            yield self._shares[key]

    def _pool(self, content: Item, split: str | None) -> StylePool:
        chosen = content.label in self._by_label or content.label in self._own_styles
        key = (split if self._parts else None, content.label if chosen else None)
        if key not in self._pools:
            items = self._by_label.get(content.label or "", self._styles.items)
            own = self._own_styles.get(content.label or "", ())
            items = tuple(item for item in items if item.id not in own)
            if self._parts:
                items = tuple(item for item in items if self._parts[item.id] == split)
            if not items:
                raise ConfigError(_empty_pool(*key))
            self._pools[key] = StylePool(self._pairing, items, self._palettes)
        return self._pools[key]

    def _divide(self, contents: tuple[Item, ...], styles: StyleSet) -> dict[str, str]:
        """Each style's split, by id: drawn by its bytes alone, or so that every artist with enough works is in each."""
        shares, seed, same = self._style_shares(contents), self._pairing.seed, styles.same
        if self._pairing.disjoint_styles == "stable":
            return {
                item.id: weighted_choice(shares, seed, styles.hashes.get(item.id, item.id), "style split")
                for item in self._styles.items
            }
        units: dict[str, str] = {}  # the artist by id, files with the same bytes as one
        for item in self._styles.items:
            units.setdefault(same.get(item.id, item.id), item.artist or "")
        parts: dict[str, str] = {}
        for artist in sorted(set(units.values())):
            works = [unit for unit, by in units.items() if by == artist]
            parts |= divide(works, shares, seed, "styles", artist)
        return {item.id: parts[same.get(item.id, item.id)] for item in self._styles.items}

    def _style_shares(self, contents: tuple[Item, ...]) -> Mapping[str, float]:
        """The share of the styles that each split gets. Raises ConfigError."""
        splits = sorted({split for content in contents if (split := split_of(content, self._pairing))})
        shares = self._pairing.splits or dict.fromkeys(splits, 1.0)
        if missing := [split for split in splits if split not in shares]:
            raise ConfigError(f"pairing.disjoint_styles: pairing.splits gives no share to {', '.join(missing)}.")
        if not shares or any(split_of(content, self._pairing) is None for content in contents):
            raise ConfigError("pairing.disjoint_styles needs a split for every content: give pairing.splits.")
        return shares


def _chosen_artists(styles: Catalogue, artists: Iterable[str] | None) -> Catalogue:
    if artists is None:
        return styles
    spellings = artist_lookup(styles.by_artist())
    _check_names("pairing.artists", "artist ", artists, spellings)
    chosen = {spellings[artist_key(name)] for name in artists}
    return Catalogue(tuple(item for item in styles.items if item.artist in chosen))


def _members(styles: Catalogue, names: Iterable[str], label: str) -> tuple[Item, ...]:
    """Styles by any of these artists, or of any of these genres."""
    wanted = {artist_key(name) for name in names}
    spellings = artist_lookup(name for item in styles.items for name in _names_of(item))
    _check_names(f"pairing.pools.{label}", "artist or genre ", names, spellings)
    return tuple(item for item in styles.items if wanted & {artist_key(name) for name in _names_of(item)})


def _own_styles(styles: Catalogue, contents: Iterable[Item]) -> dict[str, set[str]]:
    """By label: the ids of the styles that have its name as their artist or genre, where there are any."""
    named: dict[str, set[str]] = {}
    for item in styles.items:
        for name in _names_of(item):
            named.setdefault(artist_key(name), set()).add(item.id)
    labels = dict.fromkeys(content.label for content in contents if content.label)
    return {label: named[artist_key(label)] for label in labels if artist_key(label) in named}


def _names_of(item: Item) -> tuple[str, ...]:
    return (*((item.artist,) if item.artist else ()), *item.genres)


def _check_names(key: str, kind: str, names: Iterable[str], spellings: Mapping[str, str]) -> None:
    """Raise ConfigError for the first name that has no known spelling; `kind` is what it should name, and a space."""
    for name in names:
        if artist_key(name) not in spellings:
            raise ConfigError(f"{key}: the style source has no {kind}{name!r}{suggest_name(name, spellings.values())}.")


def _check_splits(pairing: Pairing, contents: Iterable[Item]) -> None:
    """Raise ConfigError if `splits` would divide nothing, because the source has a split for every content."""
    own = {content.split for content in contents}
    unused = [name for name in pairing.splits or () if name not in own]
    if pairing.disjoint_styles == "stable" and own.intersection(pairing.splits or ()):
        return  # the others have styles of their own, which another run draws from
    if unused and None not in own and own:
        raise ConfigError(
            f"pairing.splits: no content is in {', '.join(unused)}: all contents have splits of their own "
            f"({', '.join(sorted(filter(None, own)))}). Name those, or leave pairing.splits out."
        )


def _check_labels(labels: Iterable[str], contents: Iterable[Item]) -> None:
    present = {content.label for content in contents if content.label}
    for label in labels:
        if present and label not in present:
            raise ConfigError(f"pairing.pools: no content has the label {label!r}{suggestion(label, present)}.")


def _empty_pool(split: str | None, label: str | None) -> str:
    where = [f"split {split}"] * (split is not None) + [f"label {label}"] * (label is not None)
    return (
        f"No style is left for contents of {' and '.join(where)}: give the style source more images, "
        "or change pairing.splits or pairing.pools."
    )
