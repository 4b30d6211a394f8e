"""Labelled pictures in rows on white: the drawing of contact sheets, triptychs and figures of reconstructions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from nst_core.engine.images.pixels import Pixels
from nst_core.views.sheets.lettering import Lettering

PAPER, INK, QUIET, RULE, EMPTY = (255, 255, 255), (28, 28, 28), (112, 112, 112), (221, 221, 221), (240, 240, 240)
WIDEST_RATIO = 3.0
"""Width over height from which on a picture in a row of equal heights is shown whole in less than that height."""
_EMPTY_RATIO = 4 / 3
_EVEN = 6  # pixels that a picture may be narrower than its cell and still begin where the cell does
_SMALLEST_TEXT, _LARGEST_TEXT = 11, 24
_TEXT_PER_SIDE = 1 / 15  # size of the letters per longer side of the largest picture
_TITLE_LINES = 12


@dataclass(frozen=True)
class LabelledPicture:
    """A picture, (H, W, 3) uint8 sRGB, or in words why there is none; its title, and a quieter note below that."""

    pixels: Pixels | str
    title: str = ""
    note: str = ""

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in pixels; of a picture that is not there, in their proportion."""
        return (_EMPTY_RATIO, 1.0) if isinstance(self.pixels, str) else (self.pixels.shape[1], self.pixels.shape[0])


@dataclass(frozen=True)
class PictureRow:
    """Pictures side by side, and a heading above them."""

    pictures: Sequence[LabelledPicture]
    heading: str = ""


@dataclass(frozen=True)
class Cell:
    """The place of a picture in its row, in pixels: left edge and size, and `room`, the greatest width of its texts."""

    left: int
    width: int
    height: int
    room: int


def draw_rows(rows: Sequence[PictureRow]) -> Pixels:
    """Rows of pictures as one, (H, W, 3) uint8: none is scaled, cells are equally wide, gaps are even.

    Titles are broken into as many lines as they need to stay within their cells.

    Raises:
        ValueError: there is no picture at all.
    """
    sizes = [picture.size for row in rows for picture in row.pictures]
    if not sizes:
        raise ValueError("a contact sheet needs a picture")
    width, height = (max(map(round, sides)) for sides in zip(*sizes, strict=True))
    text = Lettering(min(_LARGEST_TEXT, max(_SMALLEST_TEXT, round(max(width, height) * _TEXT_PER_SIDE))))
    gap = text.size
    total = gap + max(len(row.pictures) for row in rows) * (width + gap)
    strips = []
    for row in rows:
        cells = equal_cells(row.pictures, gap, (width, height), gap, enlargement=1)
        strip = draw_row(row.pictures, cells, text, total, _TITLE_LINES)
        strips.append(_below_heading(strip, text.wrap(row.heading, total - 2 * gap, _TITLE_LINES), text))
    return stack(strips, gap, gap)


def equal_cells(
    pictures: Sequence[LabelledPicture], left: int, box: tuple[int, int], gap: int, enlargement: float
) -> list[Cell]:
    """Cells of one width from `left` on; pictures are in the middle of them.

    Args:
        box: width and height in pixels that a picture may have, whole.
        enlargement: of small pictures, at most.
    """
    cells = []
    for column, picture in enumerate(pictures):
        scale = min(box[0] / picture.size[0], box[1] / picture.size[1], enlargement)
        width, height = (max(1, round(side * scale)) for side in picture.size)
        inset = (box[0] - width) // 2 if box[0] - width > _EVEN else 0
        cells.append(Cell(left + column * (box[0] + gap) + inset, width, height, box[0] - inset))
    return cells


def equally_high_cells(
    pictures: Sequence[LabelledPicture], left: int, height: int, gap: int, least_room: int
) -> list[Cell]:
    """Cells from `left` on, as wide as their pictures, which are `height` pixels high unless they are very long.

    Args:
        least_room: width of a cell in pixels, at least.
    """
    cells = []
    for picture in pictures:
        ratio = picture.size[0] / picture.size[1]
        width = max(1, round(height * min(ratio, WIDEST_RATIO)))
        cells.append(Cell(left, width, max(1, round(height * min(1, WIDEST_RATIO / ratio))), max(width, least_room)))
        left += cells[-1].room + gap
    return cells


def draw_row(
    pictures: Sequence[LabelledPicture], cells: Sequence[Cell], text: Lettering, width: int, title_lines: int = 1
) -> Image.Image:
    """A strip of `width` pixels: pictures scaled to their cells, all standing on one line, their texts below them."""
    labels = [_label(one, text, cell.room, title_lines) for one, cell in zip(pictures, cells, strict=True)]
    floor = max((cell.height for cell in cells), default=0)
    strip = blank(width, floor + text.height(max(map(len, labels), default=0)))
    draw = ImageDraw.Draw(strip)
    for picture, cell, label in zip(pictures, cells, labels, strict=True):
        if isinstance(picture.pixels, str):
            _draw_empty(draw, cell, floor, picture.pixels, text)
        else:
            image = Image.fromarray(picture.pixels).resize((cell.width, cell.height), Image.Resampling.LANCZOS)
            strip.paste(image, (cell.left, floor - cell.height))
        for number, (line, ink) in enumerate(label, start=1):
            text.write(draw, cell.left, floor + number * text.line, line, ink)
    return strip


def stack(strips: Sequence[Image.Image], margin: int, gap: int) -> Pixels:
    """Strips of one width below each other, (H, W, 3) uint8, with `margin` above and below them all."""
    sheet = blank(strips[0].width, 2 * margin + sum(strip.height + gap for strip in strips) - gap)
    top = margin
    for strip in strips:
        sheet.paste(strip, (0, top))
        top += strip.height + gap
    return np.array(sheet)


def blank(width: int, height: int) -> Image.Image:
    """White paper."""
    return Image.new("RGB", (width, height), PAPER)


def _label(
    picture: LabelledPicture, text: Lettering, room: int, title_lines: int
) -> list[tuple[str, tuple[int, int, int]]]:
    """The lines below a picture, and their ink."""
    title = [(line, INK) for line in text.wrap(picture.title, room, title_lines)]
    return [*title, *((line, QUIET) for line in text.wrap(picture.note, room, 1))]


def _below_heading(strip: Image.Image, lines: Sequence[str], text: Lettering) -> Image.Image:
    height = text.height(len(lines)) + (text.line // 4 if lines else 0)
    whole = blank(strip.width, height + strip.height)
    for number, line in enumerate(lines, start=1):
        text.write(ImageDraw.Draw(whole), text.size, number * text.line, line, INK)
    whole.paste(strip, (0, height))
    return whole


def _draw_empty(draw: ImageDraw.ImageDraw, cell: Cell, floor: int, reason: str, text: Lettering) -> None:
    draw.rectangle((cell.left, floor - cell.height, cell.left + cell.width - 1, floor - 1), EMPTY)
    words = text.shorten(reason, cell.width - text.size)
    left = cell.left + (cell.width - text.getlength(words)) / 2
    text.write(draw, left, floor - (cell.height - text.size) / 2, words, QUIET)
