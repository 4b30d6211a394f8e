"""Recipes that are the same are written the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from nst_core.engine.stages import StageSettings
from nst_core.errors import ConfigError
from nst_core.recipes import load_recipe
from nst_core.recipes.plain_data import recipe_dict

SLIM_FIRST = [{"features": "slim", "evaluations": 50}, {"features": "vgg19", "weights": "caffe", "evaluations": 30}]


def test_multiplied_scales_are_no_smaller_than_the_least() -> None:
    assert load_recipe("nnst", {"size": 256}).scales == (64, 64, 128, 256, 256)
    assert load_recipe("nnst", {"size": 48}).scales == (48, 48, 48, 48, 48)
    assert load_recipe("nnst", {"size": 256, "least_scale": 1}).scales == (32, 64, 128, 256, 256)
    assert load_recipe("nnst").scales == (64, 128, 256, 512, 512)


def test_options_of_a_style_loss_are_written_out_and_others_left_out() -> None:
    style = recipe_dict(load_recipe("gatys2016", {"style": {"loss": "mmd", "draws": "fixed"}}))["style"]
    assert {key: style[key] for key in ("kernel", "bandwidth", "positions", "draws")} == {
        "kernel": "gaussian",
        "bandwidth": 1.0,
        "positions": 1024,
        "draws": "fixed",
    }
    assert style.keys().isdisjoint({"degree", "offset", "patch", "content_share"})


def test_stages_that_are_the_same_are_written_the_same() -> None:
    """What a stage leaves out is filled in, what it says of the recipe's own network is left out."""
    slim = StageSettings(50, None, "slim", "shipped", "max", "torchvision")
    recipe = load_recipe("fast", {"stages": SLIM_FIRST})
    assert recipe.stages == (slim, StageSettings(30))
    assert recipe.evaluations == recipe.total_evaluations == 80
    sizes = [{**stage, "size": 256} for stage in SLIM_FIRST]
    short = [{"features": "slim"}, {"evaluations": 30}]
    for same in ({"stages": sizes}, {"stages": short, "evaluations": 50}):
        assert load_recipe("fast", same) == recipe
    assert load_recipe("fast", {**recipe_dict(recipe)}) == recipe
    assert recipe_dict(recipe)["stages"][1] == {"evaluations": 30}


def test_stages_on_the_recipes_own_network_are_scales() -> None:
    stages = [{"size": 64, "evaluations": 5}, {"size": 128, "evaluations": 7}]
    assert load_recipe("fast", {"stages": stages}) == load_recipe("fast", {"scales": [64, 128], "evaluations": [5, 7]})
    assert load_recipe("fast", {"stages": [{"evaluations": 5}]}) == load_recipe("fast", {"evaluations": 5})


def test_sizes_of_stages_follow_the_size_and_say_it() -> None:
    stages = [{"size": 64, "features": "slim"}, {"size": 128}]
    assert load_recipe("fast", {"stages": stages}).size == 128
    other = load_recipe("fast", {"stages": stages, "size": 96, "least_scale": 50})
    assert (other.size, [stage.size for stage in other.stages]) == (96, [50, 96])


def test_stages_take_the_place_of_a_recipes_scales_and_not_of_given_ones(tmp_path: Path) -> None:
    recipe = load_recipe("multi_scale", {"stages": [{"evaluations": 3}, {"evaluations": 4}]})
    assert (recipe.scales, recipe.size, recipe.evaluations) == ((512, 512), 512, (3, 4))
    file = tmp_path / "own.yaml"
    file.write_text(yaml.safe_dump(recipe_dict(load_recipe("fast", {"stages": SLIM_FIRST}))))
    for key, value in (("evaluations", 10), ("scales", [64, 128])):
        with pytest.raises(ConfigError, match=f"method.{key} is given, and the recipe has stages, which say it"):
            load_recipe(str(file), {key: value})
    alone = load_recipe(str(file), {"stages": None, "evaluations": 10})
    assert alone == replace(load_recipe("fast", {"evaluations": 10}), name=alone.name)
