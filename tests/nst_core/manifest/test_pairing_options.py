"""What a run file may ask of pairing beyond a strategy: weights, pools, unstylized contents, blends and versions."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from nst_core.config.pairing import Pairing
from nst_core.errors import ConfigError
from nst_core.manifest.csv_writer import write_manifest
from nst_core.manifest.pairing import Pair, StyleSet, draw_pairs
from nst_core.manifest.pairs import manifest_rows, read_pairs
from nst_core.manifest.row import UNSTYLIZED, Overrides
from nst_core.sources.base import Catalogue, Item


def contents(count: int) -> list[Item]:
    return [Item(f"photo-{i:04d}.jpg", Path(f"{i}.jpg"), label=("cat", "dog", None)[i % 3]) for i in range(count)]


def styles(**works: int) -> Catalogue:
    return Catalogue.of(
        Item(f"{artist}/{i}.jpg", Path("x"), artist=artist) for artist, count in works.items() for i in range(count)
    )


def of_genres(*genres: str | None) -> Catalogue:
    return Catalogue(tuple(Item(f"{i:03d}.jpg", Path("x"), genre=genre) for i, genre in enumerate(genres)))


def pairs_of(count: int, of: Catalogue | StyleSet, **options: Any) -> list[Pair]:
    style_set = of if isinstance(of, StyleSet) else StyleSet(of)
    return list(draw_pairs(Pairing.model_validate(options), contents(count), style_set))


def by_content(pairs: list[Pair]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for pair in pairs:
        found.setdefault(pair.content.id, []).extend(share.item.id for share in pair.styles)
    return found


class TestBalance:
    def test_a_style_of_several_genres_is_in_each_of_them(self) -> None:
        paintings = of_genres("oil, print", *["oil"] * 9)
        counts = Counter(pair.styles[0].item.genre for pair in pairs_of(2000, paintings, balance="genre"))
        assert abs(counts["oil, print"] - 1100) < 120  # all of the print, a tenth of the oil

    def test_a_genre_named_twice_counts_once(self) -> None:
        once, twice = of_genres("oil", "oil"), of_genres("oil, oil", "oil")
        ids = [by_content(pairs_of(50, p, balance="genre")) for p in (once, twice)]
        assert ids[0] == ids[1]

    def test_shared_styles_are_never_drawn_twice_and_more_keep_what_was_drawn(self) -> None:
        paintings = of_genres("a, b", "b, c", "c", None, "a, b, c", "a")
        for count in range(1, 7):
            few, many = (
                by_content(pairs_of(30, paintings, balance="genre", styles_per_content=n)) for n in (count, count + 1)
            )
            assert all(len(set(ids)) == len(ids) == count for ids in few.values())
            assert all(many[content][:count] == ids for content, ids in few.items())

    def test_a_large_share_of_a_skewed_pool_is_dealt_whole(self) -> None:
        found = by_content(pairs_of(2, styles(A=300, B=1, C=7), balance="artist", styles_per_content=300))
        assert all(len(set(ids)) == 300 for ids in found.values())


class TestWeights:
    def test_shares_follow_the_weights_others_stand_at_one_and_zero_is_never(self) -> None:
        pairs = pairs_of(3000, styles(A=9, B=2, C=1, D=5), balance="artist", weights={"a": 3, "d": 0, "B": 2})
        counts = Counter(pair.artist for pair in pairs)
        assert counts.keys() == {"A", "B", "C"}
        assert all(abs(counts[name] - share) < 140 for name, share in {"A": 1500, "B": 1000, "C": 500}.items())

    def test_more_styles_keep_those_that_were_drawn_until_all_of_weight_are(self) -> None:
        options: dict[str, Any] = {"balance": "artist", "weights": {"A": 5, "C": 0}}
        before: dict[str, list[str]] = {}
        for count in range(1, 9):
            found = by_content(pairs_of(20, styles(A=3, B=3, C=3), styles_per_content=count, **options))
            assert all(len(set(ids)) == len(ids) == min(count, 6) for ids in found.values())
            assert all(found[content][: len(ids)] == ids for content, ids in before.items())
            before = found

    def test_a_style_of_a_forbidden_genre_may_come_by_another_of_its_genres(self) -> None:
        pairs = pairs_of(50, of_genres("a", "a, b", "b"), balance="genre", weights={"b": 0}, styles_per_content=3)
        assert {pair.styles[0].item.id for pair in pairs} == {"000.jpg", "001.jpg"}

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({"weights": {"Monnet": 1}}, r"pairing\.weights: .* no 'Monnet' \(did you mean 'Monet'"),
            ({"weights": {"Monet": 0, "B": 0}}, "leaves nothing to draw"),
            ({"weights": {"Monet": 0}, "blend": 2}, r"pairing\.blend is 2, but only 1 styles"),
        ],
    )
    def test_weights_that_cannot_be_followed_are_refused(self, options: dict[str, Any], said: str) -> None:
        with pytest.raises(ConfigError, match=said):
            pairs_of(3, styles(Monet=3, B=1), balance="artist", **options)


class TestPools:
    def test_a_class_meets_its_artists_and_genres_and_other_classes_meet_all(self) -> None:
        works = Catalogue.of([*styles(A=3, B=3).items, Item("print", Path("x"), genre="Print, Ink")])
        pairs = pairs_of(300, works, pools={"cat": ["a", "ink"], "dog": ["B"]}, styles_per_content=2)
        met = {label: {p.styles[0].item.id for p in pairs if p.label == label} for label in ("cat", "dog", None)}
        assert met["cat"] == {"A/0.jpg", "A/1.jpg", "A/2.jpg", "print"}
        assert met["dog"] == {"B/0.jpg", "B/1.jpg", "B/2.jpg"}
        assert len(met[None]) == 7

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({"pools": {"cat": ["C"]}}, r"pairing\.pools\.cat: .* no artist or genre 'C'"),
            ({"pools": {"cta": ["A"]}}, r"no content has the label 'cta' \(did you mean 'cat'"),
            ({"pools": {"cat": ["oil"]}, "strategy": "artist"}, "needs styles by artist"),
            ({"pools": {"cat": ["oil"]}, "blend": 2}, "only 1 styles are there to blend"),
            ({"artists": ["A"], "pools": {"cat": ["B"]}}, "no artist or genre 'B'"),
        ],
    )
    def test_a_pool_that_cannot_serve_is_told_before_the_first_pair(self, options: dict[str, Any], said: str) -> None:
        works = Catalogue.of([*styles(A=1, B=1).items, Item("o", Path("x"), genre="oil")])
        with pytest.raises(ConfigError, match=said):
            draw_pairs(Pairing.model_validate(options), contents(3), StyleSet(works))


class TestUnstylized:
    def test_the_share_is_kept_and_a_larger_one_adds_to_it(self) -> None:
        fixed = [
            {p.content.id for p in pairs_of(2000, styles(A=3), unstylized=share, styles_per_content=2) if not p.styles}
            for share in (0.0, 0.1, 0.3, 1.0)
        ]
        assert fixed[0] == set()
        assert fixed[0] < fixed[1] < fixed[2] < fixed[3]
        assert abs(len(fixed[1]) - 200) < 60
        assert len(fixed[3]) == 2000

    def test_the_others_keep_their_styles_and_it_is_never_multiplied(self) -> None:
        options: dict[str, Any] = {"styles_per_content": 2, "strengths": [1, 2], "replicates": 2}
        pairs = pairs_of(200, styles(A=3), unstylized=0.5, **options)
        plain = [pair for pair in pairs if not pair.styles]
        assert [p for p in pairs if p.styles] == [
            p for p in pairs_of(200, styles(A=3), **options) if p.content.id not in {pair.content.id for pair in plain}
        ]
        assert len({pair.content.id for pair in plain}) == len(plain)
        assert {(p.artist, p.overrides, p.replicate) for p in plain} == {(UNSTYLIZED, Overrides(), 0)}

    def test_the_originals_stand_beside_what_is_made_of_them(self) -> None:
        options: dict[str, Any] = {"styles_per_content": 2, "strengths": [1, 2]}
        pairs = pairs_of(20, styles(A=3), originals=True, **options)
        assert [pair for pair in pairs if pair.styles] == pairs_of(20, styles(A=3), **options)
        plain = [pair for pair in pairs if not pair.styles]
        assert sorted(pair.content.id for pair in plain) == sorted(item.id for item in contents(20))
        assert {(p.artist, p.overrides, p.replicate) for p in plain} == {(UNSTYLIZED, Overrides(), 0)}
        both = pairs_of(200, styles(A=3), originals=True, unstylized=0.5)
        assert len([pair for pair in both if not pair.styles]) == 200, "none twice"

    def test_in_a_manifest_it_is_a_style_cell(self, tmp_path: Path) -> None:
        pairs = pairs_of(40, styles(A=3), unstylized=0.5)
        path = tmp_path / "pairs.csv"
        write_manifest(manifest_rows(pairs), path)
        assert ",unstylized," in path.read_text()
        assert read_pairs(path, 0, Catalogue.of(contents(40)), StyleSet(styles(A=3))) == pairs

    def test_a_style_whose_id_is_really_that_still_means_that_style(self, tmp_path: Path) -> None:
        path = tmp_path / "pairs.csv"
        path.write_text("content,style\nphoto-0001.jpg,unstylized\n")
        odd = Catalogue((Item(UNSTYLIZED, Path("art/unstylized"), artist="A"),))
        (pair,) = read_pairs(path, 0, Catalogue.of(contents(2)), StyleSet(odd))
        assert pair.styles[0].item == odd.items[0]
        assert pair.artist == "A"


class TestVersions:
    def test_strength_one_is_the_recipe_s_own_weight_and_no_override(self) -> None:
        pairs = pairs_of(1, styles(A=1), strengths=[1, 0.5, 2, 0.5])
        assert [pair.overrides.style_weight for pair in pairs] == [None, 0.5, 2.0]
        assert pairs[0] == pairs_of(1, styles(A=1))[0]

    def test_strengths_multiply_the_recipe_s_style_weight(self) -> None:
        pairs = draw_pairs(Pairing(strengths=[0.5, 3]), contents(1), StyleSet(styles(A=1)), 24.0)
        assert [pair.overrides.style_weight for pair in pairs] == [12.0, 72.0]
        with pytest.raises(ConfigError, match=r"method\.beta, which is 0"):
            draw_pairs(Pairing(strengths=[0.5]), contents(1), StyleSet(styles(A=1)), 0.0)

    @pytest.mark.parametrize("strategy", ["random", "artist", "grid"])
    def test_versions_of_all_kinds_round_trip_through_a_manifest(self, strategy: str, tmp_path: Path) -> None:
        blend = {} if strategy == "grid" else {"blend": 2}
        options = {"strategy": strategy, "strengths": [1, 1 / 3], "replicates": 3, "splits": {"a": 1, "b": 1}, **blend}
        pairs = pairs_of(9, styles(A=3, B=2), **options)
        assert len(pairs) == 9 * 6 * {"random": 1, "artist": 2, "grid": 5}[strategy]
        path = tmp_path / "pairs.csv"
        write_manifest(manifest_rows(pairs), path)
        assert read_pairs(path, 7, Catalogue.of(contents(9)), StyleSet(styles(A=3, B=2))) == pairs


def test_a_blend_has_equal_shares_of_styles_that_a_content_meets_once() -> None:
    pairs = pairs_of(30, styles(A=4, B=3), blend=2, styles_per_content=3)
    assert all([share.share for share in pair.styles] == [0.5, 0.5] for pair in pairs)
    assert all(len(set(ids)) == len(ids) == 6 for ids in by_content(pairs).values())
    assert all(pair.artist == pair.styles[0].item.artist for pair in pairs)


def test_by_artist_a_blend_is_of_one_artist_and_of_all_works_where_they_are_few() -> None:
    pairs = pairs_of(5, styles(A=4, B=1), strategy="artist", blend=3)
    assert {(pair.artist, len(pair.styles)) for pair in pairs} == {("A", 3), ("B", 1)}
    assert all({share.item.artist for share in pair.styles} == {pair.artist} for pair in pairs)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"strategy": "grid", "blend": 2}, "`blend` means nothing to strategy `grid`"),
        (
            {"strategy": "artist", "weights": {"A": 2}, "balance": "artist"},
            "`weights` means nothing to strategy `artist`",
        ),
        ({"weights": {"A": 2}}, "`weights` needs `balance`: artist or genre"),
        *(
            ({"strategy": "manifest", "manifest": "m.csv", key: value}, f"`{key}` means nothing to strategy `manifest`")
            for key, value in [
                ("pools", {"cat": ["A"]}),
                ("unstylized", 0.5),
                ("splits", {"train": 1}),
                ("disjoint_styles", True),
                ("disjoint_styles", "stable"),
                ("conflict", True),
                ("blend", 2),
                ("strengths", [2]),
                ("replicates", 2),
            ]
        ),
        ({"splits": {"train": float("inf")}}, "splits.train"),
        ({"strengths": [float("inf")]}, "strengths.0"),
        ({"weights": {"A": float("nan")}, "balance": "artist"}, "weights.A"),
        ({"unstylized": 1.5}, "unstylized"),
        ({"splits": {}}, "splits"),
        ({"splits": {" ": 1}}, "splits"),
    ],
    ids=str,
)
def test_what_means_nothing_is_refused_with_a_sentence(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Pairing.model_validate(options)
    assert said in str(caught.value)


def test_excluded_styles_are_never_drawn_and_without_any_there_is_nothing_to_draw() -> None:
    works = styles(A=2, B=1)
    pairs = pairs_of(30, StyleSet(works, frozenset({"A/0.jpg"})), styles_per_content=3)
    assert {pair.styles[0].item.id for pair in pairs} == {"A/1.jpg", "B/0.jpg"}
    with pytest.raises(ConfigError, match="No style is left to draw"):
        pairs_of(1, StyleSet(works, frozenset(item.id for item in works.items)))


def test_no_contents_make_no_pairs() -> None:
    assert pairs_of(0, styles(A=2), strategy="artist") == []
    assert [replace(p, styles=()) for p in pairs_of(0, styles(A=1), strategy="grid")] == []
