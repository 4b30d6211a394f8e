"""Draws: even, and a function of seed, content and pool alone."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nst_core.draws import draw
from nst_core.engine.images import ImageLimits
from nst_core.errors import ConfigError, ManifestError
from nst_core.inputs import inspect_input
from nst_core.manifest import Overrides, read_manifest
from nst_core.manifest_pairs import manifest_rows, pairs_of_manifest
from nst_core.manifest_writer import write_manifest
from nst_core.pairing import Pair, StyleSet, drawn_pairs
from nst_core.pairing_config import Pairing
from nst_core.sources.base import Catalogue, Item


def contents(count: int) -> Catalogue:
    return Catalogue.of(
        Item(f"photo-{i:04d}.jpg", Path(f"photos/{i}.jpg"), label=f"class {i % 3}") for i in range(count)
    )


def styles(**works: int) -> Catalogue:
    """So many works of each artist; genres alternate."""
    return Catalogue.of(
        Item(f"{artist}/{i}.jpg", Path(f"art/{artist}/{i}.jpg"), artist=artist, genre=("oil", "print")[i % 2])
        for artist, count in works.items()
        for i in range(count)
    )


def make_pairs(pairing: Pairing, contents: Catalogue, styles: Catalogue) -> list[Pair]:
    """Every pair, whatever the strategy."""
    if pairing.manifest is not None:
        return pairs_of_manifest(pairing.manifest, pairing.seed, contents, StyleSet(styles))
    return list(drawn_pairs(pairing, contents.items, StyleSet(styles)))


def drawn(pairs: list[Pair]) -> set[tuple[str, str]]:
    return {(pair.content.id, pair.styles[0].item.id) for pair in pairs}


class TestDraw:
    @given(st.integers(0, 30), st.integers(0, 30), st.integers(), st.text())
    def test_indices_are_distinct_and_within_the_pool(self, count: int, pool: int, seed: int, key: str) -> None:
        indices = draw(count, pool, seed, key)
        assert len(indices) == len(set(indices)) == min(count, pool)
        assert all(0 <= index < pool for index in indices)

    @given(st.integers(0, 30), st.integers(1, 30), st.integers())
    def test_asking_for_more_adds_to_what_was_drawn(self, count: int, pool: int, seed: int) -> None:
        assert draw(count + 1, pool, seed)[:count] == draw(count, pool, seed)[:count]

    def test_every_index_comes_up_about_equally_often_in_every_place(self) -> None:
        draws = [draw(3, 5, 0, f"content {i}") for i in range(5000)]
        for place in range(3):
            counts = Counter(indices[place] for indices in draws)
            assert set(counts) == set(range(5))
            assert all(abs(count - 1000) < 150 for count in counts.values())  # five standard deviations

    def test_a_draw_is_pinned(self) -> None:
        """Whatever changes this literal moves the pairs of every user."""
        assert draw(4, 10, 7, "photo.jpg", "Claude Monet") == [1, 4, 6, 0]

    def test_the_key_s_parts_are_told_apart(self) -> None:
        assert draw(8, 1000, "ab", "c") != draw(8, 1000, "a", "bc")

    def test_names_that_are_no_text_can_be_keys(self) -> None:
        assert len(draw(1, 5, "caf\udce9.jpg", "\ud800")) == 1


STRATEGIES = [
    Pairing(strategy="random", styles_per_content=2),
    Pairing(strategy="random", styles_per_content=2, balance="artist"),
    Pairing(strategy="random", styles_per_content=2, balance="genre"),
    Pairing(strategy="artist"),
    Pairing(strategy="grid"),
]
each_strategy = pytest.mark.parametrize("pairing", STRATEGIES, ids=lambda p: f"{p.strategy}-{p.balance}")


@each_strategy
def test_the_order_in_which_files_are_listed_does_not_matter(pairing: Pairing) -> None:
    photographs, paintings = contents(20), styles(A=3, B=5, C=1)
    mixed = [list(photographs.items), list(paintings.items)]
    for items in mixed:
        random.Random(1).shuffle(items)
    assert make_pairs(pairing, photographs, paintings) == make_pairs(pairing, *(Catalogue.of(i) for i in mixed))


@each_strategy
def test_new_contents_never_move_the_pairs_of_old_ones(pairing: Pairing) -> None:
    paintings = styles(A=3, B=5, C=1)
    before = drawn(make_pairs(pairing, contents(20), paintings))
    after = drawn(make_pairs(pairing, contents(35), paintings))
    assert before < after
    assert not {content for content, _ in after - before} & {content for content, _ in before}


@each_strategy
def test_where_the_files_lie_does_not_matter(pairing: Pairing) -> None:
    here = styles(A=3, B=5)
    there = Catalogue(
        tuple(Item(i.id, Path("/elsewhere") / i.path, i.label, i.artist, genre=i.genre) for i in here.items)
    )
    assert drawn(make_pairs(pairing, contents(9), here)) == drawn(make_pairs(pairing, contents(9), there))


@pytest.mark.parametrize("strategy", ["random", "artist"])
def test_another_seed_draws_others(strategy: str) -> None:
    one, other = (Pairing.model_validate({"strategy": strategy, "seed": seed}) for seed in (0, 1))
    assert drawn(make_pairs(one, contents(30), styles(A=9, B=9))) != drawn(
        make_pairs(other, contents(30), styles(A=9, B=9))
    )


@pytest.mark.parametrize("balance", ["none", "artist", "genre"])
def test_each_content_gets_as_many_different_styles_as_asked_for(balance: str) -> None:
    for wanted, given_ in ((1, 1), (4, 4), (9, 9), (50, 9)):
        pairing = Pairing.model_validate({"styles_per_content": wanted, "balance": balance})
        pairs = make_pairs(pairing, contents(7), styles(A=6, B=2, C=1))
        assert Counter(pair.content.id for pair in pairs) == {f"photo-{i:04d}.jpg": given_ for i in range(7)}
        assert len(drawn(pairs)) == len(pairs)


@pytest.mark.parametrize("balance", ["none", "artist", "genre"])
def test_more_styles_per_content_keep_those_that_were_drawn(balance: str) -> None:
    few, many = (
        drawn(
            make_pairs(
                Pairing.model_validate({"styles_per_content": count, "balance": balance}), contents(9), styles(A=6, B=2)
            )
        )
        for count in (2, 5)
    )
    assert few < many


def test_without_balance_every_work_has_an_equal_share() -> None:
    pairs = make_pairs(Pairing(), contents(3000), styles(A=5, B=1))
    counts = Counter(pair.styles[0].item.id for pair in pairs)
    assert len(counts) == 6
    assert all(abs(count - 500) < 110 for count in counts.values())


def test_balanced_by_artist_every_artist_has_an_equal_share() -> None:
    pairs = make_pairs(Pairing(balance="artist"), contents(3000), styles(A=50, B=5, C=1))
    counts = Counter(pair.artist for pair in pairs)
    assert all(abs(counts[artist] - 1000) < 130 for artist in "ABC")


def test_balanced_by_artist_a_content_meets_every_artist_before_any_again() -> None:
    pairs = make_pairs(Pairing(balance="artist", styles_per_content=3), contents(20), styles(A=9, B=9, C=9))
    assert Counter((pair.content.id, pair.artist) for pair in pairs).most_common(1)[0][1] == 1


def test_balanced_by_genre_every_genre_has_an_equal_share() -> None:
    paintings = Catalogue.of([*(Item(f"oil{i}", Path("x"), genre="oil") for i in range(30)), Item("print", Path("x"))])
    counts = Counter(
        pair.styles[0].item.genre for pair in make_pairs(Pairing(balance="genre"), contents(1000), paintings)
    )
    assert abs(counts["oil"] - 500) < 80


def test_a_grid_is_every_content_with_every_style() -> None:
    pairs = make_pairs(Pairing(strategy="grid"), contents(4), styles(A=3, B=2))
    assert len(pairs) == len(drawn(pairs)) == 20
    assert {(pair.artist, pair.label) for pair in pairs if pair.content.id == "photo-0001.jpg"} == {
        ("A", "class 1"),
        ("B", "class 1"),
    }


def test_by_artist_every_content_meets_every_artist_once() -> None:
    pairs = make_pairs(Pairing(strategy="artist"), contents(40), styles(A=3, B=2, C=1))
    assert len(pairs) == 120
    assert len({(pair.content.id, pair.artist) for pair in pairs}) == 120
    assert {pair.styles[0].item.id for pair in pairs} == {item.id for item in styles(A=3, B=2, C=1).items}


def test_by_artist_needs_artists() -> None:
    nameless = Catalogue.of([Item("a.jpg", Path("a.jpg"))])
    with pytest.raises(ConfigError, match="sub-folder"):
        make_pairs(Pairing(strategy="artist"), contents(1), nameless)


@pytest.mark.parametrize("strategy", ["random", "artist", "grid"])
def test_only_the_chosen_artists_are_drawn_however_they_are_spelled(strategy: str) -> None:
    pairing = Pairing.model_validate({"strategy": strategy, "artists": ["claude_monet"]})
    paintings = Catalogue.of([*styles(A=3).items, Item("m.jpg", Path("m.jpg"), artist="Claude Monet")])
    assert {pair.artist for pair in make_pairs(pairing, contents(5), paintings)} == {"Claude Monet"}


def test_an_unknown_chosen_artist_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"pairing\.artists: .* no artist 'Monnet' \(did you mean 'monet'\?\)"):
        make_pairs(Pairing(artists=["Monnet"]), contents(1), styles(Monet=1))


class TestManifest:
    def pairs(self, folder: Path, text: str, seed: int = 0, **sources: Catalogue) -> list[Pair]:
        path = folder / "manifest.csv"
        path.write_text(text, encoding="utf-8")
        pairing = Pairing(strategy="manifest", manifest=path, seed=seed)
        return make_pairs(
            pairing, sources.get("contents", contents(30)), sources.get("styles", styles(Monet=9, Hokusai=9))
        )

    def test_ids_of_the_sources_are_found(self, tmp_path: Path) -> None:
        (pair,) = self.pairs(tmp_path, "content,style\nphoto-0004.jpg,Monet/3.jpg\n")
        assert pair.content == contents(30).by_id()["photo-0004.jpg"]
        assert pair.styles[0].item == styles(Monet=9).by_id()["Monet/3.jpg"]
        assert (pair.artist, pair.label, pair.replicate) == ("Monet", "class 1", 0)

    def test_an_artist_alone_gets_one_of_its_works_drawn(self, tmp_path: Path) -> None:
        text = "content,artist\n" + "".join(f"photo-{i:04d}.jpg,monet\n" for i in range(30))
        pairs = self.pairs(tmp_path, text)
        assert {pair.artist for pair in pairs} == {"Monet"}
        assert {pair.styles[0].item.artist for pair in pairs} == {"Monet"}
        assert len({pair.styles[0].item.id for pair in pairs}) > 5
        assert pairs == self.pairs(tmp_path, text)
        assert drawn(pairs) != drawn(self.pairs(tmp_path, text, seed=1))

    def test_other_rows_do_not_move_a_draw(self, tmp_path: Path) -> None:
        rows = [f"photo-{i:04d}.jpg,Monet\n" for i in range(20)]
        few = drawn(self.pairs(tmp_path, "content,artist\n" + "".join(rows[:10])))
        assert few < drawn(self.pairs(tmp_path, "content,artist\n" + "".join(reversed(rows))))

    def test_a_drawn_style_is_that_of_the_strategy_artist(self, tmp_path: Path) -> None:
        by_strategy = drawn(make_pairs(Pairing(strategy="artist"), contents(20), styles(Monet=9)))
        rows = "".join(f"photo-{i:04d}.jpg,Monet\n" for i in range(20))
        assert drawn(self.pairs(tmp_path, f"content,artist\n{rows}", styles=styles(Monet=9))) == by_strategy

    def test_a_row_s_own_seed_draws_for_that_row_alone(self, tmp_path: Path) -> None:
        plain = self.pairs(tmp_path, "content,artist,seed\nphoto-0001.jpg,Monet,\nphoto-0002.jpg,Monet,\n")
        works = set()
        for seed in range(30):
            one, two = self.pairs(
                tmp_path, f"content,artist,seed\nphoto-0001.jpg,Monet,{seed}\nphoto-0002.jpg,Monet,\n"
            )
            works.add(one.styles[0].item.id)
            assert one.overrides == Overrides(seed=seed)
            assert two == plain[1]
        assert len(works) > 5

    def test_the_seed_of_the_run_given_in_a_row_changes_nothing(self, tmp_path: Path) -> None:
        texts = ("content,artist\nphoto-0001.jpg,Monet\n", "content,artist,seed\nphoto-0001.jpg,Monet,5\n")
        assert drawn(self.pairs(tmp_path, texts[0], seed=5)) == drawn(self.pairs(tmp_path, texts[1], seed=0))

    def test_what_a_row_says_goes_before_what_the_source_knows(self, tmp_path: Path) -> None:
        (pair,) = self.pairs(tmp_path, "content,style,artist,label,split\nphoto-0004.jpg,Monet/3.jpg,My Show,cat,val\n")
        assert (pair.artist, pair.label, pair.split) == ("My Show", "cat", "val")

    def test_a_known_artist_beside_a_style_gets_its_display_name(self, tmp_path: Path) -> None:
        (pair,) = self.pairs(tmp_path, "content,style,artist\nphoto-0004.jpg,Monet/3.jpg,HOKUSAI\n")
        assert pair.artist == "Hokusai"

    def test_a_blend_belongs_to_the_artist_of_its_first_style(self, tmp_path: Path) -> None:
        (pair,) = self.pairs(tmp_path, "content,style\nphoto-0004.jpg,Hokusai/1.jpg@0.7;Monet/3.jpg@0.3\n")
        assert [(share.item.id, share.share) for share in pair.styles] == [("Hokusai/1.jpg", 0.7), ("Monet/3.jpg", 0.3)]
        assert pair.artist == "Hokusai"

    def test_a_file_beside_the_manifest_comes_before_one_in_the_current_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        beside, current = tmp_path / "beside", tmp_path / "current"
        for path in (beside / "both.jpg", current / "both.jpg", current / "current.jpg"):
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"x")
        monkeypatch.chdir(current)
        both, only = self.pairs(beside, "content,style\nboth.jpg,both.jpg\ncurrent.jpg,current.jpg\n")
        assert both.content.path == beside / "both.jpg"
        assert only.content.path == current / "current.jpg"
        assert (both.content.id, both.artist, both.label) == ("both.jpg", None, None)

    def test_a_path_to_a_file_of_the_source_is_that_item(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "art" / "Monet" / "1.jpg"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x")
        work = Item("Monet/1.jpg", path, artist="Monet", license="CC0")
        monkeypatch.chdir(tmp_path / "art")
        for name in ("art/Monet/1.jpg", str(path), "./Monet/1.jpg", "Monet/1.jpg"):
            (pair,) = self.pairs(tmp_path, f"content,style\nphoto-0001.jpg,{name}\n", styles=Catalogue((work,)))
            assert pair.styles[0].item == work
            assert pair.artist == "Monet"

    @pytest.mark.parametrize(
        "name", ["nope.jpg", "no/such/folder/a.jpg", "x" * 5000 + ".jpg", "a\0b.jpg", "photo-0001.jpg/a"]
    )
    def test_a_file_that_is_not_there_is_a_bad_input_and_no_fault(self, tmp_path: Path, name: str) -> None:
        pairs = self.pairs(tmp_path, f"content,style\n{name},Monet/1.jpg\nphoto-0001.jpg,{name}\n")
        item = pairs[0].content
        assert item == pairs[1].styles[0].item
        assert type(inspect_input(item.path, ImageLimits()).error).__name__ == "MissingImage"

    def test_a_decomposed_spelling_finds_the_item(self, tmp_path: Path) -> None:
        cafe = Catalogue((Item("caf\u00e9.jpg", Path("x.jpg"), label="drinks"),))
        (pair,) = self.pairs(tmp_path, "content,style\ncafe\u0301.jpg,Monet/1.jpg\n", contents=cafe)
        assert pair.content == cafe.items[0]

    def test_a_wrong_manifest_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ManifestError, match=r"row 3, column artist.*did you mean 'hokusai'"):
            self.pairs(tmp_path, "content,artist\nphoto-0001.jpg,Monet\nphoto-0002.jpg,Hokusay\n")


@each_strategy
def test_pairs_written_as_a_manifest_give_the_same_pairs(pairing: Pairing, tmp_path: Path) -> None:
    odd = [
        Item(name, Path(name), artist="Odd, Ltd.") for name in ("a;b.jpg", "img@2", "c, d.jpg", 'e "f".jpg', "ä@1.jpg")
    ]
    photographs, paintings = contents(6), Catalogue.of([*styles(A=3).items, *odd])
    pairs = make_pairs(pairing, photographs, paintings)
    path = tmp_path / "manifest.csv"
    write_manifest(manifest_rows(pairs), path)
    assert pairs_of_manifest(path, 99, photographs, StyleSet(paintings)) == pairs
    assert [row.number for row in read_manifest(path, (), paintings.by_id())] == [
        row.number for row in manifest_rows(pairs)
    ]
