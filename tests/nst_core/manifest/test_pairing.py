"""Pairs of each strategy: even, and a function of seed, content and pool alone."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest
from catalogues import contents, drawn, styles

from nst_core.config.pairing import Pairing
from nst_core.errors import ConfigError
from nst_core.manifest.csv_reader import read_manifest
from nst_core.manifest.csv_writer import write_manifest
from nst_core.manifest.pairing import Pair, StyleSet, draw_pairs
from nst_core.manifest.pairs import manifest_rows, read_pairs
from nst_core.sources.base import Catalogue, Item


def make_pairs(pairing: Pairing, contents: Catalogue, styles: Catalogue) -> list[Pair]:
    """Every pair, whatever the strategy."""
    if pairing.manifest is not None:
        return read_pairs(pairing.manifest, pairing.seed, contents, StyleSet(styles))
    return list(draw_pairs(pairing, contents.items, StyleSet(styles)))


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
    with pytest.raises(ConfigError, match=r"pairing\.artists: .* no artist 'Monnet' \(did you mean 'Monet'\?\)"):
        make_pairs(Pairing(artists=["Monnet"]), contents(1), styles(Monet=1))


@each_strategy
def test_pairs_written_as_a_manifest_give_the_same_pairs(pairing: Pairing, tmp_path: Path) -> None:
    odd = [
        Item(name, Path(name), artist="Odd, Ltd.") for name in ("a;b.jpg", "img@2", "c, d.jpg", 'e "f".jpg', "ä@1.jpg")
    ]
    photographs, paintings = contents(6), Catalogue.of([*styles(A=3).items, *odd])
    pairs = make_pairs(pairing, photographs, paintings)
    path = tmp_path / "manifest.csv"
    write_manifest(manifest_rows(pairs), path)
    assert read_pairs(path, 99, photographs, StyleSet(paintings)) == pairs
    assert [row.number for row in read_manifest(path, (), paintings.by_id())] == [
        row.number for row in manifest_rows(pairs)
    ]
