"""Names in pictures: in a font that has them, in Latin letters, or not at all, but never as boxes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from needs import needs
from PIL import Image, ImageDraw, ImageFont, features

from nst_core.views.sheets import lettering
from nst_core.views.sheets.lettering import Lettering, font_files, legible_text, name_line

TEXT = Lettering(24)


@pytest.fixture
def no_fonts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A machine without any font."""
    monkeypatch.setattr(lettering, "_folders", lambda: [tmp_path])
    yield
    lettering._font_paths.cache_clear()


@pytest.fixture
def wide_font() -> None:
    needs("a font with Arabic", "DejaVuSans" in font_files(), "apt-get install fonts-dejavu-core")
    needs("Pillow with Raqm, for right-to-left scripts", features.check("raqm"), "apt-get install libraqm0")


def ink(text: str) -> np.ndarray:
    image = Image.new("L", (600, 60), 255)
    TEXT.write(ImageDraw.Draw(image), 4, 40, text, 0)  # type: ignore[arg-type]
    return np.array(image) < 128


@pytest.mark.usefixtures("no_fonts")
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Vincent van Gogh", "Vincent van Gogh"),
        ("Albrecht Dürer, 1471–1528", "Albrecht Durer, 1471-1528"),
        ("Łukasz Żółć & Søren Ærø", "Lukasz Zolc & Soren AEro"),
        ("🎨 mère", "mere"),
        ("北斎 (Hokusai)", "(Hokusai)"),
        ("北斎", ""),
        ("ابن سينا", ""),
    ],
)
def test_without_fonts_names_are_told_in_ascii_as_far_as_they_go(name: str, told: str) -> None:
    assert legible_text(name) == told


@pytest.mark.usefixtures("wide_font")
@pytest.mark.parametrize(
    "name", ["Albrecht Dürer, 1471–1528", "Василий Кандинский", "ابن سينا", "Ελ Γκρέκο", "אבא Ađa"]
)
def test_with_a_font_that_has_them_names_stay_as_they_are(name: str) -> None:
    assert legible_text(name) == name
    assert ink(name).any()


@pytest.mark.parametrize("name", ["\U0010fffd", "a\U0010fffdb", "\ue000", "\x00\x1b", "\ud800", "\u202e", " \n\t "])
def test_what_no_font_has_is_left_out(name: str) -> None:
    assert legible_text(name) in ("", "ab")


def test_a_name_cannot_turn_or_break_its_line() -> None:
    assert legible_text("one\u202eowt\nthree\u2066 \x07four") == "oneowt three four"


@pytest.mark.usefixtures("wide_font")
def test_years_after_a_name_from_right_to_left_are_not_turned_around() -> None:
    alone = Image.new("L", (600, 60), 255)
    font = ImageFont.truetype(str(font_files()["DejaVuSans"]), TEXT.size)
    ImageDraw.Draw(alone).text((4, 40), "980–1037", 0, font, "ls")
    years = np.array(alone) < 128

    def differs(text: str) -> float:
        """The share of the last pixels that are not those of the years alone."""
        ends = [pixels[:, : np.flatnonzero(pixels.any(axis=0))[-1] + 1] for pixels in (ink(legible_text(text)), years)]
        return float((ends[0][:, -40:] != ends[1][:, -40:]).mean())

    assert differs(name_line("ابن سينا", ", 980–1037")) < 0.03
    assert differs("ابن سينا, 980–1037") > 0.1, "so it is without"


@pytest.mark.usefixtures("wide_font")
def test_each_part_is_written_in_a_font_that_has_it() -> None:
    mixed = "Ж\N{CJK UNIFIED IDEOGRAPH-5317}ا"
    told = legible_text(mixed)
    assert told in ("Жا", mixed)
    assert TEXT.getlength(told) == pytest.approx(sum(map(TEXT.getlength, told)), rel=0.3)


def test_text_begins_where_it_should_and_is_as_long_as_told() -> None:
    columns = np.flatnonzero(ink("Hamburg").any(axis=0))
    assert 4 <= columns[0] <= 8
    assert columns[-1] - columns[0] == pytest.approx(TEXT.getlength("Hamburg"), abs=6)
    rows = np.flatnonzero(ink("HMB").any(axis=1))
    assert rows[-1] == pytest.approx(39, abs=1), "it stands on the baseline"


@pytest.mark.parametrize("width", [0, 20, 60, 150, 300])
def test_a_long_text_is_cut_to_its_room_and_says_so(width: int) -> None:
    cut = TEXT.shorten("Peter Paul Rubens and his workshop", width)
    assert cut.endswith("…")
    assert "Peter Paul Rubens and his workshop".startswith(cut[:-1])
    assert TEXT.getlength(cut) <= max(width, TEXT.getlength("…"))
    assert TEXT.shorten("Rubens", 300) == "Rubens"


def test_a_broken_font_file_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Symbola.ttf").write_bytes(b"no font")
    monkeypatch.setattr(lettering, "_folders", lambda: [tmp_path])
    assert font_files() == {}


def test_text_is_broken_between_words_and_within_words_that_are_too_long() -> None:
    text = Lettering(15)
    assert text.wrap("one two three", 10_000, 9) == ["one two three"]
    assert text.wrap("one two three", 1 + round(text.getlength("one two")), 9) == ["one two", "three"]
    assert text.wrap("wide", 1, 9)[:3] == ["w", "i", "d"]
    assert text.wrap("", 60, 9) == []
    long = "first0 + second0 + averyveryveryverylongnameindeed"
    lines = text.wrap(long, 60, 99)
    assert "".join(lines).replace(" ", "") == long.replace(" ", "")
    assert max(map(text.getlength, lines)) <= 60


def test_more_lines_than_there_may_be_end_with_an_ellipsis() -> None:
    text = Lettering(15)
    lines = text.wrap("one two three four", text.getlength("one two"), 2)
    assert lines[0] == "one two"
    assert lines[1].endswith("…")
