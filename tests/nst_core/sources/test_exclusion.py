"""The patterns of `exclude` match names at any depth, or paths from the source's folder."""

from __future__ import annotations

import unicodedata

import pytest

from nst_core.config.run_config import parse_config
from nst_core.errors import ConfigError
from nst_core.sources.exclusion import Exclusion


@pytest.mark.parametrize(
    ("pattern", "covered", "others"),
    [
        ("*_mask.png", ["a_mask.png", "x/y/b_mask.png"], ["a.png", "mask.png", "a_mask.png.jpg"]),
        ("drafts", ["drafts/a.png", "x/drafts/y/b.png", "drafts"], ["a/drafts.png", "mydrafts/a.png"]),
        ("drafts/", ["drafts/a.png", "x/drafts/b.png"], ["drafts.png"]),
        ("/drafts", ["drafts/a.png"], ["x/drafts/b.png"]),
        ("x/*", ["x/a.png", "x/y/b.png"], ["a.png", "z/x/a.png"]),
        ("x/*.png", ["x/a.png"], ["x/y/b.png", "x.png"]),
        ("**/thumbs/*.jpg", ["thumbs/a.jpg", "x/y/thumbs/a.jpg"], ["thumbs/a.png", "x/thumbs/y/a.jpg"]),
        ("x/**", ["x/a.png", "x/y/z.png"], ["y/x/a.png"]),
        ("?.png", ["a.png"], ["ab.png"]),
        ("[ab].png", ["a.png", "x/b.png"], ["c.png"]),
        ("*.PNG", ["a.PNG"], ["a.png"]),
        ("./a.png", ["a.png"], ["x/a.png"]),
        ("Dürer", [unicodedata.normalize("NFD", "Dürer/a.png")], ["Durer/a.png"]),
    ],
)
def test_a_pattern_covers_what_it_matches_and_what_lies_in_it(
    pattern: str, covered: list[str], others: list[str]
) -> None:
    exclusion = Exclusion([pattern])
    assert [path for path in (*covered, *others) if exclusion.covers(path)] == covered
    assert exclusion.unmatched() == []
    assert Exclusion(["no", pattern]).unmatched() == ["no", pattern]


def test_many_stars_take_no_time() -> None:
    assert not Exclusion(["**/" * 30 + "x"]).covers("/".join("abcdefghij" * 2))


@pytest.mark.parametrize("pattern", ["", "/", "..", "../x", "a/../b", " "])
def test_a_pattern_that_can_match_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(ConfigError, match=r"content\.exclude: the pattern .* can match nothing"):
        parse_config({"content": {"source": "folder", "path": "x", "exclude": [pattern]}})


def test_one_pattern_needs_no_list() -> None:
    assert parse_config({"content": {"path": "x", "source": "folder", "exclude": "*.gif"}}).content.exclude == ["*.gif"]
