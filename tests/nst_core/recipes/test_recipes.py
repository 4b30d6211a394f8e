"""Recipes: the shipped ones load, and what is wrong with one is said with its key."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from nst_core.engine.stages import StageSettings
from nst_core.engine.transfer.recipe import TransferRecipe
from nst_core.errors import ConfigError
from nst_core.networks.files import named_files
from nst_core.recipes import load_method, load_recipe, recipe_names
from nst_core.recipes.plain_data import recipe_dict


def faults_of(overrides: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        load_recipe("gatys2016", overrides)
    return str(caught.value)


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


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"siez": 5}, "method.siez is not a known key (did you mean 'size'?)"),
        ({"style": {"lss": "mean"}}, "method.style.lss is not a known key (did you mean 'loss'?)"),
        ({"optimiser": {"lr": 1}}, "method.optimiser.lr is not a known key"),
        ({"optimiser": {"rate": "fast"}}, "method.optimiser.rate is 'fast'; it can be absolute, first_step, adaptive"),
        ({"xyzzy": 1}, "method.xyzzy is not a known key"),
        ({3: 1}, "method.3 is not a known key"),
        ({"size": "big"}, "method.size is 'big'; it must be a whole number, 1 or more"),
        ({"size": 1.5}, "method.size is 1.5; it must be a whole number"),
        ({"size": True}, "method.size is True; it must be a whole number"),
        ({"evaluations": 0}, "method.evaluations is 0; it must be a whole number, 1 or more"),
        ({"scales": []}, "method.scales is []; it must be a list of 1 to 16 whole numbers"),
        ({"scales": 64}, "method.scales is 64; it must be a list of 1 to 16 whole numbers"),
        ({"scales": "64"}, "method.scales is '64'; it must be a list"),
        ({"scales": {"a": 1}}, "method.scales is {'a': 1}; it must be a list"),
        ({"scales": [0, 64]}, "method.scales has a number that is 0; it must be a whole number, 1 or more"),
        ({"scales": [32, "x"]}, "method.scales has a number that is 'x'; it must be a whole number"),
        ({"scales": [32.5, 64]}, "method.scales has a number that is 32.5; it must be a whole number"),
        ({"scales": [32, True]}, "method.scales has a number that is True; it must be a whole number"),
        ({"scales": [64, None]}, "method.scales has a number that is None; it must be a whole number"),
        ({"scales": [64, 32]}, "method.scales is [64, 32]; a scale may not be smaller than the one before"),
        ({"scales": [1] * 17}, "it must be a list of 1 to 16 whole numbers"),
        ({"scales": [32, 64], "evaluations": [1, 2, 3]}, "method.evaluations has 3 numbers for 2 scales; give one"),
        ({"scales": [32, 64], "evaluations": [1]}, "method.evaluations has 1 number for 2 scales; give one for all"),
        ({"evaluations": [1, 2]}, "method.evaluations has 2 numbers for 1 scale; give one for all"),
        ({"evaluations": []}, "method.evaluations is []; it must be a list of 1 to 16 whole numbers"),
        ({"evaluations": [5, 0]}, "method.evaluations has a number that is 0; it must be a whole number"),
        ({"evaluations": None}, "method.evaluations is None"),
        ({"stages": 3}, "method.stages is 3; it must be a list of at most 16 stages, such as {features: slim, eval"),
        ({"stages": [7]}, "method.stages[0] must be a section of keys and values, not 7"),
        ({"stages": [{}] * 17}, "it must be a list of at most 16 stages"),
        ({"stages": [{"feature": "slim"}]}, "method.stages[0].feature is not a known key (did you mean 'features'?)"),
        ({"stages": [{"evaluations": 0}]}, "method.stages[0].evaluations is 0; it must be a whole number, 1 or more"),
        ({"stages": [{"size": 64}, {}]}, "method.stages has stages with a size and stages without: give all one, or"),
        ({"stages": [{"size": 64}, {"size": 32}]}, "method.stages has the sizes [64, 32]; one may not be smaller"),
        ({"stages": [{}], "scales": [32, 64]}, "method.scales and method.stages are given"),
        ({"stages": [{}, {}], "evaluations": [1, 2]}, "method.stages has a stage without evaluations, and method.eval"),
        ({"stages": [{"features": "slim"}]}, "method.stages ends with features slim and weights 'shipped', and the re"),
        ({"stages": [{"weights": "random"}]}, "the last stage must have the recipe's own, in whose losses results are"),
        ({"average": 1}, "method.average is 1; it must be below 1"),
        ({"size": 2**40}, "method.size is 1099511627776; it must be a whole number"),
        ({"alpha": -1}, "method.alpha is -1; it must be a number, 0 or more"),
        ({"alpha": "much"}, "method.alpha is 'much'; it must be a number"),
        ({"alpha": float("nan")}, "method.alpha is nan; it must be a number"),
        ({"alpha": float("inf")}, "method.alpha is inf; it must be a number"),
        ({"alpha": True}, "method.alpha is True; it must be a number"),
        ({"alpha": None}, "method.alpha is None; it must be a number"),
        ({"upscale": "maybe"}, "method.upscale is 'maybe'; it must be true or false"),
        ({"features": 19}, "method.features is 19; it must be text: put it in quotes"),
        ({"pooling": "avrage"}, "method.pooling is 'avrage' (did you mean 'average'?); it can be max, average"),
        ({"pooling": ["max"]}, "method.pooling is ['max']"),
        ({"optimiser": "adam"}, "method.optimiser must be a section of keys and values, not 'adam'"),
        ({"style": None}, "method.style must be a section of keys and values, not None"),
        ({"style": {"layers": {}}, "content": {"layers": {}}}, "method has no layers"),
        ({"style": {"layers": "relu1_1"}}, "method.style.layers must map layer names to weights"),
        ({"style": {"layers": [["relu1_1"]]}}, "method.style.layers must map layer names to weights"),
        ({"style": {"layers": {"relu1_1": "x"}}}, "method.style.layers gives relu1_1 a weight that is 'x'"),
        ({"style": {"kernel": "linear"}}, "method.style.kernel belongs to the loss mmd, and here it is gatys"),
        (
            {"style": {"loss": "mmd", "degree": 3, "draws": "fixed"}},
            "method.style.degree belongs to kernel: polynomial, and here it is gaussian",
        ),
        (
            {"style": {"loss": "mmd", "bandwidth": 0, "draws": "fixed"}},
            "method.style.bandwidth is 0; it must be above 0",
        ),
        (
            {"style": {"loss": "sliced"}},
            "method.style.draws is anew, another objective at each evaluation, which lbfgs",
        ),
        ({"style": {"loss": "mrf", "other_sizes": 0.5}}, "method.style.other_sizes is 0.5; it must be above 1"),
        ({"style": {"loss": "mrf", "patch": 0}}, "method.style.patch is 0; it must be a whole number, 1 or more"),
        ({"style": {"beside": 3}}, "method.style.beside is 3; it must be a list of terms, each with layers and a loss"),
        ({"style": {"beside": [{"loss": "mrf"}]}}, "method.style.beside[0] lacks layers"),
        (
            {"style": {"beside": [{"layers": ["relu1_1"], "loss": "histogram", "patch": 3}]}},
            "method.style.beside[0].patch belongs to the loss mrf, and here it is histogram",
        ),
        (
            {"style": {"beside": [{"layers": ["relu1_1"], "beside": [{"layers": ["relu1_1"]}]}]}},
            "method.style.beside has a term with terms beside it",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_key(overrides: dict[str, Any], said: str) -> None:
    assert said in faults_of(overrides)


def test_all_faults_are_told_at_once() -> None:
    message = faults_of({"siez": 5, "alpha": -1, "style": {"lss": "x", "loss": "y"}, "optimiser": {"history": 0}})
    for key in ("method.siez", "method.alpha", "method.style.lss", "method.style.loss", "method.optimiser.history"):
        assert key in message


def test_a_section_without_layers_is_incomplete(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("content: {layers: [relu4_2]}\nstyle: {loss: mean}\n")
    with pytest.raises(ConfigError, match=r"method\.style lacks layers"):
        load_recipe(str(path))
    path.write_text("features: vgg19\n")
    with pytest.raises(ConfigError, match="method lacks content, style"):
        load_recipe(str(path))


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


def test_terms_beside_a_style_term_are_read_as_it_is() -> None:
    (beside,) = load_recipe("histogram").style.beside
    assert (beside.loss, beside.weight, beside.layers) == ("histogram", 0.2, (("relu1_1", 1.0), ("relu4_1", 1.0)))


@pytest.mark.parametrize("strength", [1.5, -1, float("nan"), "half", True, [0.5]])
def test_a_strength_is_a_number_from_0_to_1(strength: Any) -> None:
    message = faults_of({"strength": strength})
    assert message.startswith("method.strength is")
    assert message.count(".") <= 3


SLIM_FIRST = [{"features": "slim", "evaluations": 50}, {"features": "vgg19", "weights": "caffe", "evaluations": 30}]


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


def test_the_weights_of_a_stage_may_be_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETWORKS", "/networks")
    stages = [{"features": "slim", "weights": "$NETWORKS/own.npz"}, {}]
    recipe = load_recipe("fast", {"stages": stages})
    assert recipe.stages[0].weights == "/networks/own.npz"
    assert list(named_files(recipe)) == [("stages[0].weights", "/networks/own.npz")]
