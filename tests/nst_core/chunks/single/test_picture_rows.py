"""Contact sheets: every picture where it should be, untouched, and captions that stay in their columns."""

from __future__ import annotations

import numpy as np
import pytest

from nst_core.chunks.single.picture_rows import SheetRow, Tile, broken, contact_sheet, sheet_grid
from nst_core.engine.images.pixels import Pixels


def picture(width: int, height: int, seed: int) -> Pixels:
    """Noise darker than paper: found nowhere but where it was put."""
    return np.random.default_rng(seed).integers(0, 200, (height, width, 3), dtype=np.uint8)


def ink(region: Pixels) -> Pixels:
    """The columns of a region that are not all white."""
    return np.flatnonzero((region < 255).any(axis=(0, 2)))


def test_every_picture_is_in_its_cell_pixel_by_pixel() -> None:
    above = [picture(60, 40, seed) for seed in range(3)]
    below = [picture(60, 40, seed) for seed in range(3, 5)]
    rows = [SheetRow([Tile(p) for p in above]), SheetRow([Tile(p) for p in below])]
    sheet, grid = contact_sheet(rows), sheet_grid(rows)
    gap = grid.gap
    assert sheet.shape == (2 * 40 + 3 * gap, 3 * 60 + 4 * gap, 3)
    for row, pictures in enumerate((above, below)):
        for column, own in enumerate(pictures):
            top, left = gap + row * (40 + gap), gap + column * (60 + gap)
            np.testing.assert_array_equal(sheet[top : top + 40, left : left + 60], own)
            sheet[top : top + 40, left : left + 60] = 255
    assert (sheet == 255).all(), "white between them"


def test_smaller_pictures_are_centred() -> None:
    rows = [SheetRow([Tile(picture(60, 40, 0)), Tile(small := picture(20, 10, 1))])]
    sheet, grid = contact_sheet(rows), sheet_grid(rows)
    top, left = grid.gap + 15, grid.left(1) + 20
    np.testing.assert_array_equal(sheet[top : top + 10, left : left + 20], small)


def test_captions_stand_below_their_pictures_and_headings_above() -> None:
    rows = [SheetRow([Tile(picture(90, 40, 0), "left"), Tile(picture(90, 40, 1))], "Heading")]
    sheet, grid = contact_sheet(rows), sheet_grid(rows)
    pictures = grid.gap + grid.text_height(1)
    assert len(sheet) == pictures + 40 + grid.text_height(1) + grid.gap
    heading, caption = sheet[:pictures], sheet[pictures + 40 :]
    assert ink(heading).min() in range(grid.gap, grid.gap + 4)
    columns = ink(caption)
    assert grid.left(0) <= columns.min()
    assert columns.max() < grid.left(0) + 90, "nothing below the picture without a caption"
    assert abs((columns.min() + columns.max()) / 2 - (grid.left(0) + 45)) <= 2, "centred"


def test_a_long_caption_is_broken_and_stays_in_its_column() -> None:
    long = "first0 + second0 + first1 + averyveryveryverylongnameindeed"
    rows = [SheetRow([Tile(picture(60, 40, 0)), Tile(picture(60, 40, 1), long), Tile(picture(60, 40, 2))])]
    sheet, grid = contact_sheet(rows), sheet_grid(rows)
    lines = broken(long, grid.font, 60)
    assert "".join(lines).replace(" ", "") == long.replace(" ", "")
    assert max(map(grid.font.getlength, lines)) <= 60
    columns = ink(sheet[grid.gap + 40 :])
    assert grid.left(1) <= columns.min()
    assert columns.max() < grid.left(1) + 60
    assert (sheet[-grid.gap // 2 :] == 255).all(), "the last line is on the sheet"


def test_short_lines_are_filled_and_no_text_is_no_line() -> None:
    font = sheet_grid([SheetRow([Tile(picture(60, 40, 0))])]).font
    assert broken("one two three", font, 10_000) == ["one two three"]
    assert broken("one two three", font, 1 + round(font.getlength("one two"))) == ["one two", "three"]
    assert broken("wide", font, 1) == ["w", "i", "d", "e"]
    assert broken("", font, 60) == []


def test_a_sheet_without_pictures_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a picture"):
        contact_sheet([SheetRow([], "nothing")])
