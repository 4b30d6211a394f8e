"""Names as parts of paths: safe whatever people wrote, and never two names under one slug."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nst_core.storage.names import name_key
from nst_core.storage.slugs import MAX_LENGTH, artist_slug, short_hash, slugify, unique_slugs

any_text = st.text(st.characters(), max_size=200)  # surrogates too: file names may hold them


def is_safe(slug: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]*", slug, re.ASCII) is not None and len(slug.encode()) <= MAX_LENGTH


@given(any_text | st.none())
def test_a_slug_is_always_a_safe_part_of_a_path(name: str | None) -> None:
    assert is_safe(slugify(name))


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Vincent van Gogh", "vincent-van-gogh"),
        ("Albrecht Dürer", "albrecht-durer"),
        ("Eugène Delacroix", "eugene-delacroix"),
        ("Edvard  Munch!", "edvard-munch"),
        ("Strauß & Ødegård, Łukasz", "strauss-odegard-lukasz"),
        ("COCO_val2017_000000000139", "coco_val2017_000000000139"),
        ("1984", "1984"),
        (None, "unknown"),
        ("", "unknown"),
        (" \t\n", "unknown"),
    ],
)
def test_a_slug_is_readable(name: str | None, slug: str) -> None:
    assert slugify(name) == slug


@pytest.mark.parametrize("name", [".", "..", "/", "../../etc/passwd", "a/b", "a\\b", "C:\\x", "~", "-rf", "a\0b", "…"])
def test_a_slug_never_leaves_its_folder(name: str) -> None:
    assert is_safe(slugify(name))


@pytest.mark.parametrize("name", ["北斎", "葛飾 北斎", "🎨", "unknown", "...", "x" * 61, "ж" + "x" * 100])
def test_what_a_slug_loses_comes_back_as_a_hash(name: str) -> None:
    assert slugify(name).endswith(f"-{short_hash(name)}")


def test_names_that_differ_only_in_what_is_lost_have_different_slugs() -> None:
    for one, other in [("北斎", "広重"), ("x" * 80 + "a", "x" * 80 + "b"), ("🎨", "🖼"), (None, "unknown")]:
        assert slugify(one) != slugify(other)


def test_composed_and_decomposed_accents_give_the_same_slug() -> None:
    for name in ("Albrecht Dürer", "が", "ж" * 80 + "й"):
        decomposed = unicodedata.normalize("NFD", name)
        assert slugify(decomposed) == slugify(unicodedata.normalize("NFC", name))


def test_the_second_name_with_a_slug_gets_a_hash() -> None:
    slugs = unique_slugs(["A b", "a-B"])
    assert slugs == {"A b": "a-b", "a-B": f"a-b-{short_hash('a-B')}"}


@given(st.lists(any_text | st.none(), max_size=20), st.lists(any_text | st.none(), max_size=20))
def test_two_names_never_share_a_slug_and_old_ones_keep_theirs(old: list[str | None], new: list[str | None]) -> None:
    before = unique_slugs(old)
    after = unique_slugs([*new, *old], before)
    assert set(after) == {*old, *new}
    assert len(set(after.values())) == len({name and name_key(name) for name in after})
    assert all(after[name] == slug for name, slug in before.items())
    assert all(is_safe(slug) for slug in after.values())


def test_spellings_of_one_name_share_a_slug() -> None:
    names = ["\u00c5", "A\u030a", "\u212b", "å", " Å "]
    assert set(unique_slugs([*names, "a"]).values()) == {"a", f"a-{short_hash('a')}"}
    assert unique_slugs(["claude\u00a0monet"], {"Claude Monet": "monet-1"})["claude\u00a0monet"] == "monet-1"


def test_slugs_that_an_older_folder_has_for_two_spellings_stay() -> None:
    old = {"Claude Monet": "claude-monet", "claude monet": "claude-monet-1a2b3c4d", "001": "001", "con": "con"}
    after = unique_slugs(["claude monet", "CLAUDE MONET", "001", "002", "con"], old, artist_slug)
    assert after == {**old, "CLAUDE MONET": "claude-monet", "002": "name-002"}


@pytest.mark.parametrize(
    "name",
    ["001", "7", "1.5", "-3", "1_000", "1e5", "1E-5", "1e+05", "0x10", "0b1", "0o7", "10f", "1d", "2020-01-01",
     "20200101", "2020/1/1", "12:30", "2020-01-01T10:00:00Z", "null", "None", "NaN", "n/a", "NA", "inf", "-Infinity",
     "True", "no", "epoch", "now", "__HIVE_DEFAULT_PARTITION__", "thumbs", "Originals", "con", "NUL", "com1"],
)  # fmt: skip
def test_the_slug_of_an_artist_looks_like_no_value_and_is_no_name_of_another(name: str) -> None:
    assert artist_slug(name).startswith("name-")
    assert is_safe(artist_slug(name))


@pytest.mark.parametrize(
    "name", ["Claude Monet", "17th century", "E5", "Nan Goldin", "Infinity Project", "Artist 7", None]
)
def test_other_artists_keep_their_slug(name: str | None) -> None:
    assert artist_slug(name) == slugify(name)


@given(any_text)
def test_no_slug_of_an_artist_is_a_number(name: str) -> None:
    with pytest.raises(ValueError, match="could not convert"):
        float(artist_slug(name))


def test_a_folder_is_not_called_like_a_device_of_windows() -> None:
    assert unique_slugs(["Con", "aux", "001"]) == {"Con": "name-con", "aux": "name-aux", "001": "001"}


def test_a_name_that_looks_like_another_ones_hashed_slug_does_not_take_it() -> None:
    names = [f"a-b-{short_hash('a-B')}", "A b", "a-B"]
    slugs = unique_slugs(names)
    assert len(set(slugs.values())) == 3
    assert all(is_safe(slug) for slug in slugs.values())


def test_long_names_that_collide_stay_short() -> None:
    slugs = unique_slugs(["y" * 60, "y" * 60 + "?", "y" * 60 + "!"])
    assert len(set(slugs.values())) == 3
    assert all(is_safe(slug) for slug in slugs.values())
