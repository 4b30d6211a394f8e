"""The scripts with the data of an artist's pages: what the grid needs of all results, what the lightbox needs of some.

`items.js` holds columns, and tables for what repeats, so that ten thousand results take well under a megabyte.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nst_core.run_folder.quality import MEASURES
from nst_core.views.gallery.cards import CardStyle, ResultCard, parameters, rights
from nst_core.views.thumbnails import Thumbnail
from nst_core.views.web import inline_json


class _Table:
    """Different values in the order of their first occurrence."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._places: dict[Any, int] = {}

    def place(self, key: Any, value: Any = None) -> int:
        """The place of `key`; a new one is entered, by its `value` where one is given."""
        if key not in self._places:
            self._places[key] = len(self.values)
            self.values.append(key if value is None else value)
        return self._places[key]


class ItemsScript:
    """`items.js` of an artist: columns that cards are added to, page by page; small beside the cards themselves."""

    def __init__(self, per_page: int) -> None:
        self._per_page = per_page
        names = ("ids", "names", "losses", *MEASURES, "shapes", "thumbs", "sizes", "style", "label", "split", "run")
        self._columns: dict[str, list[Any]] = {name: [] for name in names}
        self._tables = {name: _Table() for name in ("shapes", "sizes", "style", "label", "split", "run")}
        self._style_names: set[str] = set()
        self._hashes: list[str | None] = []
        self._style_hashes: list[str | None] = []

    def add(self, card: ResultCard) -> None:
        """Append a card to the columns."""
        tables, pair = self._tables, card.pair
        styles = [self._style(style) for style in card.styles]
        values = {
            "ids": card.identity,
            "names": card.name,
            "losses": _short(pair.total_loss),
            **{name: _short(pair.quality.get(name)) for name in MEASURES},
            "shapes": tables["shapes"].place((*card.size, card.ratio)),
            "thumbs": card.result.key if card.result else None,
            "sizes": tables["sizes"].place(_sizes(card.result)) if card.result else None,
            "style": styles[0] if len(styles) == 1 else styles,
            "label": tables["label"].place(pair.label) if pair.label else None,
            "split": tables["split"].place(pair.split) if pair.split else None,
            "run": tables["run"].place(pair.run.name),
        }
        for name, value in values.items():
            self._columns[name].append(value)
        self._hashes.append(pair.output_sha256)

    def text(self) -> str:
        """The script itself."""
        tables = {name: table.values for name, table in self._tables.items()}
        unjudged = {name for name in MEASURES if not any(x is not None for x in self._columns[name])}
        columns = {name: values for name, values in self._columns.items() if name not in unjudged}
        return f"nstItems({inline_json({'perPage': self._per_page, 'tables': tables, **columns})});\n"

    def described(self) -> dict[str, Any]:
        """What the search for pictures that look alike needs of them: of which bytes they are, and how to show them."""
        columns = {name: self._columns[name] for name in ("ids", "names", "thumbs", "sizes", "style")}
        tables = {name: self._tables[name].values for name in ("sizes", "style")}
        return {**columns, "hashes": self._hashes, "tables": tables, "style_hashes": self._style_hashes}

    def _style(self, style: CardStyle) -> int:
        table = self._tables["style"]
        name, same = style.name, 1
        while (style.path, name) not in table._places and name in self._style_names:  # another painting of that name
            same += 1
            name = f"{style.name} ({same})"
        self._style_names.add(name)
        place = table.place((style.path, name), {"name": name, "thumb": _thumbnail(style.thumbnail)})
        if place == len(self._style_hashes):
            self._style_hashes.append(style.sha256)
        return place


def details_script(number: int, cards: Iterable[ResultCard]) -> str:
    """The script `details-<number>.js`: what the lightbox shows of the cards of one page."""
    iterations = _Table()
    details = {card.identity: _details(card, iterations) for card in cards}
    return f"nstDetails({inline_json({'page': number, 'iterations': iterations.values, 'details': details})});\n"


def _thumbnail(thumbnail: Thumbnail | None) -> dict[str, Any] | None:
    return {"key": thumbnail.key, "sizes": _sizes(thumbnail)} if thumbnail else None


def _details(card: ResultCard, iterations: _Table) -> dict[str, Any]:
    trace = card.pair.trace
    return {
        "file": card.link,
        "size": card.size,
        "before": _thumbnail(card.content),
        "styles": [{"name": s.name, "share": s.share, "thumb": _thumbnail(s.thumbnail)} for s in card.styles],
        "parameters": parameters(card.pair),
        "rights": rights(card.pair),
        "trace": [iterations.place(trace.iterations), [_short(value) for value in trace.totals]] if trace else None,
    }


def _sizes(thumbnail: Thumbnail) -> tuple[tuple[int, int], ...]:
    return tuple((width, height) for _, width, height in thumbnail.sizes)


def _short(value: float | None) -> float | int | None:
    """The number with four digits, more than a page shows; None of one that JSON cannot say."""
    if value is None or not abs(value) < float("inf"):
        return None
    short = float(f"{value:.4g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short
