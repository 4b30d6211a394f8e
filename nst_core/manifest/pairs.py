"""Pairs as a manifest says, and a manifest of pairs."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nst_core.errors import ManifestError
from nst_core.manifest.checks import ManifestFault, faults_message
from nst_core.manifest.csv_reader import read_manifest
from nst_core.manifest.draws import draw
from nst_core.manifest.pairing import Pair, StyleSet, StyleShare
from nst_core.manifest.row import UNSTYLIZED, ManifestRow
from nst_core.manifest.style_cell import StyleRef
from nst_core.sources.artist_names import artist_key, artist_lookup
from nst_core.sources.base import Catalogue, Item
from nst_core.storage.paths import is_local, is_url, parse_path


def pairs_of_manifest(path: Path, seed: int, contents: Catalogue, styles: StyleSet) -> list[Pair]:
    """The pairs of a manifest; styles that it leaves to a draw are drawn. Raises ManifestError."""
    pools = styles.drawable().by_artist()
    known_contents, known_styles = _Known.of(contents, path.parent), _Known.of(styles.catalogue, path.parent)
    known = _Sources(known_contents, known_styles, pools, artist_lookup(pools), seed)
    rows = read_manifest(path, pools, known_styles.by_id, known_contents.by_id)
    pairs = [_pair_of_row(row, known) for row in rows]
    if repeated := _repeated(rows, pairs):
        raise ManifestError(faults_message(path, repeated))
    return pairs


def manifest_rows(pairs: Iterable[Pair]) -> Iterator[ManifestRow]:
    """Pairs as rows of a manifest, by source id."""
    references: dict[int, tuple[tuple[StyleShare, ...], tuple[StyleRef, ...]]] = {}  # kept, so that ids stay theirs
    for number, pair in enumerate(pairs, start=2):
        if id(pair.styles) not in references:
            refs = tuple(StyleRef(s.item.id, s.share) for s in pair.styles) or (StyleRef(UNSTYLIZED),)
            references[id(pair.styles)] = (pair.styles, refs)
        yield ManifestRow(
            number,
            pair.content.id,
            references[id(pair.styles)][1],
            pair.artist if pair.styles else None,
            pair.label,
            pair.split,
            pair.overrides,
            pair.extras,
            pair.replicate,
        )


@dataclass(frozen=True)
class _Sources:
    """What the rows of a manifest refer to."""

    contents: _Known
    styles: _Known
    pools: Mapping[str, list[Item]]
    artists: Mapping[str, str]
    seed: int


def _pair_of_row(row: ManifestRow, known: _Sources) -> Pair:
    content = known.contents.item(row.content)
    shares: tuple[StyleShare, ...]
    artist: str | None
    if _is_unstylized(row, known):
        shares, artist = (), UNSTYLIZED
    elif row.styles:
        shares = known.styles.shares(row.styles)
        artist = row.artist or shares[0].item.artist
    else:
        artist = known.artists[artist_key(row.artist or "")]
        own_seed = known.seed if row.overrides.seed is None else row.overrides.seed
        pool = known.pools[artist]
        (index,) = draw(1, len(pool), own_seed, content.id, artist)
        shares = known.styles.shares((StyleRef(pool[index].id),))
    if artist and artist not in known.pools:
        artist = known.artists.get(artist_key(artist), artist)
    label, split = _own(row.label, content.label), _own(row.split, content.split)
    return Pair(content, shares, artist or None, label, split, row.overrides, row.replicate, row.extras)


def _own(said: str | None, known: str | None) -> str | None:
    """What a row says; the content's own where it says nothing, or that but for the spaces around it."""
    return known if not said or (known and known.strip() == said) else said


def _is_unstylized(row: ManifestRow, known: _Sources) -> bool:
    return [ref.name for ref in row.styles] == [UNSTYLIZED] and UNSTYLIZED not in known.styles.by_id


def _repeated(rows: Sequence[ManifestRow], pairs: Sequence[Pair]) -> list[ManifestFault]:
    """Rows that come to the same pair although they are written differently: a path and an id, a style and its draw."""
    first: dict[Hashable, int] = {}
    faults = []
    for row, pair in zip(rows, pairs, strict=True):
        styles = tuple((style.item.id, style.share) for style in pair.styles)
        key = (pair.content.id, styles, pair.artist, pair.label, pair.split, pair.overrides, pair.replicate)
        earlier = first.setdefault(key, row.number)
        if earlier != row.number:
            faults.append((row.number, "content", row.content, f"comes to the same pair as row {earlier}"))
    return faults


@dataclass(frozen=True)
class _Known:
    """What a name in a manifest may mean: an item of a source by its id or its path, or any other file (a URL, too)."""

    by_id: Mapping[str, Item]
    by_path: Mapping[str, Item]
    folder: Path
    found: dict[str, Item]
    together: dict[tuple[StyleRef, ...], tuple[StyleShare, ...]]

    @classmethod
    def of(cls, catalogue: Catalogue, folder: Path) -> _Known:
        return cls(catalogue.by_id(), {_absolute(item.path): item for item in catalogue.items}, folder, {}, {})

    def item(self, name: str) -> Item:
        """A source's item by id, else a file by path: beside the manifest, or from the current folder."""
        if name not in self.found:
            self.found[name] = self._find(name)
        return self.found[name]

    def shares(self, styles: tuple[StyleRef, ...]) -> tuple[StyleShare, ...]:
        """The styles of a row; the same objects for the same names."""
        if styles not in self.together:
            self.together[styles] = tuple(StyleShare(self.item(ref.name), ref.share) for ref in styles)
        return self.together[styles]

    def _find(self, name: str) -> Item:
        identity = unicodedata.normalize("NFC", name)
        if identity in self.by_id:
            return self.by_id[identity]
        if is_url(name) or not is_local(self.folder):
            path = parse_path(name) if is_url(name) else self.folder / name
            return self.by_path.get(str(path)) or Item(identity, path)
        # `os.path.exists` and not Path's, which raises where a name is too long: that is the image's fault, not ours.
        beside = self.folder / name
        path = beside if os.path.exists(beside) or not os.path.exists(name) else Path(name)  # noqa: PTH110
        return self.by_path.get(_absolute(path)) or Item(identity, Path(_absolute(path)))


def _absolute(path: Path) -> str:
    if not is_local(path):
        return str(path)
    return os.path.normpath(path.absolute())
