"""How a contact sheet looks: a name, the paintings, and below them an even grid of results, on white."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from nst_core.engine.images.pixels import Pixels
from nst_core.views.sheets.lettering import Lettering

PAPER, INK, QUIET, RULE = (255, 255, 255), (28, 28, 28), (112, 112, 112), (221, 221, 221)
WIDEST, NARROWEST = 1600, 1000
"""Widths of a sheet in pixels: of one whose pictures fill it, and of one with few small pictures."""
MARGIN, GAP = 56, 28
FEWEST_COLUMNS, MOST_COLUMNS = 3, 6
_FLATTEST, _TALLEST = 0.55, 1.25  # height of a cell over its width
_MOST_ENLARGED = 2.0
_EVEN = 6  # pixels that a picture may be narrower than its cell and still begin where the cell does
_STRIP = 104  # height of the paintings
_HEADING, _LINE, _CAPTION = Lettering(42), Lettering(19), Lettering(15)


@dataclass(frozen=True)
class Exhibit:
    """A picture, (H, W, 3) uint8 sRGB, what it is called, and a quieter line below that."""

    pixels: Pixels
    title: str
    below: str = ""


@dataclass(frozen=True)
class Sheet:
    """What is on a sheet.

    Attributes:
        heading, facts: at the top left, large and small.
        count, origin: at the top right, both small.
        paintings: in a row below; as many as fit are shown, the others counted, with `more` that are not here at all.
        results: the grid, at least one.
    """

    heading: str
    facts: str
    count: str
    origin: str
    paintings: Sequence[Exhibit]
    more: int
    results: Sequence[Exhibit]


@dataclass(frozen=True)
class _Grid:
    """Columns, and the box of a picture in pixels."""

    columns: int
    width: int
    height: int

    @property
    def span(self) -> int:
        return self.columns * (self.width + GAP) - GAP


def draw_sheet(sheet: Sheet) -> Pixels:
    """The sheet, (H, W, 3) uint8. Pictures are shown whole, and enlarged to the double at most."""
    grid = _grid(sheet.results)
    width = grid.span + 2 * MARGIN
    parts = [_top(sheet, width), *([_strip(sheet.paintings, sheet.more, width)] if sheet.paintings else [])]
    parts += [_row(row, grid, width) for row in _rows(sheet.results, grid.columns)]
    drawn = Image.new("RGB", (width, sum(part.height for part in parts) + MARGIN - GAP), PAPER)
    top = 0
    for part in parts:
        drawn.paste(part, (0, top))
        top += part.height
    return np.array(drawn)


def columns_for(count: int) -> int:
    """Columns of a grid of so many pictures: a little wider than high, and the last row as full as may be."""
    ideal = min(max(math.sqrt(1.5 * count), FEWEST_COLUMNS), MOST_COLUMNS)

    def fault(columns: int) -> float:
        return (-count % columns) / columns + 0.4 * abs(columns - ideal)

    return min(range(FEWEST_COLUMNS, MOST_COLUMNS + 1), key=fault)


def cell_width(count: int) -> int:
    """The width, in pixels, that a picture can have on a sheet of so many."""
    return _cell_width(columns_for(count), WIDEST)


def _cell_width(columns: int, width: int) -> int:
    return (width - 2 * MARGIN + GAP) // columns - GAP


def _grid(results: Sequence[Exhibit]) -> _Grid:
    columns = columns_for(len(results))
    most, least = _cell_width(columns, WIDEST), _cell_width(columns, NARROWEST)
    width = min(most, max(least, *(result.pixels.shape[1] for result in results)))
    ratio = float(np.median([result.pixels.shape[0] / result.pixels.shape[1] for result in results]))
    return _Grid(columns, width, round(width * min(max(ratio, _FLATTEST), _TALLEST)))


def _rows(results: Sequence[Exhibit], columns: int) -> Iterator[Sequence[Exhibit]]:
    yield from (results[start : start + columns] for start in range(0, len(results), columns))


def _top(sheet: Sheet, width: int) -> Image.Image:
    part = Image.new("RGB", (width, MARGIN + 2 * _HEADING.line), PAPER)
    draw, right = ImageDraw.Draw(part), width - MARGIN
    baselines = MARGIN + _HEADING.size, MARGIN + _HEADING.size + 2 * _LINE.size
    notes = [_LINE.shortened(note, width / 3) for note in (sheet.count, sheet.origin)]
    lengths = [_LINE.getlength(note) for note in notes]
    for note, length, baseline in zip(notes, lengths, baselines, strict=True):
        _LINE.write(draw, right - length, baseline, note, QUIET)
    room = width - 2 * MARGIN - GAP
    _HEADING.write(draw, MARGIN - 1, baselines[0], _HEADING.shortened(sheet.heading, room - lengths[0]), INK)
    _LINE.write(draw, MARGIN, baselines[1], _LINE.shortened(sheet.facts, room - lengths[1]), QUIET)
    return part


def _strip(paintings: Sequence[Exhibit], more: int, width: int) -> Image.Image:
    """The paintings that fit, at one height, and how many more there are; a fine rule closes the head of the sheet."""
    part = Image.new("RGB", (width, _STRIP + _CAPTION.line + 2 * GAP), PAPER)
    draw, left = ImageDraw.Draw(part), MARGIN
    scaled = [_within(painting.pixels, 3 * _STRIP, _STRIP, math.inf) for painting in paintings]
    left_over = len(paintings) + more
    for painting, picture in zip(paintings, scaled, strict=True):
        cell = max(picture.width, _STRIP)
        if left + cell > width - MARGIN - (GAP * 2 if left_over > 1 else 0):
            break
        part.paste(picture, (left, _STRIP - picture.height))
        _CAPTION.write(draw, left, _STRIP + _CAPTION.line, _CAPTION.shortened(painting.title, cell), QUIET)
        left, left_over = left + cell + GAP // 2, left_over - 1
    if left_over:
        _LINE.write(draw, left, _STRIP, f"+ {left_over:,}", QUIET)
    draw.line([(MARGIN, part.height - GAP), (width - MARGIN, part.height - GAP)], RULE)
    return part


def _row(row: Sequence[Exhibit], grid: _Grid, width: int) -> Image.Image:
    """Pictures standing on one line, in the middle of their cells; what they are called below, on the left of them."""
    pictures = [_within(one.pixels, grid.width, grid.height, _MOST_ENLARGED) for one in row]
    floor = max(picture.height for picture in pictures)
    lines = max(1 + bool(one.below) for one in row)
    part = Image.new("RGB", (width, floor + lines * _CAPTION.line + _CAPTION.line // 4 + GAP), PAPER)
    draw = ImageDraw.Draw(part)
    for column, (one, picture) in enumerate(zip(row, pictures, strict=True)):
        left = MARGIN + column * (grid.width + GAP)
        spare = grid.width - picture.width
        edge = left + (spare // 2 if spare > _EVEN else 0)
        part.paste(picture, (edge, floor - picture.height))
        room = left + grid.width - edge
        for number, (text, ink) in enumerate(((one.title, INK), (one.below, QUIET)), start=1):
            _CAPTION.write(draw, edge, floor + number * _CAPTION.line, _CAPTION.shortened(text, room), ink)
    return part


def _within(pixels: Pixels, width: int, height: int, most: float) -> Image.Image:
    """A picture scaled to a box, whole, enlarged at most so much."""
    scale = min(width / pixels.shape[1], height / pixels.shape[0], most)
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    return Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS)
