"""Make the pages of one artist, and the thumbnails, scripts and copies that they need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from nst_core.storage.paths import NO_FILE, FileState
from nst_core.views.gallery.build_record import BuiltPages, states_digest
from nst_core.views.gallery.cards import ResultCard, card, inputs, pictures, result_path
from nst_core.views.gallery.covers import Covers
from nst_core.views.gallery.items import Items, details_script
from nst_core.views.gallery.originals import Originals, file_states, is_there
from nst_core.views.gallery.pages import ArtistSummary, PageLinks, page_name, render_artist, write_page
from nst_core.views.gallery.results import ArtistResults, GalleryPair
from nst_core.views.thumbnails import Thumbnail, ThumbnailFolder


@dataclass
class ArtistPages:
    """One artist's pages in the making.

    Attributes:
        folder: where they go.
        title: the gallery's.
        version: changes whenever the scripts may.
        advance: is called with the number of rows that were dealt with.
    """

    folder: Path
    title: str
    version: str
    per_page: int
    thumbnails: ThumbnailFolder
    originals: Originals
    advance: Callable[[int], None]
    _covers: Covers = field(default_factory=Covers)
    _identities: set[str] = field(default_factory=set)
    _states: list[FileState] = field(default_factory=list)
    _named: list[tuple[str, str]] = field(default_factory=list)
    _keys: set[str] = field(default_factory=set)
    _incomplete: bool = False

    def make(self, artist: ArtistResults, summary: ArtistSummary) -> BuiltPages:
        """Write everything but `made.json`; return what that will say."""
        self.advance(artist.left_out.total())
        items, pages = Items(self.per_page), []
        count = max(1, -(-summary.pictures // self.per_page))
        for number in range(1, count + 1):
            cards = self._cards(artist.pairs((number - 1) * self.per_page, self.per_page))
            self._covers.offer(cards)
            for one in cards:
                items.add(one)
            pages += self._write(summary, cards, PageLinks(number, count, self.version))
        if summary.pictures:
            write_page(self.folder / "items.js", items.script())
            pages.append("items.js")
        return BuiltPages(
            made_from=self.version,
            genres=artist.genres,
            pictures=summary.pictures,
            left_out=artist.left_out,
            covers=self._covers.chosen(),
            pages=tuple(pages),
            originals=tuple(self._named),
            originals_state=states_digest(self._states),
            incomplete=self._incomplete,
            thumbnails=tuple(sorted(self._keys)),
        )

    def _write(self, summary: ArtistSummary, cards: list[ResultCard], links: PageLinks) -> list[str]:
        pages = {page_name(links.number): render_artist(self.title, summary, cards, links)}
        if cards:
            pages[f"details-{links.number}.js"] = details_script(links.number, cards)
        for name, text in pages.items():
            write_page(self.folder / name, text)
        return list(pages)

    def _cards(self, pairs: list[GalleryPair]) -> list[ResultCard]:
        needed = [pictures(pair) for pair in pairs]
        links = self._links(pairs)
        lasting = {picture for pair in pairs for picture in inputs(pair)}  # an inbox is emptied, a disk unmounted
        made = self.thumbnails.make((picture for several in needed for picture in several), lasting)
        thumbnails: dict[Path, Thumbnail | None] = {}
        cards = []
        for pair, several, link in zip(pairs, needed, links, strict=True):
            while not thumbnails.keys() >= set(several):  # they come in the order in which they were asked for
                thumbnails.update([next(made)])
            cards.append(card(pair, self._identity(pair), thumbnails, link))
            self.advance(1)
        self._keys.update(thumbnail.key for thumbnail in thumbnails.values() if thumbnail)
        self._incomplete |= None in thumbnails.values()
        return cards

    def _links(self, pairs: list[GalleryPair]) -> list[str | None]:
        """The addresses of the results' files."""
        paths = [result_path(pair) for pair in pairs]
        states = file_states(path for path in paths if path)
        links = []
        for pair, path in zip(pairs, paths, strict=True):
            state = states[path] if path else NO_FILE
            if path and pair.file_name:
                self._named.append((pair.run.key, pair.file_name))
                self._states.append(state)
            there = pair.file_name is not None and is_there(state)
            links.append(self.originals.address(pair.run, pair.file_name or "", state) if there else None)
        return links

    def _identity(self, pair: GalleryPair) -> str:
        """The pair's id; where another run has the same pair, its run tells it apart."""
        identity = pair.pair_id if pair.pair_id not in self._identities else f"{pair.pair_id}-{pair.run.key}"
        self._identities.add(identity)
        return identity
