"""Pairs of content and style: from a manifest, or drawn by a strategy.

Each draw is a function of (seed, content id, style pool) alone: the same on every machine, whatever the order in which
the file system lists files, and new contents never move the pairs of old ones.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nst_core.config import Pairing
from nst_core.errors import ConfigError, ManifestError
from nst_core.manifest import (
    Fault,
    ManifestRow,
    Overrides,
    StyleRef,
    artist_key,
    artist_lookup,
    faults_message,
    read_manifest,
)
from nst_core.recipes import suggestion
from nst_core.sources.base import Catalogue, Item


@dataclass(frozen=True)
class StyleShare:
    """One style of a pair with its share of a blend (1 where it is the only one)."""

    item: Item
    share: float = 1.0


@dataclass(frozen=True)
class Pair:
    """One image to make."""

    content: Item
    styles: tuple[StyleShare, ...]
    artist: str | None
    label: str | None = None
    split: str | None = None
    overrides: Overrides = field(default_factory=Overrides)
    replicate: int = 0
    extras: Mapping[str, str] = field(default_factory=dict)


def make_pairs(pairing: Pairing, contents: Catalogue, styles: Catalogue) -> list[Pair]:
    """Every pair that the run file asks for.

    Raises:
        ConfigError: an artist that the style source does not have.
        ManifestError: the manifest is wrong.
    """
    if pairing.strategy == "manifest":
        assert pairing.manifest is not None  # the configuration makes sure
        return pairs_of_manifest(pairing.manifest, pairing.seed, contents, styles)
    styles = _chosen_artists(styles, pairing.artists)
    if pairing.strategy == "grid":
        return [_pair(content, style) for content in contents.items for style in styles.items]
    if pairing.strategy == "artist":
        return list(_every_artist(pairing, contents, styles))
    return list(_random(pairing, contents, styles))


def pairs_of_manifest(path: Path, seed: int, contents: Catalogue, styles: Catalogue) -> list[Pair]:
    """The pairs of a manifest; styles that it leaves to a draw are drawn. Raises ManifestError."""
    pools = styles.by_artist()
    names = artist_lookup(pools)
    known_contents, known_styles = _Known.of(contents, path.parent), _Known.of(styles, path.parent)
    rows = read_manifest(path, pools, known_styles.by_id)
    pairs = [_pair_of_row(row, seed, known_contents, known_styles, pools, names) for row in rows]
    if repeated := _repeated(rows, pairs):
        raise ManifestError(faults_message(path, repeated))
    return pairs


def manifest_rows(pairs: Sequence[Pair]) -> list[ManifestRow]:
    """Pairs as rows of a manifest, by source id."""
    return [
        ManifestRow(
            number,
            pair.content.id,
            tuple(StyleRef(s.item.id, s.share) for s in pair.styles),
            pair.artist,
            pair.label,
            pair.split,
            pair.overrides,
            pair.extras,
        )
        for number, pair in enumerate(pairs, start=2)
    ]


def draw(count: int, pool_size: int, *key: object) -> list[int]:
    """`count` distinct indices below `pool_size`, in drawn order, as a function of `key` alone; at most all.

    A sparse Fisher–Yates shuffle whose random numbers are sha256(key, step): no generator whose stream could change
    between versions of Python or NumPy.
    """
    moved: dict[int, int] = {}
    drawn = []
    for step in range(min(count, pool_size)):
        chosen = step + _uniform(pool_size - step, *key, step)
        drawn.append(moved.get(chosen, chosen))
        moved[chosen] = moved.get(step, step)
    return drawn


def _uniform(below: int, *key: object) -> int:
    digest = hashlib.sha256("\0".join(str(part) for part in key).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest, "big") % below  # 256 bits: the modulo's bias is nil


def _every_artist(pairing: Pairing, contents: Catalogue, styles: Catalogue) -> Iterator[Pair]:
    pools = sorted(styles.by_artist().items())
    if not pools:
        raise ConfigError(
            "pairing.strategy `artist` needs styles by artist: put each artist's images into a sub-folder."
        )
    for content in contents.items:
        for artist, pool in pools:
            (index,) = draw(1, len(pool), pairing.seed, content.id, artist)
            yield _pair(content, pool[index])


def _random(pairing: Pairing, contents: Catalogue, styles: Catalogue) -> Iterator[Pair]:
    groups = _groups(styles, pairing.balance)
    names = sorted(groups)
    wanted = min(pairing.styles_per_content, len(styles.items))
    for content in contents.items:
        order = [names[i] for i in draw(wanted, len(names), pairing.seed, content.id, "group")]
        decks = {name: draw(wanted, len(groups[name]), pairing.seed, content.id, name) for name in order}
        for name, index in _deal(decks, wanted):
            yield _pair(content, groups[name][index])


def _deal(decks: Mapping[str, Sequence[int]], wanted: int) -> Iterator[tuple[str, int]]:
    """One from each deck in turn, until enough are dealt or all decks are empty."""
    dealt = 0
    for turn in range(max((len(deck) for deck in decks.values()), default=0)):
        for name, deck in decks.items():
            if turn < len(deck) and dealt < wanted:
                dealt += 1
                yield name, deck[turn]


def _groups(styles: Catalogue, balance: str) -> dict[str, list[Item]]:
    groups: dict[str, list[Item]] = {}
    for item in styles.items:
        key = {"artist": item.artist, "genre": item.genre}.get(balance, "") or ""
        groups.setdefault(key, []).append(item)
    return groups


def _chosen_artists(styles: Catalogue, artists: Sequence[str] | None) -> Catalogue:
    if artists is None:
        return styles
    known = artist_lookup(styles.by_artist())
    for name in artists:
        if artist_key(name) not in known:
            raise ConfigError(
                f"pairing.artists: the style source has no artist {name!r}{suggestion(artist_key(name), known)}."
            )
    chosen = {known[artist_key(name)] for name in artists}
    return Catalogue(tuple(item for item in styles.items if item.artist in chosen))


def _pair(content: Item, style: Item) -> Pair:
    return Pair(content, (StyleShare(style),), style.artist, content.label, content.split)


def _pair_of_row(
    row: ManifestRow,
    seed: int,
    contents: _Known,
    styles: _Known,
    pools: Mapping[str, list[Item]],
    names: Mapping[str, str],
) -> Pair:
    content = contents.item(row.content)
    if row.styles:
        shares = tuple(StyleShare(styles.item(ref.name), ref.share) for ref in row.styles)
        artist = row.artist or shares[0].item.artist
    else:
        artist = names[artist_key(row.artist or "")]
        own_seed = seed if row.overrides.seed is None else row.overrides.seed
        (index,) = draw(1, len(pools[artist]), own_seed, content.id, artist)
        shares = (StyleShare(pools[artist][index]),)
    artist = names.get(artist_key(artist), artist) if artist else None
    return Pair(
        content,
        shares,
        artist,
        row.label or content.label,
        row.split or content.split,
        row.overrides,
        extras=row.extras,
    )


def _repeated(rows: Sequence[ManifestRow], pairs: Sequence[Pair]) -> list[Fault]:
    """Rows that come to the same pair although they are written differently: a path and an id, a style and its draw."""
    first: dict[Hashable, int] = {}
    faults = []
    for row, pair in zip(rows, pairs, strict=True):
        styles = tuple((style.item.id, style.share) for style in pair.styles)
        key = (pair.content.id, styles, pair.artist, pair.label, pair.split, pair.overrides)
        earlier = first.setdefault(key, row.number)
        if earlier != row.number:
            faults.append((row.number, "content", row.content, f"comes to the same pair as row {earlier}"))
    return faults


@dataclass(frozen=True)
class _Known:
    """What a name in a manifest may mean: an item of a source by its id or its path, or any other file."""

    by_id: Mapping[str, Item]
    by_path: Mapping[str, Item]
    folder: Path

    @classmethod
    def of(cls, catalogue: Catalogue, folder: Path) -> _Known:
        return cls(catalogue.by_id(), {_absolute(item.path): item for item in catalogue.items}, folder)

    def item(self, name: str) -> Item:
        """A source's item by id, else a file by path: beside the manifest, or from the current folder."""
        identity = unicodedata.normalize("NFC", name)
        if identity in self.by_id:
            return self.by_id[identity]
        # `os.path.exists` and not Path's, which raises where a name is too long: that is the image's fault, not ours.
        beside = self.folder / name
        path = beside if os.path.exists(beside) or not os.path.exists(name) else Path(name)  # noqa: PTH110
        return self.by_path.get(_absolute(path)) or Item(identity, Path(_absolute(path)))


def _absolute(path: Path) -> str:
    return os.path.normpath(path.absolute())
