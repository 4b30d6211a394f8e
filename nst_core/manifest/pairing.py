"""Pairs of content and style, drawn by a strategy.

Each draw is a function of (seed, content id, style pool) alone: the same on every machine, whatever the order in which
the file system lists files, and new contents never move the pairs of old ones. Pairs come one by one: a dataset may
have millions.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from nst_core.config.pairing import Pairing
from nst_core.errors import ConfigError, suggestion
from nst_core.manifest.draws import divided, fraction, part_of
from nst_core.manifest.row import UNSTYLIZED, Overrides
from nst_core.manifest.style_pool import StylePool
from nst_core.sources.artist_names import artist_key, artist_lookup, suggest_name
from nst_core.sources.base import Catalogue, Item


@dataclass(frozen=True, slots=True)
class StyleShare:
    """One style of a pair with its share of a blend (1 where it is the only one)."""

    item: Item
    share: float = 1.0


_NONE = Overrides()


@dataclass(frozen=True, slots=True)
class Pair:
    """One image to make; without styles, the content as it is."""

    content: Item
    styles: tuple[StyleShare, ...]
    artist: str | None
    label: str | None = None
    split: str | None = None
    overrides: Overrides = _NONE
    replicate: int = 0
    extras: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StyleSet:
    """The style source as pairing sees it.

    Attributes:
        excluded: ids of styles that are never drawn; a manifest may still name them.
        same: by id, the id of the first file with the same bytes, where that is known; with `disjoint_styles`, those
            go to the same split.
    """

    catalogue: Catalogue
    excluded: Container[str] = frozenset()
    same: Mapping[str, str] = field(default_factory=dict)

    def drawable(self) -> Catalogue:
        return Catalogue(tuple(item for item in self.catalogue.items if item.id not in self.excluded))


def drawn_pairs(pairing: Pairing, contents: Iterable[Item], styles: StyleSet, beta: float = 1.0) -> Iterator[Pair]:
    """Every pair that a strategy other than `manifest` asks for, one by one.

    Args:
        beta: the recipe's style weight, which `strengths` multiply.

    Raises:
        ConfigError: artists, genres or labels that nobody has, nothing to draw from, or strengths of a recipe that
            looks at no style; before the first pair.
    """
    contents = tuple(contents)
    if pairing.strengths and beta == 0:
        raise ConfigError("pairing.strengths are multiples of the recipe's style weight, method.beta, which is 0.")
    pools = _Pools(pairing, contents, styles)
    return (version for content in contents for pair in _of_content(pairing, content, pools)
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
        return part_of(pairing.splits, pairing.seed, content.id, "split")
    return content.split


def _of_content(pairing: Pairing, content: Item, pools: _Pools) -> Iterator[Pair]:
    split = split_of(content, pairing)
    if pairing.unstylized and fraction(pairing.seed, content.id, "unstylized") < pairing.unstylized:
        yield unstylized_pair(content, split)
        return
    pool = pools.of(content, split)
    for styles in pools.drawn(pool, content):
        yield Pair(content, styles, styles[0].item.artist, content.label, split)


def _versions(pair: Pair, pairing: Pairing, beta: float) -> Iterator[Pair]:
    """A pair at each strength, as often as asked for. Strength 1 is the recipe's own weight, not an override."""
    if not pair.styles or (pairing.strengths is None and pairing.replicates == 1):
        yield pair
        return
    for strength in dict.fromkeys(pairing.strengths or (1.0,)):
        overrides = Overrides(style_weight=beta * strength) if strength != 1 else pair.overrides
        for replicate in range(pairing.replicates):
            yield replace(pair, overrides=overrides, replicate=replicate)


