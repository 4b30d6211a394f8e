"""Conversion of manifest rows to pairs, and of pairs to manifest rows."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nst_core.errors import ManifestError
from nst_core.manifest.draws import draw
from nst_core.manifest.masks import MaskCells, mask_hashes, without_hashes
from nst_core.manifest.pairing import Pair, StyleSet, StyleShare
from nst_core.manifest.row import UNSTYLIZED, ManifestRow
from nst_core.manifest.style_cell import StyleRef
from nst_core.manifest.urls import WebItems, url_faults
from nst_core.sources.artist_names import artist_key, artist_lookup
from nst_core.sources.base import MASK_COLUMNS, Catalogue, Item
from nst_core.sources.file_names import by_file_name, file_on_disk, table_path
from nst_core.storage.names import Spellings
from nst_core.storage.paths import is_local, is_url, parse_path
from nst_core.storage.signed_urls import is_web_url

if TYPE_CHECKING:
    from nst_core.manifest.checks import ManifestFault


def read_pairs(
    path: Path, seed: int, contents: Catalogue, styles: StyleSet, planned_ids: Callable[[], Iterable[str]] = tuple
) -> list[Pair]:
    """Read the pairs of a manifest, and draw the styles of rows that name an artist only.

    Args:
        planned_ids: the ids of images in the plan, asked for where the manifest has signed addresses: a picture that
            is planned under an address with its signature, as older versions did, keeps that as its identity.

    Raises:
        ManifestError: all rows that are wrong are listed.
    """
    from nst_core.manifest.checks import faults_message  # pandas, a second that runs without a manifest do without
    from nst_core.manifest.csv_reader import read_manifest

    pools = styles.drawable().by_artist()
    web = WebItems(planned_ids)
    found_contents = _ItemLookup.of(contents, path.parent, web)
    found_styles = _ItemLookup.of(styles.catalogue, path.parent, web)
    masks = MaskCells(found_contents.file, contents.annotations)
    lookups = _Lookups(found_contents, found_styles, masks, pools, artist_lookup(pools), seed)
    rows = read_manifest(path, pools, found_styles, found_contents)
    if refused := url_faults(rows, path.parent, found_contents.by_id, found_styles.by_id):
        raise ManifestError(faults_message(path, refused))
    if wrong := _mask_faults(rows, lookups):
        raise ManifestError(faults_message(path, wrong))
    pairs = list(_with_one_spelling(_pair_of_row(row, lookups) for row in rows))
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
            without_hashes(pair.extras),
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
    masks: MaskCells
    pools: Mapping[str, list[Item]]
    artists: Mapping[str, str]
    seed: int


def _mask_faults(rows: Iterable[ManifestRow], lookups: _Lookups) -> list[ManifestFault]:
    faults: list[ManifestFault] = []
    for row in rows:
        if any(row.extras.get(name) for name in MASK_COLUMNS):
            count = 0 if _is_unstylized(row, lookups) else max(1, len(row.styles))
            faults += lookups.masks.faults(row, lookups.contents.item(row.content), count)
    return faults


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
        (index,) = draw(1, len(pool), own_seed, content.identity, artist)
        shares = lookups.styles.shares((StyleRef(pool[index].id),))
    if artist and artist not in lookups.pools:
        artist = lookups.artists.get(artist_key(artist), artist)
    label, split = _cell_value(row.label, content.label), _cell_value(row.split, content.split)
    extras = lookups.masks.columns(row, content, len(shares))
    return Pair(content, shares, artist or None, label, split, row.overrides, row.replicate, extras)


def _with_one_spelling(pairs: Iterable[Pair]) -> Iterator[Pair]:
    """The pairs, of whose labels, splits and artists each has the spelling of the first row that names it."""
    labels, splits, artists = Spellings(), Spellings(), Spellings([UNSTYLIZED], artist_key)
    for pair in pairs:
        label = pair.label and labels.first(pair.label)
        split = pair.split and splits.first(pair.split)
        artist = pair.artist and artists.first(pair.artist)
        same = (label, split, artist) == (pair.label, pair.split, pair.artist)
        yield pair if same else replace(pair, label=label or None, split=split or None, artist=artist or None)


def _cell_value(cell: str | None, default: str | None) -> str | None:
    """A cell's text; the default if it is empty."""
    return cell or default


def _is_unstylized(row: ManifestRow, lookups: _Lookups) -> bool:
    return [ref.name for ref in row.styles] == [UNSTYLIZED] and UNSTYLIZED not in lookups.styles.by_id


def _repeated(rows: Sequence[ManifestRow], pairs: Sequence[Pair]) -> list[ManifestFault]:
    """Rows with the same pair as an earlier one, written differently: a path and an id, a style and an artist."""
    first: dict[Hashable, int] = {}
    faults = []
    for row, pair in zip(rows, pairs, strict=True):
        styles = tuple((style.item.id, style.share) for style in pair.styles)
        key = (pair.content.id, styles, pair.artist, pair.label, pair.split, pair.overrides, pair.replicate,
               *mask_hashes(pair.extras))  # fmt: skip
        earlier = first.setdefault(key, row.number)
        if earlier != row.number:
            faults.append((row.number, "content", row.content, f"comes to the same pair as row {earlier}"))
    return faults


@dataclass(frozen=True)
class _ItemLookup:
    """Items by the names in a manifest: an id or a path of the source, or the path or URL of any other file.

    Of each name the exact spelling comes first, then those of `nst_core.sources.file_names`. It contains the names of
    the source's items.
    """

    by_id: Mapping[str, Item]
    by_path: Mapping[str, Item]
    folder: Path
    web: WebItems
    _items: dict[str, Item] = field(default_factory=dict)
    _blends: dict[tuple[StyleRef, ...], tuple[StyleShare, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, catalogue: Catalogue, folder: Path, web: WebItems) -> _ItemLookup:
        return cls(catalogue.by_id(), {_absolute(item.path): item for item in catalogue.items}, folder, web)

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

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and by_file_name(self.by_id, name) is not None

    def _find(self, name: str) -> Item:
        if known := by_file_name(self.by_id, name):
            return known
        identity = unicodedata.normalize("NFC", name)
        if is_web_url(name):
            on_web = self.web.item(identity)
            return self.by_path.get(str(on_web.path)) or on_web
        if is_url(name) or not is_local(self.folder):
            path = parse_path(name) if is_url(name) else self.folder / table_path(name)
            return self.by_path.get(str(path)) or Item(identity, path)
        file = self.file(name)
        return self.by_path.get(file) or Item(identity, Path(file))

    def file(self, name: str) -> str:
        """The path of a file that is no URL: beside the manifest, or from the current folder; beside it if nowhere."""
        if not is_local(self.folder):
            return str(self.folder / table_path(name))
        places = (place / spelling for spelling in dict.fromkeys((name, table_path(name)))
                  for place in (self.folder, Path()))  # fmt: skip
        return _absolute(next((found for place in places if (found := file_on_disk(place))), self.folder / name))


def _absolute(path: Path) -> str:
    if not is_local(path):
        return str(path)
    return os.path.normpath(path.absolute())
