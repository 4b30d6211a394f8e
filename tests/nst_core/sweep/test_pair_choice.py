"""The pairs of a sweep: spread, the same at every call, or those that a person names."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from nst_core.config.run_config import RunConfig, parse_config
from nst_core.errors import UsageError
from nst_core.manifest.pairing import Pair, StyleSet, StyleShare
from nst_core.manifest.row import UNSTYLIZED, Overrides
from nst_core.plan.pair_table import pair_id
from nst_core.plan.wanted import Sources
from nst_core.sources.base import Catalogue, Item
from nst_core.sweep.pair_choice import choose_pairs, named_pairs, sweep_pairs


def content(name: str, **more: str) -> Item:
    return Item(f"{name}.jpg", Path(f"/c/{name}.jpg"), **more)


def style(name: str, artist: str, **more: str) -> Item:
    return Item(f"{artist}/{name}.jpg", Path(f"/s/{name}.jpg"), artist=artist, **more)


def pair(photo: Item, painting: Item, **more: object) -> Pair:
    return Pair(photo, (StyleShare(painting),), painting.artist, **more)


CONTENTS = [content(name) for name in ("bridge", "cat", "dog")]
STYLES = [style(f"{artist} {n}", artist) for artist in ("Ada", "Bo") for n in range(2)]
GRID = [pair(photo, painting) for photo in CONTENTS for painting in STYLES]


def sources(**more: object) -> Sources:
    empty = Catalogue(())
    return replace(Sources(empty, StyleSet(empty), {}, ()), **more)


def config(**content_keys: object) -> RunConfig:
    return parse_config({"content": {"source": "sample", **content_keys}, "method": "wavelet"})


def test_the_first_pairs_share_nothing_as_long_as_that_is_possible() -> None:
    for seed in range(20):
        first, second, third = choose_pairs(GRID, 3, seed)
        assert len({one.content.id for one in (first, second, third)}) == 3
        assert len({one.styles[0].item.id for one in (first, second, third)}) == 3
        assert first.artist != second.artist


def test_the_choice_is_a_function_of_the_seed_and_grows_at_its_end() -> None:
    shuffled = random.Random(1).sample(GRID, len(GRID))
    assert choose_pairs(GRID, 4, 0) == choose_pairs(shuffled, 4, 0)
    assert choose_pairs(GRID, 2, 0) == choose_pairs(GRID, 6, 0)[:2]
    assert len({tuple(id(one) for one in choose_pairs(GRID, 2, seed)) for seed in range(20)}) > 5
    assert len(choose_pairs(GRID, 99, 0)) == len(GRID)


def test_what_cannot_be_compared_is_no_choice() -> None:
    plain = Pair(CONTENTS[0], (), UNSTYLIZED)
    faulty = pair(replace(CONTENTS[1], fault="no file name"), STYLES[0])
    restricted = pair(content("nc", license="CC-BY-NC-2.0"), STYLES[0])
    twin = pair(CONTENTS[2], STYLES[0])
    kept = pair(CONTENTS[0], STYLES[0])
    found = sweep_pairs(
        [plain, faulty, restricted, twin, kept],
        config(exclude_licenses=["nc"]),
        sources(duplicates={CONTENTS[2].id: CONTENTS[0].id}),
        ["method.beta"],
    )
    assert list(found) == [kept]


def test_a_rows_own_weight_gives_way_to_the_swept_one_and_pairs_come_once() -> None:
    strong = [replace(GRID[0], overrides=Overrides(style_weight=w, seed=3)) for w in (1.0, 2.0)]
    (bare,) = sweep_pairs(strong, config(), sources(), ["method.beta"])
    assert bare.overrides == Overrides(seed=3)
    assert len(list(sweep_pairs(strong, config(), sources(), ["method.style_scale"]))) == 2
    (bare,) = sweep_pairs([replace(GRID[0], overrides=Overrides(size=64))], config(), sources(), ["method.recipe"])
    assert bare.overrides == Overrides()


def no_ids() -> str:
    raise AssertionError("ids need a fingerprint, which takes seconds")


@pytest.mark.parametrize(
    ("name", "count"),
    [("bridge", 4), ("bridge.jpg", 4), ("Ada 0", 3), ("Ada/Ada 0.jpg", 3), ("ada", 6), ("ada-0", 3),
     ("cat--ada-1", 1), ("cat.jpg--Ada 1", 1)],
)  # fmt: skip
def test_pairs_are_named_as_people_see_them(name: str, count: int) -> None:
    assert len(named_pairs(GRID, [name], no_ids)) == count


def test_several_names_add_up_and_ids_may_be_cut() -> None:
    wanted = GRID[5]
    found = named_pairs(GRID, ["bridge--ada-0", pair_id(wanted, "f" * 64)[:6]], lambda: "f" * 64)
    assert found == [GRID[0], wanted]


@pytest.mark.parametrize("name", ["brige", "cat--nobody", "0123456789abcdef"])
def test_a_name_of_nothing_is_told(name: str) -> None:
    with pytest.raises(UsageError, match=f"--only '{name}': no pair"):
        named_pairs(GRID, [name], lambda: "f" * 64)
