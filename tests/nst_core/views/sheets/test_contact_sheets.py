"""The contact sheets of a run: where they lie, what they are made from, and when they are left alone."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from shown import BLUE, GOLD, GREEN, done, pixels, plain, write

from nst_core.errors import RunFolderError, UsageError
from nst_core.manifest.row import UNSTYLIZED
from nst_core.run_folder.artists import ArtistFacts, record_artist_facts
from nst_core.views import thumbnails
from nst_core.views.sheets import writer as writing
from nst_core.views.sheets.layout import SheetLayout
from nst_core.views.sheets.writer import contact_sheet_of, write_contact_sheets


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Two artists, five contents each."""
    run = tmp_path / "run"
    return write(run, [done(run, f"c{i}", artist) for artist in ("Ada", "Bo") for i in range(5)])


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[SheetLayout]:
    """What was drawn, in order."""
    sheets, draw = list[SheetLayout](), writing.draw_contact_sheet

    def record(layout: SheetLayout, images: Mapping[Path, np.ndarray]) -> np.ndarray:
        sheets.append(replace(layout, results=tuple(entry for entry in layout.results if entry.path in images)))
        return draw(layout, images)

    monkeypatch.setattr(writing, "draw_contact_sheet", record)
    return sheets


def count(sheet: SheetLayout) -> str:
    return sheet.count(len(sheet.results))


def near(image: np.ndarray, colour: tuple[int, int, int]) -> int:
    """Pixels of about a colour: WebP is lossy."""
    return int(np.all(np.abs(image.astype(int) - colour) < 12, axis=2).sum())


