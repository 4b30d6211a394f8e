"""Plans, forecasts and retries of runs whose method is a transfer network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tiny_networks import adain_files, johnson_file

from nst_core.app.recipe_options import recipe_options
from nst_core.config.default_recipe import default_recipe
from nst_core.config.devices import Fleet
from nst_core.config.method import Method
from nst_core.config.resolved_method import resolve_method
from nst_core.config.run_config import RunConfig, parse_config
from nst_core.engine.transfer.recipe import TransferRecipe
from nst_core.errors import RunFolderError, UsageError
from nst_core.networks.files import named_files
from nst_core.plan import speed
from nst_core.plan.forecast import forecast
from nst_core.plan.grouping import BATCH_ON_GPU, NETWORK_BATCH_ON_CPU, grouping
from nst_core.plan.recorded_method import recorded_fingerprints
from nst_core.plan.retry import retry_config
from nst_core.plan.speed import ASSUMED_FLOPS, estimate_speed
from nst_core.recipes import load_method
from nst_core.run_folder.folder import RunFolder
from nst_core.run_folder.run_yaml import run_yaml_data
from nst_core.sweep.axes import parse_axes
from nst_core.sweep.shown_sweep import sweep_judge
from nst_core.sweep.variants import make_variants

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)


@pytest.fixture
def config(tmp_path: Path, make_image: Callable[..., Path]) -> RunConfig:
    """Three photographs of 80 × 60 with two paintings."""
    for number in range(3):
        make_image(tmp_path / "photos" / f"{number}.png", 80, 60, seed=number)
    for number in range(2):
        make_image(tmp_path / "art" / f"{number}.png", 70, 60, seed=number)
    networks = [str(path) for path in adain_files(tmp_path / "models")]
    return parse_config(
        {
            "content": str(tmp_path / "photos"),
            "style": str(tmp_path / "art"),
            "pairing": "grid",
            "method": {"kind": "transfer", "network": networks, "size": 64},
            "execution": {"devices": "cpu"},
            "output": {"root": str(tmp_path / "outputs"), "gallery": False},
        }
    )


def recipe_of(config: RunConfig) -> TransferRecipe:
    recipe = resolve_method(config).recipe
    assert isinstance(recipe, TransferRecipe)
    return recipe


class TestSpeed:
    @pytest.fixture
    def measured(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
        """How often something was measured; nothing was before."""
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        calls: list[str] = []

        def passes(recipe: TransferRecipe, device: torch.device) -> dict[str, float]:
            calls.append(recipe.name)
            return {"pixels_per_second": 1000.0, "styles_per_second": 4.0}

        monkeypatch.setattr(speed, "_measured_passes", passes)
        return calls

    def test_a_pass_is_measured_once_and_then_known(self, config: RunConfig, measured: list[str]) -> None:
        found = [estimate_speed(recipe_of(config), CPU, "a machine") for _ in range(2)]
        assert found[0] == found[1]
        assert (found[0].pixels_per_second, found[0].styles_per_second) == (1000.0, 4.0)
        assert measured == ["transfer"]
        estimate_speed(recipe_of(config), CPU, "another machine")
        assert len(measured) == 2

    def test_a_forecast_counts_pixels_and_each_style_once(self, config: RunConfig, measured: list[str]) -> None:
        told = forecast(config)
        assert told.to_make == 6
        assert told.seconds == pytest.approx(6 * 64 * 48 / 1000.0 + 2 / 4.0)

    def test_on_gpus_elsewhere_it_is_reckoned(self, config: RunConfig, measured: list[str]) -> None:
        here = estimate_speed(recipe_of(config), CPU, "a machine")
        there = estimate_speed(recipe_of(config), GPU, "a machine", CPU)
        assert there.pixels_per_second > 10 * here.pixels_per_second
        assert "an assumed factor" in there.basis
        assert there.pixels_per_second <= here.pixels_per_second * ASSUMED_FLOPS["cuda"] / ASSUMED_FLOPS["cpu"]

    def test_what_is_measured_is_a_speed(self, config: RunConfig) -> None:
        found = speed._measured_passes(recipe_of(config), CPU)
        assert 1e4 < found["pixels_per_second"] < 1e10
        assert 1 < found["styles_per_second"] < 1e7


def test_batches_fit_the_device(config: RunConfig) -> None:
    recipe = recipe_of(config)
    assert grouping(config.execution, recipe, Fleet(CPU, CPU, 1), 6).batch_size == NETWORK_BATCH_ON_CPU
    assert grouping(config.execution, recipe, Fleet(GPU, CPU, 1), 6).batch_size == BATCH_ON_GPU


class TestRecords:
    def recorded(self, config: RunConfig) -> RunConfig:
        RunFolder(config.run_folder).write_run_yaml(run_yaml_data(config, resolve_method(config)))
        return config

    def test_the_method_is_told_without_torch_while_the_files_are_the_same(
        self, config: RunConfig, tmp_path: Path
    ) -> None:
        self.recorded(config)
        assert recorded_fingerprints(config) == resolve_method(config).fingerprints
        adain_files(tmp_path / "models", seed=7)
        assert recorded_fingerprints(config) is None
        (tmp_path / "models" / "decoder.pth").unlink()
        assert recorded_fingerprints(config) is None

    def test_so_is_that_of_an_optimisation_that_begins_with_one(self, config: RunConfig, tmp_path: Path) -> None:
        start = {"recipe": "wavelet", "precision": "float32", "start": str(johnson_file(tmp_path))}
        own = self.recorded(config.model_copy(update={"method": Method.model_validate(start)}))
        assert recorded_fingerprints(own) == resolve_method(own).fingerprints
        johnson_file(tmp_path, seed=3)
        assert recorded_fingerprints(own) is None

    def test_a_retry_asks_for_files_at_relative_paths(
        self, config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        relative = {"kind": "transfer", "network": ["models/decoder.pth", "models/vgg_normalised.pth"]}
        method = Method.model_validate(relative).chosen(lambda: default_recipe("cpu"))
        folder = RunFolder(self.recorded(config.model_copy(update={"method": method})).run_folder)
        assert retry_config(folder).method == method
        monkeypatch.chdir("/")
        with pytest.raises(RunFolderError, match=r"names the network models/decoder.pth.*--set method\.network="):
            retry_config(folder)


def test_files_are_told_by_their_keys_and_names_that_are_none_are_left_out() -> None:
    assert list(named_files(load_method("magenta"))) == []
    assert list(named_files(load_method("fast"))) == []
    adain = [("network", "models/vgg_normalised.pth"), ("network", "models/decoder.pth")]
    assert list(named_files(load_method("adain"))) == adain
    both = load_method("fast", {"weights": "vgg19.pth", "start": "mosaic.model"})
    assert list(named_files(both)) == [("weights", "vgg19.pth"), ("start_network", "mosaic.model")]


def test_the_app_says_why_a_network_cannot_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = recipe_options(Method(recipe="wavelet"))
    assert options["adain"].reason == ("The network's files are not on this machine: vgg_normalised.pth, decoder.pth.")
    assert (options["adain"].evaluations, options["adain"].size) == (1, 512)
    assert options["fast"].reason is None, "the original VGG-19 comes with the package"
    (tmp_path / "models").mkdir()
    adain_files(tmp_path / "models")
    assert recipe_options(Method(recipe="wavelet"))["adain"].reason is None


class TestSweeps:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        networks = ", ".join(str(path) for path in adain_files(tmp_path))
        path = tmp_path / "trial.yaml"
        path.write_text(f"method: {{kind: transfer, network: [{networks}], size: 64}}\n", encoding="utf-8")
        return path

    def test_strengths_are_variants_up_to_the_network_s_own(self, file: Path) -> None:
        made = make_variants(file, (), parse_axes(["method.strength=0.1,0.3,0.5"]), file.parent / "sweep")
        assert len({one.config.run_folder for one in made}) == 3
        with pytest.raises(UsageError, match="make the same pictures"):
            make_variants(file, (), parse_axes(["method.strength=0.5,0.8"]), file.parent / "sweep")

    def test_networks_are_variants_and_their_own_is_no_judge(self, file: Path) -> None:
        axes = parse_axes([f"method.network={johnson_file(file.parent)},{johnson_file(file.parent, 'other.pth', 1)}"])
        made = make_variants(file, (), axes, file.parent / "sweep")
        assert len({one.config.run_folder for one in made}) == 2
        assert sweep_judge(made).features != "vgg19"
