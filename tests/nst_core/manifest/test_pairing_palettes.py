"""Pairing by palette: like or unlike colours, the same on every machine, ties by the seed."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from catalogues import contents, drawn, styles
from PIL import Image

from nst_core.config.pairing import Pairing
from nst_core.config.run_config import parse_config
from nst_core.manifest.pairing import Pair, StyleSet, draw_pairs
from nst_core.manifest.palettes import PaletteOrder, Palettes
from nst_core.plan.wanted import open_sources, pair_sources
from nst_core.sources.base import Catalogue

LENGTH = 4


def made_up(photographs: Catalogue, works: Catalogue, levels: int = 1000) -> Palettes:
    draw = np.random.default_rng(0)

    def of(catalogue: Catalogue) -> dict[str, np.ndarray]:
        return {item.id: draw.integers(0, levels, LENGTH).astype(np.int16) for item in catalogue.items}

    return Palettes(of(photographs), of(works))


def pairs(photographs: Catalogue, works: Catalogue, palettes: Palettes, **options: object) -> list[Pair]:
    pairing = Pairing.model_validate({"strategy": "nearest", **options})
    return list(draw_pairs(pairing, photographs.items, StyleSet(works), palettes=palettes))


@pytest.mark.parametrize("strategy", ["nearest", "farthest"])
def test_each_content_gets_the_styles_that_are_first_by_distance(strategy: str) -> None:
    photographs, works = contents(12), styles(A=7, B=6)
    palettes = made_up(photographs, works)
    made = pairs(photographs, works, palettes, strategy=strategy, styles_per_content=3)
    sign = 1 if strategy == "nearest" else -1
    for item in photographs.items:
        own = palettes.contents[item.id].astype(int)
        ranked = sorted(works.items, key=lambda work: sign * ((palettes.styles[work.id].astype(int) - own) ** 2).sum())
        assert [pair.styles[0].item for pair in made if pair.content == item] == ranked[:3]


def test_the_order_of_files_and_new_contents_move_nothing() -> None:
    photographs, works = contents(20), styles(A=9, B=9)
    palettes = made_up(photographs, works, levels=2)  # many ties
    mixed = list(works.items)
    random.Random(1).shuffle(mixed)
    before = pairs(contents(15), works, palettes, styles_per_content=4)
    after = pairs(photographs, Catalogue.of(mixed), palettes, styles_per_content=4)
    assert drawn(before) < drawn(after)
    assert [pair for pair in after if pair.content.id in {one.content.id for one in before}] == before


def test_equal_distances_are_drawn_by_the_seed_for_each_content_anew() -> None:
    photographs, works = contents(40), styles(A=10)
    same = Palettes(
        {item.id: np.zeros(LENGTH, np.int16) for item in photographs.items},
        {item.id: np.full(LENGTH, 5, np.int16) for item in works.items},
    )
    one, again, other = (drawn(pairs(photographs, works, same, seed=seed)) for seed in (0, 0, 1))
    assert one == again != other
    assert len({style for _, style in one}) > 7


def test_styles_that_cannot_be_read_come_last_and_contents_that_cannot_be_read_get_a_draw() -> None:
    photographs, works = contents(30), styles(A=4)
    palettes = made_up(photographs, works)
    unreadable = works.items[2].id
    known = {id: values for id, values in palettes.styles.items() if id != unreadable}
    order = PaletteOrder(works.items, Palettes(palettes.contents, known), "farthest", 0)
    ranked = order.first(photographs.items[0].id, 9)
    assert [item.id for item in ranked][3] == unreadable
    assert len(ranked) == 4
    blind = PaletteOrder(works.items, Palettes({}, known), "nearest", 0)
    assert len({blind.first(item.id, 1)[0].id for item in photographs.items}) == 3


def test_pools_splits_and_strengths_go_with_it() -> None:
    photographs, works = contents(9), styles(A=5, B=5)
    palettes = made_up(photographs, works)
    made = pairs(photographs, works, palettes, pools={"class 1": ["B"]}, strengths=[1, 2], splits={"a": 1, "b": 1})
    assert len(made) == 18
    assert {pair.artist for pair in made if pair.label == "class 1"} == {"B"}


@pytest.mark.parametrize("option", [{"blend": 2}, {"balance": "artist"}])
def test_what_means_nothing_to_it_is_refused(option: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="means nothing to strategy `nearest`"):
        Pairing.model_validate({"strategy": "nearest", **option})


def test_photographs_meet_paintings_of_their_colours(tmp_path: Path) -> None:
    colours = {"red": (200, 40, 30), "green": (40, 160, 60), "blue": (30, 60, 190)}
    for name, colour in colours.items():
        for place, shade in ((tmp_path / "photographs", 0), (tmp_path / "art" / "Ada", 18)):
            place.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (40, 30), tuple(value + shade for value in colour)).save(place / f"{name}.png")
    data = {"content": str(tmp_path / "photographs"), "style": str(tmp_path / "art"), "method": "wavelet"}
    for strategy in ("nearest", "farthest"):
        config = parse_config({**data, "pairing": strategy})
        met = {Path(c).stem: Path(s).stem for c, s in drawn(list(pair_sources(config, open_sources(config))))}
        assert set(met) == set(colours)
        assert all((photograph == painting) == (strategy == "nearest") for photograph, painting in met.items())
