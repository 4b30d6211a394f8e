"""The drawing of a contact sheet: a name, the paintings, and below them an even grid of results, on white."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from nst_core.engine.images.pixels import Pixels
from nst_core.views.sheets.layout import SheetLayout
from nst_core.views.sheets.lettering import Lettering
from nst_core.views.sheets.picture_grid import (
    INK,
    QUIET,
    RULE,
    LabelledPicture,
    blank,
    draw_row,
    equal_cells,
    equally_high_cells,
    stack,
)

WIDEST, NARROWEST = 1600, 1000
"""Widths of a sheet in pixels: of one whose pictures fill it, and of one with few small pictures."""
MARGIN, GAP = 56, 28
FEWEST_COLUMNS, MOST_COLUMNS = 3, 6
_FLATTEST, _TALLEST = 0.55, 1.25  # height of a cell over its width
_MOST_ENLARGED = 2.0
_STRIP = 104  # height of the paintings
_HEADING, _LINE, _LABEL = Lettering(42), Lettering(19), Lettering(15)


def draw_contact_sheet(layout: SheetLayout, images: Mapping[Path, Pixels]) -> Pixels:
    """The sheet, (H, W, 3) uint8: results as a grid, at least one, whole and enlarged to the double at most.

    Args:
        images: of those entries that are shown, (H, W, 3) uint8. Of the paintings as many as fit are, in one row.
    """
    paintings, results = (
        [LabelledPicture(images[one.path], one.title, one.note) for one in entries if one.path in images]
        for entries in (layout.paintings, layout.results)
    )
    columns = columns_for(len(results))
    box = _box(results, columns)
    width = columns * (box[0] + GAP) - GAP + 2 * MARGIN
    strips = [_head(layout, len(results), width)]
    if paintings:
        strips += [_painting_strip(paintings, layout.more, width), _rule(width)]
    for start in range(0, len(results), columns):
        row = results[start : start + columns]
        strips.append(draw_row(row, equal_cells(row, MARGIN, box, GAP, _MOST_ENLARGED), _LABEL, width))
    return stack(strips, MARGIN, GAP)


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


def _box(results: Sequence[LabelledPicture], columns: int) -> tuple[int, int]:
    """Width and height of a cell: as wide as the widest picture, within the sheet's bounds, and of the usual shape."""
    most, least = _cell_width(columns, WIDEST), _cell_width(columns, NARROWEST)
    width = min(most, max(least, *(round(result.size[0]) for result in results)))
    ratio = float(np.median([result.size[1] / result.size[0] for result in results]))
    return width, round(width * min(max(ratio, _FLATTEST), _TALLEST))


def _head(layout: SheetLayout, shown: int, width: int) -> Image.Image:
    """Heading and facts at the left, large and small; count and origin at the right, both small."""
    baselines = _HEADING.size, _HEADING.size + 2 * _LINE.size
    strip = blank(width, baselines[1] + _LINE.line // 2)
    draw, right = ImageDraw.Draw(strip), width - MARGIN
    notes = [_LINE.shorten(note, width / 3) for note in (layout.count(shown), layout.origin)]
    lengths = [_LINE.getlength(note) for note in notes]
    for note, length, baseline in zip(notes, lengths, baselines, strict=True):
        _LINE.write(draw, right - length, baseline, note, QUIET)
    room = width - 2 * MARGIN - GAP
    _HEADING.write(draw, MARGIN - 1, baselines[0], _HEADING.shorten(layout.heading, room - lengths[0]), INK)
    _LINE.write(draw, MARGIN, baselines[1], _LINE.shorten(layout.facts, room - lengths[1]), QUIET)
    return strip


def _painting_strip(paintings: Sequence[LabelledPicture], more: int, width: int) -> Image.Image:
    """The paintings that fit, at one height, and how many more there are."""
    total, gap = len(paintings) + more, GAP // 2

    def fits(place: int) -> bool:
        count_follows = total - place > 1
        return cells[place].left + cells[place].room <= width - MARGIN - (2 * GAP if count_follows else 0)

    cells = equally_high_cells(paintings, MARGIN, _STRIP, gap, _STRIP)
    shown = len(list(itertools.takewhile(fits, range(len(cells)))))
    strip = draw_row(paintings[:shown], cells[:shown], _LABEL, width)
    if total > shown:
        left = cells[shown - 1].left + cells[shown - 1].room + gap
        _LINE.write(ImageDraw.Draw(strip), left, strip.height - _LABEL.height(1), f"+ {total - shown:,}", QUIET)
    return strip


def _rule(width: int) -> Image.Image:
    strip = blank(width, 1)
    strip.paste(RULE, (MARGIN, 0, width - MARGIN, 1))
    return strip