def test_a_run_and_each_artist_have_a_sheet_of_results_and_paintings(run: Path) -> None:
    told: list[tuple[int, int]] = []
    sheets = write_contact_sheets([run], progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert [path.relative_to(run).as_posix() for path in sheets] == [
        "gallery/ada/contact-sheet.png",
        "gallery/bo/contact-sheet.png",
        "gallery/contact-sheet.png",
    ]
    for path in sheets:
        assert near(pixels(path), BLUE) > 1000
        assert near(pixels(path), GREEN) > 1000


def test_a_sheet_says_whose_it_is_and_of_how_many(
    run: Path, drawn: list[SheetLayout], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "MOST", 3)
    record_artist_facts(run, {"Ada": ArtistFacts("1815–1852", "oil", "British")})
    write_contact_sheets([run])
    ada, bo, together = drawn
    assert (ada.heading, ada.facts, count(ada), ada.origin) == (
        "Ada",
        "1815–1852 · oil · British",
        "3 of 5 pictures",
        "run",
    )
    assert (bo.heading, bo.facts) == ("Bo", "")
    assert (together.heading, together.facts, count(together)) == ("run", "2 artists", "3 of 10 pictures")
    assert {picture.note for picture in together.results} == {"Ada", "Bo"}
    assert {picture.note for picture in ada.results} == {"ada work"}


def test_a_sheet_calls_its_run_as_the_gallery_does(run: Path, drawn: list[SheetLayout]) -> None:
    (run / "run.yaml").write_text("config: {name: Sunday}\n")
    write_contact_sheets([run])
    assert [sheet.origin or sheet.heading for sheet in drawn] == ["Sunday"] * 3


def test_a_sheet_of_which_nothing_changed_keeps_its_file(run: Path) -> None:
    times = {path: path.stat().st_mtime_ns for path in write_contact_sheets([run])}
    assert {path: path.stat().st_mtime_ns for path in write_contact_sheets([run])} == times


@pytest.mark.parametrize("change", ["a picture", "a new pair", "the years"])
def test_only_the_sheets_that_show_something_else_are_made_again(run: Path, change: str) -> None:
    before = {path: path.read_bytes() for path in write_contact_sheets([run])}
    if change == "a picture":
        os.utime(plain(run / "images" / "c0--ada.png", GOLD), (0, 0))
    elif change == "a new pair":
        write(run, [done(run, "new", "Ada")], part="0001")
    else:
        record_artist_facts(run, {"Ada": ArtistFacts("1815–1852")})
    changed = [path.parent.name for path in write_contact_sheets([run]) if path.read_bytes() != before[path]]
    assert changed == (["ada"] if change == "the years" else ["ada", "gallery"])


def test_a_sheet_that_was_lost_is_made_of_thumbnails_alone(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_contact_sheets([run])
    for path in (run / "gallery").rglob("contact-sheet.png"):
        path.unlink()
    monkeypatch.setattr(thumbnails, "decode_image", None)
    assert len(write_contact_sheets([run])) == 3


def test_sheets_of_artists_without_pictures_go(run: Path) -> None:
    write_contact_sheets([run])
    (run / "gallery" / "bo" / "index.html").touch()
    for slug in ("ada", "bo"):
        (run / "results" / f"artist_slug={slug}" / "part-0000.parquet").unlink()
    assert write_contact_sheets([run]) == []
    assert not (run / "gallery" / "contact-sheet.png").exists()
    assert not (run / "gallery" / "ada").exists()
    assert [path.name for path in (run / "gallery" / "bo").iterdir()] == ["index.html"]


def test_sheets_that_somebody_else_made_stay(run: Path, tmp_path: Path) -> None:
    gallery = tmp_path / "pictures"
    foreign = [plain(gallery / folder / "contact-sheet.png") for folder in ("holidays", "bo")]
    (gallery / "notes").mkdir()
    (gallery / "notes" / "contact-sheet.png").write_bytes(b"not even a picture")
    (run / "results" / "artist_slug=bo" / "part-0000.parquet").unlink()
    write_contact_sheets([run], gallery)
    (run / "results" / "artist_slug=ada" / "part-0000.parquet").unlink()
    assert write_contact_sheets([run], gallery) == []
    assert sorted(gallery.rglob("contact-sheet.png")) == sorted([*foreign, gallery / "notes" / "contact-sheet.png"])


def test_pictures_that_are_gone_are_not_shown(run: Path, drawn: list[SheetLayout]) -> None:
    (run / "images" / "c0--ada.png").unlink()
    (run.parent / "inputs" / "bo work.png").unlink()
    for i in range(5):
        (run / "images" / f"c{i}--bo.png").unlink()
    assert [path.parent.name for path in write_contact_sheets([run])] == ["ada", "gallery"]
    assert count(drawn[0]) == "4 of 5 pictures"
    assert len(drawn[0].results) == 4


@pytest.mark.parametrize(
    "name", ['"><script>', "AC/DC & Söhne's", "🎨", "ابن سينا", "北斎", "a" * 300, None, UNSTYLIZED]
)
def test_whatever_an_artist_is_called_there_is_a_sheet_with_a_heading(
    tmp_path: Path, drawn: list[SheetLayout], name: str | None
) -> None:
    run = tmp_path / "run"
    row = done(run, "🎨 c'<b>", name)
    write(run, [replace(row, style_path="") if name == UNSTYLIZED else row])
    assert len(write_contact_sheets([run])) == 2
    assert all(sheet.heading.strip() for sheet in drawn)


def test_a_sheet_of_several_runs_shows_both(tmp_path: Path, drawn: list[SheetLayout]) -> None:
    runs = [tmp_path / "first", tmp_path / "second"]
    for run, names in zip(runs, ("abc", "xyz"), strict=True):
        write(run, [done(run, name, artist) for name in names for artist in ("Ada", run.name)])
    before = sorted(tmp_path.rglob("*"))
    sheet = contact_sheet_of(runs, "ada", most=4)
    (ada,) = drawn
    assert (ada.heading, count(ada), ada.origin) == ("Ada", "4 of 6 pictures", "first + second")
    assert {picture.title for picture in ada.results} & set("abc")
    assert {picture.title for picture in ada.results} & set("xyz")
    assert Image.open(io.BytesIO(sheet)).format == "PNG"
    contact_sheet_of(runs)
    assert (drawn[1].heading, drawn[1].facts, count(drawn[1])) == ("first + second", "3 artists", "12 pictures")
    assert sorted(tmp_path.rglob("*")) == before, "run folders are left alone"


def test_a_gallery_of_several_runs_has_one_sheet_per_artist(tmp_path: Path, drawn: list[SheetLayout]) -> None:
    runs = [tmp_path / "first", tmp_path / "second"]
    for run, artist in zip(runs, ("Vincent van Gogh", "vincent_van Gogh"), strict=True):
        write(run, [done(run, run.name, name) for name in (artist, run.name, None)])
    record_artist_facts(runs[0], {"Vincent van Gogh": ArtistFacts("1853–1890")})
    sheets = write_contact_sheets(runs, tmp_path / "both")
    assert sorted(path.relative_to(tmp_path / "both").as_posix() for path in sheets) == [
        "contact-sheet.png",
        "first/contact-sheet.png",
        "second/contact-sheet.png",
        "unknown/contact-sheet.png",
        "vincent-van-gogh/contact-sheet.png",
    ]
    told = {sheet.heading: (sheet.facts, count(sheet), sheet.origin) for sheet in drawn}
    assert told["Vincent van Gogh"] == ("1853–1890", "2 pictures", "first + second")
    assert told["Unknown artist"] == ("", "2 pictures", "first + second")
    assert told["first + second"] == ("4 artists", "6 pictures", "")
    assert {picture.note for picture in drawn[-1].results} >= {"Vincent van Gogh"}
    assert not (runs[0] / "gallery").exists()


def test_a_run_folder_at_a_store_has_its_sheets_there(run: Path, memory: Path) -> None:
    for file in run.rglob("*"):
        if file.is_file():
            (memory / "run" / file.relative_to(run).as_posix()).write_bytes(file.read_bytes())
    sheets = write_contact_sheets([memory / "run"])
    assert len(sheets) == 3
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in sheets)
    (memory / "run" / "results" / "artist_slug=bo" / "part-0000.parquet").unlink()
    assert len(write_contact_sheets([memory / "run"])) == 2
    assert not sheets[1].exists()


def test_what_cannot_be_shown_is_said_in_a_sentence(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no finished picture of 'Adda'.*did you mean 'Ada'"):
        contact_sheet_of([run], "Adda")
    with pytest.raises(RunFolderError, match="is not a run folder"):
        contact_sheet_of([tmp_path / "nowhere"])
    empty = write(tmp_path / "empty", [])
    with pytest.raises(UsageError, match="has no finished picture"):
        contact_sheet_of([empty])
    for picture in (run / "images").iterdir():
        picture.unlink()
    with pytest.raises(UsageError, match="none is where it was"):
        contact_sheet_of([run])
