"""Contact sheets: rows of pictures with captions below, on white."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from nst_core.engine.images.pixels import Pixels

PAPER, INK = (255, 255, 255), (34, 34, 34)
SMALLEST_FONT, LARGEST_FONT = 11, 24
FONT_PER_SIDE = 1 / 15
"""Size of the letters per longer side of the largest picture."""


@dataclass(frozen=True)
class Tile:
    """A picture, (H, W, 3) uint8 sRGB, and what stands below it."""

    pixels: Pixels
    caption: str = ""


@dataclass(frozen=True)
class SheetRow:
    """Pictures side by side, and what stands above them."""

    tiles: Sequence[Tile]
    heading: str = ""


@dataclass(frozen=True)
class SheetGrid:
    """What all rows of a sheet share.

    Attributes:
        cell: width of a column: that of the widest picture, in pixels.
        columns: of the longest row.
        font: of headings and captions.
    """

    cell: int
    columns: int
    font: ImageFont.FreeTypeFont

    @property
    def gap(self) -> int:
        """Between columns, between rows, and around them: as much as the letters are high."""
        return round(self.font.size)

    @property
    def padding(self) -> int:
        """Between a picture and its text."""
        return self.gap // 2

    @property
    def line(self) -> int:
        """Height of a line of text."""
        return sum(self.font.getmetrics())

    @property
    def width(self) -> int:
        """Of the whole sheet."""
        return self.left(self.columns)

    def left(self, column: int) -> int:
        """Where a column begins."""
        return self.gap + column * (self.cell + self.gap)

    def text_height(self, lines: int) -> int:
        """Of so many lines and the padding between them and a picture."""
        return lines * self.line + self.padding if lines else 0


def contact_sheet(rows: Sequence[SheetRow]) -> Pixels:
    """Rows of pictures as one, (H, W, 3) uint8: none is scaled, columns are equally wide, gaps are even.

    Captions are centred below their pictures, and broken into as many lines as they need to stay within the column.

    Raises:
        ValueError: there is no picture at all.
    """
    grid = sheet_grid(rows)
    strips = [_strip(row, grid) for row in rows]
    height = grid.gap + sum(strip.height + grid.gap for strip in strips)
    sheet, top = Image.new("RGB", (grid.width, height), PAPER), grid.gap
    for strip in strips:
        sheet.paste(strip, (0, top))
        top += strip.height + grid.gap
    return np.array(sheet)


def sheet_grid(rows: Sequence[SheetRow]) -> SheetGrid:
    """The grid that fits every picture of the rows. Raises ValueError where there is none."""
    pictures = [tile.pixels for row in rows for tile in row.tiles]
    if not pictures:
        raise ValueError("a contact sheet needs a picture")
    longest = max(max(picture.shape[:2]) for picture in pictures)
    size = min(LARGEST_FONT, max(SMALLEST_FONT, round(longest * FONT_PER_SIDE)))
    font = cast(ImageFont.FreeTypeFont, ImageFont.load_default(size=size))
    return SheetGrid(max(picture.shape[1] for picture in pictures), max(len(row.tiles) for row in rows), font)


def broken(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """`text` in lines of at most `width` pixels, broken between words, and within words that are too long alone.

    A letter wider than that gets a line of its own.
    """
    lines: list[str] = []
    for word in text.split():
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(joined) <= width:
            lines[-1] = joined
        else:
            lines += _pieces(word, font, width)
    return lines


def _pieces(word: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    pieces = [""]
    for letter in word:
        if pieces[-1] and font.getlength(pieces[-1] + letter) > width:
            pieces.append("")
        pieces[-1] += letter
    return pieces


def _strip(row: SheetRow, grid: SheetGrid) -> Image.Image:
    """One row, as wide as the sheet: heading, pictures (centred in their cells), captions."""
    heading = broken(row.heading, grid.font, grid.width - 2 * grid.gap)
    captions = [broken(tile.caption, grid.font, grid.cell) for tile in row.tiles]
    above, tallest = grid.text_height(len(heading)), max((tile.pixels.shape[0] for tile in row.tiles), default=0)
    below = above + tallest + grid.padding
    height = above + tallest + grid.text_height(max(map(len, captions), default=0))
    strip = Image.new("RGB", (grid.width, height), PAPER)
    draw = ImageDraw.Draw(strip)
    _write(draw, heading, grid.gap, 0, grid, "la")
    for column, (tile, caption) in enumerate(zip(row.tiles, captions, strict=True)):
        height, width = tile.pixels.shape[:2]
        corner = grid.left(column) + (grid.cell - width) // 2, above + (tallest - height) // 2
        strip.paste(Image.fromarray(tile.pixels), corner)
        _write(draw, caption, grid.left(column) + grid.cell // 2, below, grid, "ma")
    return strip


def _write(draw: ImageDraw.ImageDraw, lines: Sequence[str], x: int, top: int, grid: SheetGrid, anchor: str) -> None:
    for number, line in enumerate(lines):
        draw.text((x, top + number * grid.line), line, INK, grid.font, anchor)
