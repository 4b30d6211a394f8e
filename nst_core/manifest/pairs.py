"""Conversion of manifest rows to pairs, and of pairs to manifest rows."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from nst_core.errors import ManifestError
from nst_core.manifest.draws import draw
from nst_core.manifest.pairing import Pair, StyleSet, StyleShare
from nst_core.manifest.row import UNSTYLIZED, ManifestRow
from nst_core.manifest.style_cell import StyleRef
from nst_core.sources.artist_names import artist_key, artist_lookup
from nst_core.sources.base import Catalogue, Item
from nst_core.storage.paths import is_local, is_url, parse_path

if TYPE_CHECKING:
    from nst_core.manifest.checks import ManifestFault


def read_pairs(path: Path, seed: int, contents: Catalogue, styles: StyleSet) -> list[Pair]:
    """Read the pairs of a manifest, and draw the styles of rows that name an artist only. Raises ManifestError."""
    from nst_core.manifest.checks import faults_message  # pandas, a second that runs without a manifest do without
    from nst_core.manifest.csv_reader import read_manifest

    pools = styles.drawable().by_artist()
    found_contents, found_styles = _ItemLookup.of(contents, path.parent), _ItemLookup.of(styles.catalogue, path.parent)
    lookups = _Lookups(found_contents, found_styles, pools, artist_lookup(pools), seed)
    rows = read_manifest(path, pools, found_styles.by_id, found_contents.by_id)
    pairs = [_pair_of_row(row, lookups) for row in rows]
    if repeated := _repeated(rows, pairs):
        raise ManifestError(faults_message(path, repeated))
    return pairs


def manifest_rows(pairs: Iterable[Pair]) -> Iterator[ManifestRow]:
    """Yield pairs as rows of a manifest, images by their ids in the sources."""
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
class _Lookups:
    """The images and artists that the rows of a manifest may name.

    Attributes:
        pools: the styles that can be drawn, by artist; `artists`: their names by `artist_key`.
        seed: of the draws.
    """

    contents: _ItemLookup
    styles: _ItemLookup
    pools: Mapping[str, list[Item]]
    artists: Mapping[str, str]
    seed: int


def _pair_of_row(row: ManifestRow, lookups: _Lookups) -> Pair:
    content = lookups.contents.item(row.content)
    shares: tuple[StyleShare, ...]
    artist: str | None
    if _is_unstylized(row, lookups):
        shares, artist = (), UNSTYLIZED
    elif row.styles:
        shares = lookups.styles.shares(row.styles)
        artist = row.artist or shares[0].item.artist
    else:
        artist = lookups.artists[artist_key(row.artist or "")]
        own_seed = lookups.seed if row.overrides.seed is None else row.overrides.seed
        pool = lookups.pools[artist]
        (index,) = draw(1, len(pool), own_seed, content.id, artist)
        shares = lookups.styles.shares((StyleRef(pool[index].id),))
    if artist and artist not in lookups.pools:
        artist = lookups.artists.get(artist_key(artist), artist)
    label, split = _cell_value(row.label, content.label), _cell_value(row.split, content.split)
    return Pair(content, shares, artist or None, label, split, row.overrides, row.replicate, row.extras)


def _cell_value(cell: str | None, default: str | None) -> str | None:
    """A cell's text; the default if it is empty, or the default but for the spaces around it."""
    return default if not cell or (default and default.strip() == cell) else cell


def _is_unstylized(row: ManifestRow, lookups: _Lookups) -> bool:
    return [ref.name for ref in row.styles] == [UNSTYLIZED] and UNSTYLIZED not in lookups.styles.by_id


def _repeated(rows: Sequence[ManifestRow], pairs: Sequence[Pair]) -> list[ManifestFault]:
    """Rows with the same pair as an earlier one, written differently: a path and an id, a style and an artist."""
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
class _ItemLookup:
    """Items by the names in a manifest: an id or a path of the source, or the path or URL of any other file."""

    by_id: Mapping[str, Item]
    by_path: Mapping[str, Item]
    folder: Path
    _items: dict[str, Item] = field(default_factory=dict)
    _blends: dict[tuple[StyleRef, ...], tuple[StyleShare, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, catalogue: Catalogue, folder: Path) -> _ItemLookup:
        return cls(catalogue.by_id(), {_absolute(item.path): item for item in catalogue.items}, folder)

    def item(self, name: str) -> Item:
        """A source's item by id, else a file by path: beside the manifest, or from the current folder."""
        if name not in self._items:
            self._items[name] = self._find(name)
        return self._items[name]

    def shares(self, styles: tuple[StyleRef, ...]) -> tuple[StyleShare, ...]:
        """The styles of a row; the same object for the same names."""
        if styles not in self._blends:
            self._blends[styles] = tuple(StyleShare(self.item(ref.name), ref.share) for ref in styles)
        return self._blends[styles]

    def _find(self, name: str) -> Item:
        identity = unicodedata.normalize("NFC", name)
        if identity in self.by_id:
            return self.by_id[identity]
        if is_url(name) or not is_local(self.folder):
            path = parse_path(name) if is_url(name) else self.folder / name
            return self.by_path.get(str(path)) or Item(identity, path)
        # `os.path.exists`: Path's raises where a name is too long, but such an image is to be quarantined.
        beside = self.folder / name
        path = beside if os.path.exists(beside) or not os.path.exists(name) else Path(name)  # noqa: PTH110
        return self.by_path.get(_absolute(path)) or Item(identity, Path(_absolute(path)))


def _absolute(path: Path) -> str:
    if not is_local(path):
        return str(path)
    return os.path.normpath(path.absolute())
