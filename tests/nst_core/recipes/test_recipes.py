"""Recipes: the shipped ones load, and what is laid over one another is read as one."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from nst_core.engine.transfer.recipe import TransferRecipe
from nst_core.errors import ConfigError
from nst_core.networks.files import named_files
from nst_core.recipes import load_method, load_recipe, recipe_names
from nst_core.recipes.plain_data import recipe_dict


@pytest.mark.parametrize("name", recipe_names())
def test_every_shipped_recipe_loads(name: str) -> None:
    recipe = load_method(name)
    assert recipe.name == name
    assert recipe.source
    assert recipe.network if isinstance(recipe, TransferRecipe) else recipe.layer_names()


def test_the_recipes_of_the_main_line_ship() -> None:
    assert {"wavelet", "squeezenet", "gatys2016", "neural_style"} <= set(recipe_names())


def test_a_recipe_written_out_reads_as_the_same_recipe(tmp_path: Path) -> None:
    recipe = load_recipe("gatys2016", {"evaluations": 7})
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(recipe_dict(recipe)))
    assert load_recipe(str(path)) == recipe


def test_a_recipe_file_of_ones_own_is_named_by_its_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("content: {layers: [relu4_2]}\nstyle: {layers: [relu1_1, relu2_1]}\n")
    recipe = load_recipe(str(path))
    assert recipe.name == "mine"
    assert recipe.style.layers == (("relu1_1", 1.0), ("relu2_1", 1.0))


def test_a_recipe_can_be_laid_over_a_shipped_one(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("recipe: slim\nbeta: 20\nscales: [64, 128]\n")
    mine, theirs = load_recipe(str(path), {"optimiser": {"history": 5}}), load_recipe("slim")
    assert (mine.name, mine.beta, mine.size, mine.features) == ("mine", 20, 128, "slim")
    assert (mine.optimiser.history, mine.optimiser.precondition) == (5, theirs.optimiser.precondition)
    assert load_recipe(str(path), {"scales": [32, 96]}).size == 96


@pytest.mark.parametrize("base", ["fats", "mine.yaml", "7", "[fast]"])
def test_a_recipe_that_is_laid_over_none_is_told(tmp_path: Path, base: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"recipe: {base}\n")
    with pytest.raises(ConfigError, match=r"mine\.yaml is laid over .*no other shipped recipe"):
        load_recipe(str(path))


def test_slim_is_fast_on_the_slim_network() -> None:
    by_features = load_recipe("fast", {"features": "slim"})
    assert replace(load_recipe("slim"), name="fast", source=by_features.source) == by_features
    assert by_features.weights == "shipped"


def test_overrides_are_merged_key_by_key() -> None:
    plain = load_recipe("gatys2016")
    changed = load_recipe("gatys2016", {"optimiser": {"learning_rate": 0.5}, "size": 64})
    assert changed.optimiser.learning_rate == 0.5
    assert changed.optimiser.history == plain.optimiser.history
    assert changed.size == 64
    assert changed.style == plain.style


def test_layers_are_replaced_as_a_whole() -> None:
    recipe = load_recipe("gatys2016", {"style": {"layers": {"relu1_1": 2}}})
    assert recipe.style.layers == (("relu1_1", 2.0),)
    assert recipe.style.loss == load_recipe("gatys2016").style.loss


def test_layers_may_be_a_list_of_equal_weights() -> None:
    assert load_recipe("gatys2016", {"content": {"layers": ["b", "a"]}}).content.layers == (("b", 1.0), ("a", 1.0))


@pytest.mark.parametrize(("text", "number"), [("1e-3", 1e-3), ("2E4", 2e4), ("5", 5.0)])
def test_numbers_that_yaml_reads_as_text_are_numbers(text: str, number: float) -> None:
    assert load_recipe("gatys2016", {"alpha": text}).alpha == number


def test_an_unknown_recipe_is_answered_with_the_nearest_and_all_known() -> None:
    with pytest.raises(ConfigError, match=r"no recipe 'wavlet' \(did you mean 'wavelet'\?\)\. Known: .*squeezenet"):
        load_recipe("wavlet")


@pytest.mark.parametrize(
    ("text", "said"),
    [(b"a: [", "not valid YAML"), (b"- a\n", "not a mapping"), (b"", "not a mapping"), (b"a: \xff", "not valid YAML")],
)
def test_a_recipe_file_that_is_no_recipe_is_refused_in_one_line(tmp_path: Path, text: bytes, said: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(text)
    with pytest.raises(ConfigError, match=said) as caught:
        load_recipe(str(path))
    assert "\n" not in str(caught.value)


def test_reading_a_recipe_imports_no_pandas_and_no_pydantic() -> None:
    script = (
        "import sys, nst_core.recipes as r\nr.load_recipe('wavelet')\n"
        "print(*sorted(m for m in ('pandas', 'pydantic', 'pyarrow', 'prefect', 'torch') if m in sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


def test_variants_bring_the_layers_of_the_chosen_features(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "features: vgg19\n"
        "content: {layers: {relu4_2: 1.0}, loss: mean}\n"
        "style: {layers: {relu1_1: 1.0}}\n"
        "variants:\n  squeezenet1_0: {content: {layers: {fire5: 0.5}}, evaluations: 30}\n"
    )
    plain, other = load_recipe(str(path)), load_recipe(str(path), {"features": "squeezenet1_0", "evaluations": 7})
    assert plain.content.layers == (("relu4_2", 1.0),)
    assert (other.content.layers, other.content.loss) == ((("fire5", 0.5),), "mean")
    assert other.evaluations == 7  # what a person asks for comes last


def test_one_of_the_two_terms_may_have_no_layers() -> None:
    recipe = load_recipe("gatys2016", {"content": {"layers": {}}})
    assert recipe.layer_names() == recipe.style_names()


@pytest.mark.parametrize(
    ("overrides", "size", "scales"),
    [
        ({}, 96, (32, 48, 96)),
        ({"scales": [64, 128]}, 128, (64, 128)),  # says the size too
        ({"size": 192}, 192, (64, 96, 192)),  # the scales follow
        ({"size": 100}, 100, (33, 50, 100)),
        ({"size": 96, "scales": [1, 2, 2]}, 96, (48, 96, 96)),  # proportions
        ({"scales": None}, 96, None),
        ({"scales": None, "size": 50}, 50, None),
    ],
)
def test_scales_say_the_size_unless_it_is_given_beside_them(
    tmp_path: Path, overrides: dict[str, Any], size: int, scales: tuple[int, ...] | None
) -> None:
    path = tmp_path / "mine.yaml"
    text = "content: {layers: [relu4_2]}\nstyle: {layers: [relu1_1]}\nscales: [32, 48, 96]\nevaluations: 7\n"
    for lines in (text, text + "size: 96\n"):
        path.write_text(lines)
        recipe = load_recipe(str(path), overrides)
        assert (recipe.scales, recipe.total_evaluations) == (scales, 7 * len(scales or (1,)))
        assert recipe.size == size


def test_a_schedule_can_be_written_down_and_read_again() -> None:
    recipe = load_recipe("gatys2016", {"scales": [128, 256], "evaluations": [20, 10], "average": 0.5})
    data = yaml.safe_load(yaml.safe_dump(recipe_dict(recipe)))
    assert load_recipe("gatys2016", data) == recipe
    assert load_recipe("gatys2016", recipe_dict(load_recipe("gatys2016"))).scales is None


def test_terms_beside_a_style_term_are_read_as_it_is() -> None:
    (beside,) = load_recipe("histogram").style.beside
    assert (beside.loss, beside.weight, beside.layers) == ("histogram", 0.2, (("relu1_1", 1.0), ("relu4_1", 1.0)))


def test_the_weights_of_a_stage_may_be_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETWORKS", "/networks")
    stages = [{"features": "slim", "weights": "$NETWORKS/own.npz"}, {}]
    recipe = load_recipe("fast", {"stages": stages})
    assert recipe.stages[0].weights == "/networks/own.npz"
    assert list(named_files(recipe)) == [("stages[0].weights", "/networks/own.npz")]
