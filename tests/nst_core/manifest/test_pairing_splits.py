"""Splits: contents divided by id, and styles that no two splits share."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from nst_core.config.pairing import Pairing
from nst_core.errors import ConfigError
from nst_core.manifest.pairing import Pair, StyleSet, draw_pairs, split_of
from nst_core.sources.base import Catalogue, Item

SPLITS = {"train": 0.8, "val": 0.2}


def contents(count: int, *splits: str | None) -> list[Item]:
    """Contents whose own splits alternate."""
    own = splits or (None,)
    return [Item(f"photo-{i:04d}.jpg", Path(f"{i}.jpg"), split=own[i % len(own)]) for i in range(count)]


def styles(**works: int) -> Catalogue:
    return Catalogue.of(
        Item(f"{artist}/{i:03d}.jpg", Path("x"), artist=artist) for artist, count in works.items() for i in range(count)
    )


def pairs_of(given: list[Item], of: Catalogue | StyleSet, **options: Any) -> list[Pair]:
    style_set = of if isinstance(of, StyleSet) else StyleSet(of)
    return list(draw_pairs(Pairing.model_validate(options), given, style_set))


def styles_by_split(pairs: list[Pair]) -> dict[str | None, set[str]]:
    found: dict[str | None, set[str]] = {}
    for pair in pairs:
        found.setdefault(pair.split, set()).update(share.item.id for share in pair.styles)
    return found


def test_contents_without_a_split_are_divided_in_proportion_and_others_keep_theirs() -> None:
    pairs = pairs_of(contents(2000, None, "test"), styles(A=1), splits=SPLITS)
    counts = Counter(pair.split for pair in pairs)
    assert counts["test"] == 1000
    assert abs(counts["val"] - 200) < 65


def test_a_division_stays_when_contents_are_added_and_turns_with_the_seed_alone() -> None:
    pairing = Pairing(splits=SPLITS)
    assert [split_of(content, pairing) for content in contents(60)] == [
        split_of(content, Pairing(splits=dict(reversed(SPLITS.items())), styles_per_content=3))
        for content in contents(90)[:60]
    ]
    other = Pairing(splits=SPLITS, seed=1)
    assert any(split_of(content, pairing) != split_of(content, other) for content in contents(60))


@pytest.mark.parametrize("strategy", ["random", "artist", "grid"])
def test_no_two_splits_share_a_style(strategy: str) -> None:
    found = styles_by_split(
        pairs_of(contents(300), styles(A=20, B=9, C=1), strategy=strategy, splits=SPLITS, disjoint_styles=True)
    )
    assert found.keys() == {"train", "val"}
    assert not found["train"] & found["val"]


def test_styles_are_divided_in_proportion_artist_by_artist() -> None:
    options: dict[str, Any] = {"strategy": "grid", "splits": SPLITS, "disjoint_styles": True}
    found = styles_by_split(pairs_of(contents(60), styles(A=50, B=10, C=2), **options))
    counts = Counter(name[0] for name in found["val"])
    assert abs(counts["A"] - 10) <= 1
    assert abs(counts["B"] - 2) <= 1
    assert found["train"] | found["val"] == {item.id for item in styles(A=50, B=10, C=2).items}


def test_without_proportions_the_contents_own_splits_share_evenly() -> None:
    found = styles_by_split(pairs_of(contents(40, "a", "b"), styles(A=10, B=10), strategy="grid", disjoint_styles=True))
    assert not found["a"] & found["b"]
    assert {len(found["a"]), len(found["b"])} == {10}


def test_an_artist_with_one_work_is_in_one_split_and_over_many_such_the_proportions_hold() -> None:
    many = styles(**{f"artist{i:03d}": 1 for i in range(400)})
    found = styles_by_split(pairs_of(contents(30), many, strategy="grid", splits=SPLITS, disjoint_styles=True))
    assert not found["train"] & found["val"]
    assert abs(len(found["val"]) - 80) < 40


def test_files_with_the_same_bytes_are_never_on_both_sides() -> None:
    works = styles(A=30, B=30)
    same = {f"B/{i:03d}.jpg": f"A/{i:03d}.jpg" for i in range(30)}
    found = styles_by_split(
        pairs_of(contents(40), StyleSet(works, same=same), strategy="grid", splits=SPLITS, disjoint_styles=True)
    )
    first = {split: {same.get(name, name) for name in names} for split, names in found.items()}
    assert not first["train"] & first["val"]
    assert found["train"] | found["val"] == {item.id for item in works.items}


def test_the_same_bytes_stay_together_although_the_first_of_them_is_excluded() -> None:
    works = styles(A=30)
    same = {f"A/{i:03d}.jpg": f"A/{i - 1:03d}.jpg" for i in range(1, 30, 2)} | {"A/002.jpg": "A/000.jpg"}
    style_set = StyleSet(works, frozenset({"A/000.jpg"}), same)
    found = styles_by_split(
        pairs_of(contents(40), style_set, strategy="grid", splits={"a": 1, "b": 1}, disjoint_styles=True)
    )
    assert sum({"A/001.jpg", "A/002.jpg"} <= names for names in found.values()) == 1


def stable_splits(of: StyleSet, count: int = 40, **options: Any) -> dict[str, str | None]:
    """The split of each style, by its hash."""
    given = {"strategy": "grid", "splits": SPLITS, "disjoint_styles": "stable"} | options
    found = styles_by_split(pairs_of(contents(count), of, **given))
    return {of.hashes[name]: split for split, names in found.items() for name in names}


def hashed(count: int, folder: str = "works") -> StyleSet:
    """Styles by one artist whose hashes are those of their numbers."""
    works = [Item(f"{folder}/{i:03d}.jpg", Path("x"), artist="A") for i in range(count)]
    return StyleSet(Catalogue.of(works), hashes={work.id: str(i) for i, work in enumerate(works)})


def test_a_stable_division_is_by_the_files_bytes_alone_in_proportion() -> None:
    before = stable_splits(hashed(400))
    assert sum(split == "val" for split in before.values()) == pytest.approx(80, abs=25)
    more = stable_splits(hashed(900, "elsewhere"), count=70)
    assert {name: more[name] for name in before} == before, "further styles, other names and contents move none"
    assert stable_splits(hashed(400), seed=1) != before


def test_stable_runs_of_one_split_each_share_no_style() -> None:
    given = {"strategy": "grid", "splits": SPLITS, "disjoint_styles": "stable"}
    train, val = (styles_by_split(pairs_of(contents(5, name), hashed(60), **given))[name] for name in SPLITS)
    assert not train & val
    assert len(train | val) == 60


def test_a_split_that_no_content_is_in_needs_a_stable_division() -> None:
    with pytest.raises(ConfigError, match="no content is in val"):
        pairs_of(contents(5, "train"), hashed(60), splits=SPLITS, disjoint_styles=True)
    with pytest.raises(ConfigError, match="no content is in a, b"):
        pairs_of(contents(5, "train"), hashed(60), splits={"a": 1, "b": 1}, disjoint_styles="stable")


@pytest.mark.parametrize("strategy", ["random", "artist", "grid"])
def test_with_conflict_no_content_meets_styles_of_its_own_class(strategy: str) -> None:
    given = [Item(c.id, c.path, label=("Cats", "dog", "car")[i % 3]) for i, c in enumerate(contents(30))]
    found = pairs_of(given, styles(cats=3, dog=3, oven=2), strategy=strategy, styles_per_content=4, conflict=True)
    met = {(pair.label, pair.artist) for pair in found}
    assert met == {("Cats", "dog"), ("Cats", "oven"), ("dog", "cats"), ("dog", "oven"),
                   ("car", "cats"), ("car", "dog"), ("car", "oven")}  # fmt: skip


def test_with_conflict_a_class_that_is_left_no_style_is_named() -> None:
    given = [Item("1.jpg", Path("1.jpg"), label="cats")]
    with pytest.raises(ConfigError, match="No style is left for contents of label cats"):
        pairs_of(given, styles(cats=3), conflict=True)


def test_class_pools_are_divided_like_all_else() -> None:
    given = [Item(c.id, c.path, label=("cat", "dog")[i % 2]) for i, c in enumerate(contents(200))]
    pairs = pairs_of(given, styles(A=8, B=8), pools={"cat": ["A"]}, splits=SPLITS, disjoint_styles=True)
    found = styles_by_split(pairs)
    assert not found["train"] & found["val"]
    assert {pair.artist for pair in pairs if pair.label == "cat"} == {"A"}
    assert {pair.artist for pair in pairs if pair.label == "dog"} == {"A", "B"}


@pytest.mark.parametrize(
    ("given", "options", "said"),
    [
        (
            contents(40),
            {"splits": SPLITS},
            r"No style is left for contents of split (train|val): give",
        ),
        (contents(40), {}, "needs a split for every content: give pairing.splits"),
        (contents(40, "a", None), {}, "needs a split for every content"),
        (contents(40, "test", None), {"splits": SPLITS}, "pairing.splits gives no share to test"),
        (contents(40), {"splits": SPLITS, "unstylized": 0.9}, "No style is left for contents of split"),
    ],
)
def test_splits_that_cannot_be_kept_apart_are_told_before_the_first_pair(
    given: list[Item], options: dict[str, Any], said: str
) -> None:
    pairing = Pairing.model_validate({"disjoint_styles": True, **options})
    with pytest.raises(ConfigError, match=said):
        draw_pairs(pairing, given, StyleSet(styles(A=1)))


def test_an_empty_pool_of_a_class_in_a_split_is_named() -> None:
    given = [Item(c.id, c.path, label="cat") for c in contents(40)]
    pairing = Pairing(disjoint_styles=True, splits=SPLITS, pools={"cat": ["B"]})
    with pytest.raises(ConfigError, match=r"split (train|val) and label cat"):
        draw_pairs(pairing, given, StyleSet(styles(A=20, B=1)))


def test_splits_and_pools_are_found_in_any_spelling() -> None:
    contents = [
        Item("1.jpg", Path("1.jpg"), label="Füße", split="train"),
        Item("2.jpg", Path("2.jpg"), label="dogs"),
    ]
    styles = StyleSet(Catalogue.of([Item(f"{name}.jpg", Path(name), artist=name) for name in ("Monet", "Klee")]))
    pairing = Pairing(splits={" TRAIN": 1.0}, pools={"FU\u0308SSE": ["monet"], "Dogs": ["KLEE"]})
    pairs = list(draw_pairs(pairing, contents, styles))
    assert [(pair.label, pair.split, pair.artist) for pair in pairs] == [
        ("Füße", "train", "Monet"),
        ("dogs", "train", "Klee"),
    ]


@pytest.mark.parametrize(
    "given",
    [
        {"splits": {"train": 0.5, "Train": 0.5}},
        {"pools": {"Cats": ["Monet"], "cats ": ["Monet"]}},
        {"weights": {"Claude Monet": 1, "claude_monet": 2}, "balance": "artist"},
    ],
)
def test_a_name_that_stands_twice_in_two_spellings_is_refused(given: dict[str, Any]) -> None:
    contents = [Item("1.jpg", Path("1.jpg"), label="cats")]
    styles = StyleSet(Catalogue.of([Item("m.jpg", Path("m.jpg"), artist="Claude Monet")]))
    with pytest.raises(ConfigError, match="are one name in two spellings"):
        draw_pairs(Pairing(**given), contents, styles)


@pytest.mark.parametrize("number", [float("inf"), float("nan"), 1e101])
def test_weights_shares_and_strengths_are_finite(number: float) -> None:
    wrong: list[dict[str, Any]] = [
        {"weights": {"a": number}, "balance": "artist"},
        {"splits": {"a": number}},
        {"strengths": [number]},
    ]
    for given in wrong:
        with pytest.raises(ValueError, match=r"finite number|above 1e\+100"):
            Pairing(**given)
