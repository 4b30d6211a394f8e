"""The recipe of a run file that names none."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nst_core.config.default_recipe import default_recipe
from nst_core.config.run_config import RunConfig, load_config, parse_config
from nst_core.errors import ConfigError
from nst_core.storage import machine


@pytest.fixture
def gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has a GPU, as far as one can tell."""
    (tmp_path / "nvidiactl").touch()
    monkeypatch.setattr(machine, "NVIDIA_DRIVER", tmp_path / "nvidiactl")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    path = tmp_path / "run.yaml"
    path.write_text(f"name: two\noutput: {{root: {tmp_path}}}\n", encoding="utf-8")
    return path


def record(config: RunConfig, text: str) -> None:
    config.run_folder.mkdir(parents=True)
    (config.run_folder / "run.yaml").write_text(text, encoding="utf-8")


def test_without_a_gpu_it_is_slim_and_the_reason_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "NVIDIA_DRIVER", tmp_path / "none")
    method = parse_config({}).method
    assert (method.recipe, method.resolve().name) == ("slim", "slim")
    assert "no GPU" in method.reason


@pytest.mark.usefixtures("gpu")
def test_with_a_gpu_it_is_fast_on_the_original_vgg19() -> None:
    recipe = parse_config({}).method.resolve()
    assert (recipe.name, recipe.features, recipe.weights) == ("fast", "vgg19", "caffe")


@pytest.mark.usefixtures("gpu")
def test_devices_that_are_named_count_more_than_the_machine() -> None:
    assert parse_config({"execution": {"devices": "cpu"}}).method.recipe == "slim"


def test_gpus_by_number_are_gpus_wherever_they_are() -> None:
    assert default_recipe([0, 1]).name == "fast"


@pytest.mark.usefixtures("gpu")
def test_a_driver_without_a_gpu_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert parse_config({}).method.recipe == "slim"


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("method", ["neural_style", {"recipe": "neural_style", "size": 64}])
def test_a_named_recipe_stays_and_needs_no_reason(method: object) -> None:
    named = parse_config({"method": method}).method
    assert (named.recipe, named.reason) == ("neural_style", "")


def test_where_a_recipe_is_named_nobody_looks_for_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nst_core.config.default_recipe.has_gpu", lambda: pytest.fail("that may load torch"))
    assert parse_config({"method": "wavelet"}).method.recipe == "wavelet"


@pytest.mark.usefixtures("gpu")
def test_a_run_goes_on_with_what_it_began_with(run_file: Path) -> None:
    record(load_config(run_file), "config:\n  method: {recipe: wavelet}\n")
    method = load_config(run_file).method
    assert method.recipe == "wavelet"
    assert "began" in method.reason
    assert load_config(run_file, ["method.recipe=fast"]).method.recipe == "fast"


@pytest.mark.parametrize("name", ["demo", "folders", "stylized_imagenet", "stylized_coco"])
def test_a_shipped_run_file_that_named_wavelet_goes_on_with_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    begun = load_config(Path(name), ["execution.devices=cpu"])
    assert begun.method.recipe == "slim"
    record(begun, "config:\n  method: {recipe: wavelet, size: 256}\n")
    assert load_config(Path(name)).method.recipe == "wavelet"


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize(
    "text", ["", "[", "config: 7", "config: {method: {recipe: [1]}}", "config: {method: {recipe: auto}}"]
)
def test_a_folder_that_records_no_recipe_does_not_matter(run_file: Path, text: str) -> None:
    record(load_config(run_file), text)
    assert load_config(run_file).method.recipe == "fast"


def test_faults_of_sections_and_of_the_recipe_are_told_together() -> None:
    with pytest.raises(ConfigError, match=r"workers.*sizes"):
        parse_config({"execution": {"workers": -1}, "method": {"sizes": 3}})
