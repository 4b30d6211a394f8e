"""Rows of labelled pictures: every picture where it should be, untouched, and texts that stay in their cells."""

from __future__ import annotations

import numpy as np
import pytest

from nst_core.engine.images.pixels import Pixels
from nst_core.views.sheets.lettering import Lettering
from nst_core.views.sheets.picture_grid import LabelledPicture, PictureRow, draw_rows

TEXT = Lettering(11)
GAP = TEXT.size


def picture(width: int, height: int, seed: int) -> Pixels:
    """Noise darker than paper: found nowhere but where it was put."""
    return np.random.default_rng(seed).integers(0, 200, (height, width, 3), dtype=np.uint8)


def ink(region: Pixels) -> Pixels:
    """The columns of a region that are not all white."""
    return np.flatnonzero((region < 255).any(axis=(0, 2)))


def test_every_picture_is_in_its_cell_pixel_by_pixel() -> None:
    above = [picture(60, 40, seed) for seed in range(3)]
    below = [picture(60, 40, seed) for seed in range(3, 5)]
    sheet = draw_rows([PictureRow([LabelledPicture(p) for p in pictures]) for pictures in (above, below)])
    assert sheet.shape == (2 * 40 + 3 * GAP, 3 * 60 + 4 * GAP, 3)
    for row, pictures in enumerate((above, below)):
        for column, own in enumerate(pictures):
            top, left = GAP + row * (40 + GAP), GAP + column * (60 + GAP)
            np.testing.assert_array_equal(sheet[top : top + 40, left : left + 60], own)
            sheet[top : top + 40, left : left + 60] = 255
    assert (sheet == 255).all(), "white between them"


def test_smaller_pictures_stand_on_one_line_in_the_middle_of_their_cells() -> None:
    small = picture(20, 10, 1)
    sheet = draw_rows([PictureRow([LabelledPicture(picture(60, 40, 0)), LabelledPicture(small)])])
    top, left = GAP + 30, 2 * GAP + 60 + 20
    np.testing.assert_array_equal(sheet[top : top + 10, left : left + 20], small)


def test_titles_stand_below_their_pictures_and_headings_above() -> None:
    pictures = [LabelledPicture(picture(90, 40, 0), "left"), LabelledPicture(picture(90, 40, 1))]
    sheet = draw_rows([PictureRow(pictures, "Heading")])
    top = len(sheet) - GAP - TEXT.height(1) - 40
    np.testing.assert_array_equal(sheet[top : top + 40, GAP : GAP + 90], pictures[0].pixels)
    assert ink(sheet[:top]).min() in range(GAP, GAP + 4), "the heading"
    columns = ink(sheet[top + 40 :])
    assert columns.min() in range(GAP, GAP + 4)
    assert columns.max() < GAP + 90, "nothing below the picture without a title"


def test_a_long_title_is_broken_and_stays_in_its_cell() -> None:
    long = "first0 + second0 + first1 + averyveryveryverylongnameindeed"
    titles = ("", long, "")
    sheet = draw_rows([PictureRow([LabelledPicture(picture(60, 40, n), title) for n, title in enumerate(titles)])])
    columns = ink(sheet[GAP + 40 :])
    assert columns.min() >= 2 * GAP + 60
    assert columns.max() < 2 * GAP + 2 * 60
    assert (sheet[-GAP // 2 :] == 255).all(), "the last line is on the sheet"


def test_a_sheet_without_pictures_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a picture"):
        draw_rows([PictureRow([], "nothing")])
