"""A contact sheet, measured in pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from nst_core.views.sheets.contact_sheet import (
    GAP,
    MARGIN,
    NARROWEST,
    WIDEST,
    columns_for,
    draw_contact_sheet,
)
from nst_core.views.sheets.layout import SheetEntry, SheetLayout
from nst_core.views.sheets.lettering import Lettering
from nst_core.views.sheets.picture_grid import PAPER, LabelledPicture


def plain(colour: tuple[int, int, int], width: int, height: int) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


def draw(
    results: Sequence[LabelledPicture], paintings: Sequence[LabelledPicture] = (), more: int = 0, heading: str = "Ada"
) -> np.ndarray:
    pictures = [*paintings, *results]
    entries = [SheetEntry(Path(f"{n}"), one.title, one.note) for n, one in enumerate(pictures)]
    shown, listed = tuple(entries[len(paintings) :]), tuple(entries[: len(paintings)])
    layout = SheetLayout(heading, "1815–1852", len(results), "run", listed, more, shown)
    return draw_contact_sheet(layout, {entry.path: one.pixels for entry, one in zip(entries, pictures, strict=True)})


def boxes(drawn: np.ndarray, colour: tuple[int, int, int]) -> list[tuple[int, int, int, int]]:
    """(left, top, width, height) of the rectangles of a colour, by rows."""
    from scipy.ndimage import find_objects, label

    found = find_objects(label(np.all(drawn == colour, axis=2))[0])
    return sorted(
        ((x.start, y.start, x.stop - x.start, y.stop - y.start) for y, x in found), key=lambda box: (box[1], box[0])
    )


def test_an_even_grid_fills_the_sheet() -> None:
    drawn = draw([LabelledPicture(plain((200, 0, 0), 640, 480), "c", "s")] * 8)
    width = (WIDEST - 2 * MARGIN + GAP) // 4 - GAP
    found = boxes(drawn, (200, 0, 0))
    assert [left for left, *_ in found] == [MARGIN + column * (width + GAP) for column in range(4)] * 2
    assert {(wide, high) for _, _, wide, high in found} == {(width, round(width * 0.75))}
    assert len({top for _, top, *_ in found}) == 2
    assert WIDEST - 4 <= drawn.shape[1] <= WIDEST


def test_pictures_of_all_shapes_are_whole_and_stand_on_one_line() -> None:
    sizes = [(240, 160), (160, 240), (240, 30), (240, 160)]
    drawn = draw([LabelledPicture(plain((0, 0, 200), *size), "c") for size in sizes])
    found = boxes(drawn, (0, 0, 200))
    assert len({top + high for _, top, _, high in found}) == 1
    ratios = [wide / high for *_, wide, high in sorted(found)]
    assert ratios == pytest.approx([width / height for width, height in sizes], rel=0.05)


def test_small_pictures_make_a_small_sheet_and_are_at_most_doubled() -> None:
    drawn = draw([LabelledPicture(plain((0, 200, 0), 40, 30), "c")] * 4)
    assert NARROWEST - 4 <= drawn.shape[1] <= NARROWEST
    assert {(wide, high) for *_, wide, high in boxes(drawn, (0, 200, 0))} == {(80, 60)}


def test_paintings_are_as_high_as_each_other_and_those_without_room_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = []
    write = Lettering.write
    monkeypatch.setattr(Lettering, "write", lambda *a: (written.append(a[4]), write(*a)))
    results = [LabelledPicture(plain((200, 0, 0), 640, 480), "c")] * 6
    drawn = draw(results, [LabelledPicture(plain((0, 0, 200), 300, 200), "p")] * 14, more=5)
    found = boxes(drawn, (0, 0, 200))
    assert len(found) == 8
    assert {high for *_, high in found} == {104}
    assert f"+ {14 + 5 - len(found)}" in written


def test_no_name_is_too_long_for_its_place() -> None:
    name = "Pablo Diego José Francisco de Paula Juan Nepomuceno " * 9
    drawn = draw([LabelledPicture(plain((200, 0, 0), 240, 160), name, name)] * 7, heading=name)
    for start in range(MARGIN, drawn.shape[1] - MARGIN, (drawn.shape[1] - 2 * MARGIN + GAP) // columns_for(7)):
        gutter = drawn[400:, start - GAP // 2 : start - 1]
        assert np.all(gutter == PAPER)
    assert np.all(drawn[:, : MARGIN - 4] == PAPER)
    assert np.all(drawn[:, drawn.shape[1] - MARGIN + 4 :] == PAPER)


@pytest.mark.parametrize(("count", "columns"), [(1, 3), (3, 3), (4, 4), (10, 5), (12, 4), (24, 6), (60, 6), (240, 6)])
def test_the_last_row_is_full_where_that_is_easy(count: int, columns: int) -> None:
    assert columns_for(count) == columns
