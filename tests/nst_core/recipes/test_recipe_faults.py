"""What is wrong with a recipe is said with its key, and all of it at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nst_core.errors import ConfigError
from nst_core.recipes import load_recipe


def faults_of(overrides: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        load_recipe("gatys2016", overrides)
    return str(caught.value)


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


@pytest.mark.parametrize("strength", [1.5, -1, float("nan"), "half", True, [0.5]])
def test_a_strength_is_a_number_from_0_to_1(strength: Any) -> None:
    message = faults_of({"strength": strength})
    assert message.startswith("method.strength is")
    assert message.count(".") <= 3
