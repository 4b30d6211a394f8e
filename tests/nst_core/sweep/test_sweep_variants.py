"""The runs of a sweep: their folders, their configuration, and what is refused before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from nst_core.errors import ConfigError, UsageError
from nst_core.sweep.axes import parse_axes
from nst_core.sweep.variants import Variant, make_variants


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "trial.yaml"
    path.write_text(
        "content: sample\nstyle: sample\npairing: {strategy: random, balance: artist, seed: 7}\n"
        "method: {recipe: wavelet, size: 96}\noutput: {judge: true, format: png}\n"
    )
    return path


def variants(file: Path, *over: str, overrides: tuple[str, ...] = (), folder: str = "sweep") -> list[Variant]:
    return make_variants(file, overrides, parse_axes(over), file.parent / folder)


def test_every_variant_is_an_ordinary_run_of_the_chosen_pairs(file: Path) -> None:
    made = variants(file, "method.beta=1,10", "output.size=method,original", overrides=("method.evaluations=5",))
    assert len({one.config.run_folder for one in made}) == 4
    for one in made:
        assert one.config.run_folder.parent == file.parent / "sweep" / "variants"
        assert (one.config.pairing.strategy, one.config.pairing.seed) == ("manifest", 7)
        assert one.config.pairing.manifest == file.parent / "sweep" / "pairs.csv"
        assert not (one.config.output.gallery)
        assert not (one.config.output.report)
        assert not (one.config.output.judge)
        assert (one.config.method.resolve().size, one.config.method.resolve().evaluations) == (96, 5)
    assert [one.config.method.resolve().beta for one in made] == [1, 1, 10, 10]
    assert made[3].label == "beta=10 output.size=original"


def test_a_folder_is_found_again_whatever_the_order_and_spelling(file: Path) -> None:
    names = {one.config.name for one in variants(file, "method.beta=1,10", "method.style_scale=1,2")}
    turned = {one.config.name for one in variants(file, "method.style_scale=2.0,1.0,3", "method.beta=10.0,1")}
    assert len(names) == 4
    assert names < turned


@pytest.mark.parametrize("override", ["method.size=64", "output.format=jpeg", "method.recipe=gatys2016"])
def test_another_method_has_other_folders(file: Path, override: str) -> None:
    over = "method.beta=1,10"
    names = {one.config.name for one in variants(file, over)}
    assert names.isdisjoint({one.config.name for one in variants(file, over, overrides=(override,))})


def test_weights_of_other_names_are_other_variants(file: Path) -> None:
    made = variants(file, "method.weights=caffe,imagenet,random", overrides=("method.recipe=gatys2016",))
    assert len({one.config.name for one in made}) == 3


@pytest.mark.parametrize(
    ("over", "error", "fault"),
    [
        ("method.bta=1,2", ConfigError, r"method\.bta is not a known key \(did you mean 'beta'\?\)"),
        ("methd.beta=1,2", ConfigError, "did you mean 'method'"),
        ("execution.devices=cpu,auto", UsageError, "can go over keys of `method`"),
        ("pairing.seed=1,2", UsageError, "can go over keys of `method`"),
        ("output.gallery=true,false", UsageError, "can go over keys of `method`"),
        ("method.beta=1,x", ConfigError, "With --set method.beta=x: method.beta is 'x'"),
        ("method.beta=1,1.0", UsageError, "beta=1 and beta=1.0 make the same pictures"),
        ("output.quality=80,90", UsageError, "make the same pictures"),  # of PNG files
        ("method.recipe=wavelet,wavlet", ConfigError, "there is no recipe 'wavlet'"),
    ],
)
def test_wrong_keys_and_values_are_told(file: Path, over: str, error: type[Exception], fault: str) -> None:
    with pytest.raises(error, match=fault) as caught:
        variants(file, over)
    assert "\n" not in str(caught.value)


def test_any_path_may_be_the_folder(file: Path) -> None:
    (one, _) = variants(file, "method.beta=1,2", folder="a, b: {c} $HOME ~ #1")
    assert one.config.output.root == file.parent / "a, b: {c} $HOME ~ #1" / "variants"
