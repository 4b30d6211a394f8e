"""What a finished pair says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from shown import plain

from nst_core.run_folder.finished_pairs import FinishedPair, display_name
from nst_core.run_folder.style_columns import parse_style_path, relative_shares


def styled(style_path: str) -> FinishedPair:
    styles = parse_style_path(style_path)
    paths, shares = tuple(style.name for style in styles), relative_shares([style.share for style in styles])
    return FinishedPair(Path("run"), "0" * 16, "Ada", "photos/a cat.jpg", paths, shares, "images/a.png")


def test_names_are_those_of_the_files() -> None:
    pair = styled("art/Starry Night.jpg")
    assert (pair.content_name, pair.style_name) == ("a cat", "Starry Night")
    assert pair.result == Path("run/images/a.png")
    assert display_name("s3://bucket/x/.jpg") == ".jpg"


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("a.jpg;b.jpg", "a 50% + b 50%"),
        ("a.jpg@1;b.jpg@3", "a 25% + b 75%"),
        ("", "unstylized"),
        ("a.jpg@nonsense;b.jpg", "a.jpg@nonsense;b"),
    ],
)
def test_a_blend_is_told_with_its_shares(cell: str, name: str) -> None:
    assert styled(cell).style_name == name


def test_a_name_of_a_file_that_is_there_is_not_taken_for_a_blend(tmp_path: Path) -> None:
    path = plain(tmp_path / "one; two@2.png")
    assert styled(str(path)).style_name == "one; two@2"