class _Pools:
    """The styles that a content may meet, by its split and label, and what is drawn from them."""

    def __init__(self, pairing: Pairing, contents: tuple[Item, ...], styles: StyleSet) -> None:
        self._pairing = pairing
        self._styles = _chosen_artists(styles.drawable(), pairing.artists)
        if not self._styles.items and contents:
            raise ConfigError("No style is left to draw: the run file excludes them all.")
        _check_splits(pairing, contents)
        self._parts = self._divided(contents, styles.same) if pairing.disjoint_styles else None
        self._by_label = {label: _members(self._styles, names, label) for label, names in (pairing.pools or {}).items()}
        _check_labels(self._by_label, contents)
        self._made: dict[tuple[str | None, str | None], StylePool] = {}
        self._shares: dict[tuple[str, ...], tuple[StyleShare, ...]] = {}
        if pairing.weights:
            _check_names("pairing.weights", pairing.weights, StylePool(pairing, self._styles.items).groups)
        for content in contents if self._parts or self._by_label else contents[:1]:
            self.of(content, split_of(content, pairing))  # what a pool lacks is told before the first pair

    def of(self, content: Item, split: str | None) -> StylePool:
        """The pool of one content."""
        key = (split if self._parts else None, content.label if content.label in self._by_label else None)
        if key not in self._made:
            items = self._styles.items if key[1] is None else self._by_label[key[1]]
            if self._parts:
                items = tuple(item for item in items if self._parts[item.id] == split)
            if not items:
                raise ConfigError(_empty_pool(*key))
            self._made[key] = StylePool(self._pairing, items)
        return self._made[key]

    def drawn(self, pool: StylePool, content: Item) -> Iterator[tuple[StyleShare, ...]]:
        """The style, or the blend of styles, of each of a content's pairs; the same objects for the same styles."""
        for items in pool.drawn(content.id):
            key = tuple(item.id for item in items)
            shares = self._shares.get(key)
            if shares is None:
                shares = self._shares[key] = style_shares(items)
            yield shares

    def _divided(self, contents: tuple[Item, ...], same: Mapping[str, str]) -> dict[str, str]:
        """Each style's split. Artist by artist, so that every split sees every artist who has enough works."""
        splits = sorted({split for content in contents if (split := split_of(content, self._pairing))})
        shares = self._pairing.splits or dict.fromkeys(splits, 1.0)
        if missing := [split for split in splits if split not in shares]:
            raise ConfigError(f"pairing.disjoint_styles: pairing.splits gives no share to {', '.join(missing)}.")
        if not shares or any(split_of(content, self._pairing) is None for content in contents):
            raise ConfigError("pairing.disjoint_styles needs a split for every content: give pairing.splits.")
        units: dict[str, str] = {}  # files with the same bytes are one; by whom
        for item in self._styles.items:
            units.setdefault(same.get(item.id, item.id), item.artist or "")
        parts: dict[str, str] = {}
        for artist in sorted(set(units.values())):
            works = [unit for unit, by in units.items() if by == artist]
            parts |= divided(works, shares, self._pairing.seed, "styles", artist)
        return {item.id: parts[same.get(item.id, item.id)] for item in self._styles.items}


def _chosen_artists(styles: Catalogue, artists: Iterable[str] | None) -> Catalogue:
    if artists is None:
        return styles
    known = artist_lookup(styles.by_artist())
    for name in artists:
        if artist_key(name) not in known:
            raise ConfigError(
                f"pairing.artists: the style source has no artist {name!r}{suggest_name(name, known.values())}."
            )
    chosen = {known[artist_key(name)] for name in artists}
    return Catalogue(tuple(item for item in styles.items if item.artist in chosen))


def _members(styles: Catalogue, names: Iterable[str], label: str) -> tuple[Item, ...]:
    """Styles by any of these artists, or of any of these genres."""
    wanted = {artist_key(name) for name in names}
    known = artist_lookup(name for item in styles.items for name in _names_of(item))
    for name in names:
        if artist_key(name) not in known:
            hint = suggest_name(name, known.values())
            raise ConfigError(f"pairing.pools.{label}: the style source has no artist or genre {name!r}{hint}.")
    return tuple(item for item in styles.items if wanted & {artist_key(name) for name in _names_of(item)})


def _names_of(item: Item) -> tuple[str, ...]:
    return (*((item.artist,) if item.artist else ()), *item.genres)


def _check_names(key: str, names: Iterable[str], known: Iterable[str]) -> None:
    spellings = artist_lookup(filter(None, known))
    for name in names:
        if artist_key(name) not in spellings:
            raise ConfigError(f"{key}: the style source has no {name!r}{suggest_name(name, spellings.values())}.")


def _check_splits(pairing: Pairing, contents: Iterable[Item]) -> None:
    """Raises ConfigError where `splits` would divide nothing, since every content is in a split of its own already."""
    own = {content.split for content in contents}
    unused = [name for name in pairing.splits or () if name not in own]
    if unused and None not in own and own:
        raise ConfigError(
            f"pairing.splits: no content is in {', '.join(unused)}: all contents have splits of their own "
            f"({', '.join(sorted(filter(None, own)))}). Name those, or leave pairing.splits out."
        )


def _check_labels(labels: Iterable[str], contents: Iterable[Item]) -> None:
    known = {content.label for content in contents if content.label}
    for label in labels:
        if known and label not in known:
            raise ConfigError(f"pairing.pools: no content has the label {label!r}{suggestion(label, known)}.")


def _empty_pool(split: str | None, label: str | None) -> str:
    where = [f"split {split}"] * (split is not None) + [f"label {label}"] * (label is not None)
    return (
        f"No style is left for contents of {' and '.join(where)}: give the style source more images, "
        "or change pairing.splits or pairing.pools."
    )
