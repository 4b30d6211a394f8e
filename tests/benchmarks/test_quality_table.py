"""The quality table: its pairs, tiers and layout, on figures made up for the purpose."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import quality_table
import torch
from jury import Jury, mean_quality, table
from pairs import Pair
from PIL import Image
from quality_memory import few_evaluations
from quality_methods import METHODS, Method, Result, method_named
from quality_table import (
    SPLIT,
    Made,
    Verdicts,
    check_split,
    cost,
    drawn,
    kept,
    kept_peak,
    picture_of,
    sheet,
    split_of,
    tiers,
    training_pairs,
    write_peak,
)
from stylized_pictures import Picture, recipe_for
from torch import Tensor

from nst_core.engine.images.pixels import Pixels
from nst_core.engine.quality import Quality
from nst_core.errors import ConfigError

GOOD, BAD = Quality(0.1, 0.9, 0.2, 0.3, 4.0), Quality(0.3, 0.5, 0.4, 0.5, 8.0)


@pytest.fixture
def training(tmp_path: Path) -> Path:
    for folder, count in (("photographs/a", 20), ("photographs/b", 20), ("paintings/movement-0", 30)):
        (tmp_path / folder).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / folder / f"{number}.jpg")
    return tmp_path


def test_the_draw_is_the_same_every_time_and_every_pair_stands_once(training: Path) -> None:
    pairs = training_pairs(training)
    assert pairs == training_pairs(training)
    assert (len(pairs), len({(p.content, p.style) for p in pairs})) == (200, 200)
    assert (len({p.content for p in pairs}), len({p.style for p in pairs})) == (20, 10)


def test_the_first_pairs_spread_over_photographs_and_paintings(training: Path) -> None:
    first = training_pairs(training)[:8]
    assert (len({p.content for p in first}), len({p.style for p in first})) == (8, 8)


def test_a_split_that_has_drifted_or_that_a_setting_was_chosen_on_ends_the_script(training: Path) -> None:
    pairs = training_pairs(training)
    recorded = split_of(pairs, training)
    assert len(recorded.splitlines()) == 30
    elsewhere = training / "elsewhere.jpg"
    elsewhere.write_bytes(b"another picture")
    check_split(pairs, training, recorded, [Pair(elsewhere, elsewhere)])
    elsewhere.write_bytes(pairs[0].style.read_bytes())
    with pytest.raises(SystemExit, match="settings were chosen on it"):
        check_split(pairs, training, recorded, [Pair(elsewhere, elsewhere)])
    pairs[0].content.write_bytes(b"changed")
    with pytest.raises(SystemExit, match="have changed"):
        check_split(pairs, training, recorded, [])


def test_the_recorded_split_is_of_twenty_photographs_and_ten_paintings() -> None:
    paths = [line.split("  ")[1] for line in SPLIT.read_text(encoding="utf-8").splitlines()]
    assert [sum(path.startswith(kind) for path in paths) for kind in ("photographs/", "paintings/")] == [20, 10]


def test_a_draw_of_more_than_there_are_is_all_of_them() -> None:
    assert sorted(drawn([Path("a"), Path("b")], 5)) == [Path("a"), Path("b")]


def test_every_method_stands_in_each_smaller_table() -> None:
    assert tiers({"slow": 8, "fast": 200, "medium": 40, "none": 0}) == [
        (8, ["slow", "fast", "medium"]),
        (40, ["fast", "medium"]),
        (200, ["fast"]),
    ]


def test_the_mean_is_taken_measure_by_measure() -> None:
    mean = mean_quality([GOOD, BAD])
    assert (mean.cfsd, mean.ssim, mean.colour_distance) == pytest.approx((0.2, 0.7, 6.0))


def test_what_a_judge_says_of_its_own_pictures_stands_in_brackets() -> None:
    rows = {"the content itself": {"vgg19": GOOD, "wavelet": GOOD}, "ours": {"vgg19": BAD, "wavelet": GOOD}}
    lines = table(rows, {"ours": "vgg16"}, {"ours": "3 s, 80"}).splitlines()
    assert lines[2] == "| the content itself | 0.100 | 0.200 | 0.300 | 0.100 | 0.200 | 0.300 | 0.90 | 4.0 |  |"
    assert lines[3] == "| ours | (0.300) | (0.400) | (0.500) | 0.100 | 0.200 | 0.300 | 0.50 | 8.0 | 3 s, 80 |"
    assert len({line.count("|") for line in lines}) == 1


def test_the_cost_is_the_median() -> None:
    made = [Made(Path(), seconds, 100) for seconds in (1.0, 2.0, 30.0)]
    assert cost(made) == "2 s, 100"
    assert cost([replace(one, evaluations=0) for one in made]) == "2 s"
    assert cost([replace(one, seconds=158.0) for one in made], 1_240_000_000) == "160 s, 100, 1.2 GB"


def test_memory_is_measured_with_as_many_evaluations_as_fill_the_history() -> None:
    assert few_evaluations(recipe_for("fast", evaluations=100)) == recipe_for("fast").optimiser.history + 3
    assert few_evaluations(recipe_for("fast", evaluations=2)) == 2
    assert few_evaluations(recipe_for("multi_scale")) == [3] * 5


def test_a_peak_is_kept_beside_the_pictures_of_its_method(tmp_path: Path) -> None:
    wavelet, other = METHODS["wavelet"], method_named("wavelet beta=3")
    write_peak(wavelet, 64, tmp_path, 10**9)
    assert [kept_peak(method, 64, tmp_path) for method in (wavelet, other)] == [10**9, None]
    assert kept_peak(wavelet, 96, tmp_path) is None


def test_a_picture_is_made_once_and_again_where_the_method_has_changed(training: Path, tmp_path: Path) -> None:
    calls: list[str] = []

    def method(identity: str) -> Method:
        def make(pair: Pair, size: int) -> Result:
            calls.append(identity)
            return BLACK, 0.5, 7

        return Method("m", "vgg19", make, lambda size: identity)

    pair = training_pairs(training)[0]
    first = picture_of(method("one"), pair, 8, tmp_path)
    assert picture_of(method("one"), pair, 8, tmp_path) == first
    other = picture_of(method("two"), pair, 8, tmp_path)
    assert (calls, first.path == other.path, other.seconds, other.evaluations) == (["one", "two"], False, 0.5, 7)
    pairs = training_pairs(training)[:3]
    assert kept(method("one"), pairs, 8, tmp_path) == [first]
    assert sheet([pair], {"m": [first]}).width > 3 * quality_table.CELL[0]


BLACK = np.zeros((8, 8, 3), dtype=np.uint8)


def test_the_key_of_a_recipe_s_pictures_follows_size_and_settings() -> None:
    keys = {METHODS[name].key(size) for name in ("wavelet", "fast", "fast on SqueezeNet") for size in (64, 192)}
    assert len(keys) == 6


def test_a_method_may_be_a_recipe_with_keys_set() -> None:
    plain, named = METHODS["fast"], method_named("fast content.layers={relu3_1: 1, relu4_1: 0.5} beta=5")
    assert method_named("fast") is plain
    assert named.features == "vgg19"
    assert "relu3_1" in named.identity(64)
    assert "'beta', 5" in named.identity(64)
    with pytest.raises(ConfigError, match="wavelets"):
        method_named("wavelets")


def test_what_a_judge_said_of_a_kept_picture_is_not_asked_again(tmp_path: Path) -> None:
    said: list[str] = []

    class Counting(Verdicts):
        def _asked(self, judge: str, pixels: Pixels, pair: Pair) -> Quality:
            said.append(judge)
            return GOOD

    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    made, pair, nobody = Made(tmp_path / "a.png", 1.0, 0), Pair(tmp_path, tmp_path), Jury([])
    for size in (8, 8, 9):
        assert Counting(nobody, size).of("wavelet", made, pair) == GOOD
    Counting(nobody, 8).of("wavelet", BLACK, pair)
    assert len(said) == 3


def test_the_jury_tells_the_content_from_the_style() -> None:
    content, style = checks(4), checks(16)
    jury = Jury(["wavelet"])
    identity = jury.verdict("wavelet", content, content, style)
    reverse = jury.verdict("wavelet", style, content, style)
    assert (identity.cfsd, reverse.style_distance) == pytest.approx((0, 0), abs=1e-3)
    assert identity.style_distance > reverse.style_distance + 0.1
    assert jury.means([Picture(content, content, style)])["wavelet"] == identity


def checks(side: int) -> Tensor:
    places = torch.arange(64) // side % 2
    return (places[:, None] ^ places).float().expand(3, 64, 64).contiguous()
