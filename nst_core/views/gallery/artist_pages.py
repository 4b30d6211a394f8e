"""The pages of one artist, with the thumbnails, scripts and copies that they need."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from nst_core.storage.listed_states import ListedStates
from nst_core.storage.paths import NO_FILE, FileState
from nst_core.views.gallery.alike_scripts import PICTURES_FILE, alike_scripts
from nst_core.views.gallery.build_record import BuildRecord, states_digest
from nst_core.views.gallery.cards import ResultCard, card, inputs, pictures, result_path
from nst_core.views.gallery.cover_pictures import CoverSelection
from nst_core.views.gallery.originals import Originals
from nst_core.views.gallery.page_scripts import ItemsScript, details_script
from nst_core.views.gallery.pages import ArtistSummary, PageLinks, page_name, render_artist, write_page
from nst_core.views.gallery.results import ArtistResults, GalleryPair
from nst_core.views.thumbnails import Thumbnail, ThumbnailFolder
from nst_core.views.web import page_bytes


@dataclass
class ArtistPages:
    """Writes one artist's pages.

    Attributes:
        folder: of the pages.
        title: of the gallery.
        version: changes whenever the scripts may.
        states: of the results' files.
        searchable: whether scripts that name what looks alike are written, after all artists' pages.
        advance: is called with the number of rows done.
    """

    folder: Path
    title: str
    version: str
    per_page: int
    thumbnails: ThumbnailFolder
    originals: Originals
    states: ListedStates
    advance: Callable[[int], None]
    searchable: bool = False
    _covers: CoverSelection = field(default_factory=CoverSelection)
    _identities: set[str] = field(default_factory=set)
    _states: list[FileState] = field(default_factory=list)
    _originals: list[tuple[str, str]] = field(default_factory=list)
    _keys: set[str] = field(default_factory=set)
    _incomplete: bool = False

    def write(self, artist: ArtistResults, summary: ArtistSummary) -> BuildRecord:
        """Write everything but `made.json`; return its content."""
        self.advance(artist.left_out.total())
        items, pages = ItemsScript(self.per_page), []
        count = max(1, -(-summary.pictures // self.per_page))
        for number in range(1, count + 1):
            cards = self._cards(artist.pairs((number - 1) * self.per_page, self.per_page))
            self._covers.add(cards)
            for one in cards:
                items.add(one)
            pages += self._write_page(summary, cards, PageLinks(number, count, self.version, self.searchable))
        if summary.pictures:
            write_page(self.folder / "items.js", items.text())
            pages.append("items.js")
        described = None
        if summary.pictures and self.searchable:
            described = json.dumps(items.described(), separators=(",", ":"))
            write_page(self.folder / PICTURES_FILE, described)
            pages += [PICTURES_FILE, *alike_scripts(count)]
        return BuildRecord(
            made_from=self.version,
            genres=artist.genres,
            pictures=summary.pictures,
            left_out=artist.left_out,
            covers=self._covers.covers(),
            pages=tuple(pages),
            originals=tuple(self._originals),
            originals_state=states_digest(self._states),
            incomplete=self._incomplete,
            thumbnails=tuple(sorted(self._keys)),
            described=described and hashlib.sha256(page_bytes(described)).hexdigest(),
        )

    def _write_page(self, summary: ArtistSummary, cards: list[ResultCard], links: PageLinks) -> list[str]:
        pages = {page_name(links.number): render_artist(self.title, summary, cards, links)}
        if cards:
            pages[f"details-{links.number}.js"] = details_script(links.number, cards)
        for name, text in pages.items():
            write_page(self.folder / name, text)
        return list(pages)

    def _cards(self, pairs: list[GalleryPair]) -> list[ResultCard]:
        paths = [pictures(pair) for pair in pairs]
        links = self._links(pairs)
        lasting = {path for pair in pairs for path in inputs(pair)}  # an inbox is emptied, a disk unmounted
        stream = self.thumbnails.make((path for of_pair in paths for path in of_pair), lasting)
        thumbnails: dict[Path, Thumbnail | None] = {}
        cards = []
        for pair, of_pair, link in zip(pairs, paths, links, strict=True):
            while not thumbnails.keys() >= set(of_pair):  # they come in the order of the paths
                thumbnails.update([next(stream)])
            cards.append(card(pair, self._identity(pair), thumbnails, link))
            self.advance(1)
        self._keys.update(thumbnail.key for thumbnail in thumbnails.values() if thumbnail)
        self._incomplete |= None in thumbnails.values()
        return cards

    def _links(self, pairs: list[GalleryPair]) -> list[str | None]:
        """The addresses of the results' files."""
        paths = [result_path(pair) for pair in pairs]
        states = self.states.states(path for path in paths if path)
        links: list[str | None] = []
        for pair, path in zip(pairs, paths, strict=True):
            links.append(None)
            if path and pair.file_name:
                self._originals.append((pair.run.key, pair.file_name))
                self._states.append(states[path])
                if states[path] != NO_FILE:
                    links[-1] = self.originals.address(pair.run, pair.file_name, states[path])
        return links

    def _identity(self, pair: GalleryPair) -> str:
        """The pair's id; where another run has the same pair, its run tells it apart."""
        identity = pair.pair_id if pair.pair_id not in self._identities else f"{pair.pair_id}-{pair.run.key}"
        self._identities.add(identity)
        return identity
