"""Triptychs, measured in pixels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from shown import BLUE, GOLD, GREEN, RED, done, pixels, plain, write

from nst_core.errors import StorageRefused
from nst_core.manifest.row import UNSTYLIZED
from nst_core.run_folder.artists import ArtistFacts
from nst_core.run_folder.finished_pairs import FinishedPair
from nst_core.run_folder.pair_selection import pairs_of_artist
from nst_core.views.sheets.picture_grid import PAPER, Cell, LabelledPicture
from nst_core.views.sheets.triptych import GAP, LOWEST, MARGIN, panel_cells, panels_of, triptych


class Box(NamedTuple):
    """Where a panel stands on a triptych, in pixels."""

    left: int
    top: int
    width: int
    height: int


def places_of(panels: list[LabelledPicture]) -> list[Box]:
    cells: list[Cell] = panel_cells(panels)
    floor = MARGIN + max(cell.height for cell in cells)
    return [Box(cell.left, floor - cell.height, cell.width, cell.height) for cell in cells]


def only_pair(run: Path, **changes: str) -> FinishedPair:
    artist = changes.pop("artist", "Ada")
    (pair,) = pairs_of_artist(write(run, [done(run, "c", artist, **changes)]), None)
    return pair


def colour_at(image: np.ndarray, place: Box) -> tuple[int, int, int]:
    """The one colour of a panel."""
    box = image[place.top : place.top + place.height, place.left : place.left + place.width]
    assert (box == box[0, 0]).all()
    return tuple(box[0, 0].tolist())


def test_content_style_and_result_stand_side_by_side_whole_and_equally_high(tmp_path: Path) -> None:
    inputs, run = tmp_path / "inputs", tmp_path / "run"
    plain(inputs / "c.png", RED, (800, 400))
    plain(inputs / "ada work.png", GREEN, (500, 500))
    plain(run / "images" / "c--ada.png", BLUE, (800, 400))
    pair = only_pair(run)
    places = places_of(panels_of(pair))
    assert places == [
        Box(MARGIN, MARGIN, 800, 400),
        Box(MARGIN + 800 + GAP, MARGIN, 400, 400),
        Box(MARGIN + 800 + GAP + 400 + GAP, MARGIN, 800, 400),
    ]
    image = triptych(pair)
    assert [colour_at(image, place) for place in places] == [RED, GREEN, BLUE]
    assert image.shape[1] == places[-1].left + 800 + MARGIN
    assert (image[:MARGIN] == PAPER).all()
    for place in places:
        assert (image[MARGIN : MARGIN + 400, place.left + place.width : place.left + place.width + GAP] == PAPER).all()
        assert (image[MARGIN + 400 :, place.left : place.left + place.width] != PAPER).any(), "a caption"


def test_the_result_is_shown_pixel_by_pixel(tmp_path: Path, make_image: Callable[..., Path]) -> None:
    run = tmp_path / "run"
    make_image(run / "images" / "c--ada.png", 500, 333, seed=4)
    pair = only_pair(run)
    place, image = places_of(panels_of(pair))[-1], triptych(pair)
    box = image[place.top : place.top + place.height, place.left : place.left + place.width]
    np.testing.assert_array_equal(box, pixels(pair.result))


def test_a_blend_shows_all_its_styles_with_their_shares(tmp_path: Path) -> None:
    inputs = tmp_path / "inputs"
    names = [plain(inputs / f"{name}.png", colour) for name, colour in (("one", GOLD), ("two; b@2", GREEN))]
    pair = only_pair(tmp_path / "run", style_path=f"{names[0]}@3;{names[1]}@1")
    panels = panels_of(pair)
    assert [(panel.title, panel.note) for panel in panels[1:3]] == [("one", "Style, 75%"), ("two; b@2", "Style, 25%")]
    image = triptych(pair)
    assert [colour_at(image, place) for place in places_of(panels)] == [RED, GOLD, GREEN, BLUE]


def test_captions_name_the_pictures_the_artist_and_the_pair(tmp_path: Path) -> None:
    pair = only_pair(tmp_path / "run")
    told = [(panel.title, panel.note.replace("\u200e", "")) for panel in panels_of(pair, ArtistFacts("1815–1852"))]
    assert told == [("c", "Content"), ("ada work", "Ada, 1815–1852"), ("After Ada", f"run · pair {pair.pair_id}")]


def test_a_pair_that_stayed_unstylized_has_no_style_to_show(tmp_path: Path) -> None:
    assert [panel.title for panel in panels_of(only_pair(tmp_path / "run", artist=UNSTYLIZED, style_path=""))] == [
        "c",
        "Result",
    ]


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_picture_that_is_gone_leaves_a_panel_that_says_so(tmp_path: Path, lost: int) -> None:
    pair = only_pair(tmp_path / "run")
    [Path(pair.content_path), Path(*pair.style_paths), pair.result][lost].unlink()
    panels = panels_of(pair)
    assert [isinstance(panel.pixels, str) for panel in panels] == [place == lost for place in range(3)]
    assert panels[lost].pixels == "is no longer there"
    place, image = places_of(panels)[lost], triptych(pair)
    assert place.height == LOWEST
    assert tuple(image[place.top, place.left]) == (240, 240, 240)


def test_a_picture_that_cannot_be_read_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = only_pair(tmp_path / "run")
    Path(pair.content_path).write_text("no picture", encoding="utf-8")
    assert next(panel.pixels for panel in panels_of(pair)) == "cannot be read"

    def refused(*_: object) -> None:
        raise StorageRefused("no credentials")

    monkeypatch.setattr("nst_core.views.sheets.triptych.decode_image", refused)
    assert {panel.pixels for panel in panels_of(pair)} == {"cannot be read"}


@pytest.mark.parametrize("size", [(3000, 30), (30, 3000), (1, 1)])
def test_pictures_of_any_shape_are_shown_whole(tmp_path: Path, size: tuple[int, int]) -> None:
    plain(tmp_path / "inputs" / "ada work.png", GREEN, size)
    pair = only_pair(tmp_path / "run")
    places, image = places_of(panels_of(pair)), triptych(pair)
    assert colour_at(image, places[1]) == GREEN
    assert places[1].width <= 3 * LOWEST
    assert MARGIN <= places[1].top <= places[1].top + places[1].height <= MARGIN + LOWEST
    assert places[2].left >= places[1].left + places[1].width + GAP


def test_small_and_huge_results_are_brought_within_bounds(tmp_path: Path) -> None:
    plain(tmp_path / "run" / "images" / "c--ada.png", BLUE, (60, 4000))
    assert {place.height for place in places_of(panels_of(only_pair(tmp_path / "run")))} == {1600}
