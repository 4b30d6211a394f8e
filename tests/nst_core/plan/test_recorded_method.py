"""The method that a run folder records, told without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from nst_core.config.resolved_method import resolve_method
from nst_core.config.run_config import RunConfig, parse_config
from nst_core.engine.features.convnets import random_state
from nst_core.plan.recorded_method import recorded_fingerprints
from nst_core.run_folder.folder import RunFolder
from nst_core.run_folder.run_yaml import run_yaml_data


def config(tmp_path: Path, **method: Any) -> RunConfig:
    return parse_config(
        {
            "method": {"recipe": "wavelet", "size": 48, **method},
            "execution": {"devices": "cpu"},
            "output": {"root": str(tmp_path)},
        }
    )


def recorded(settings: RunConfig) -> RunConfig:
    """The run file, once its folder records its method."""
    RunFolder(settings.run_folder).write_run_yaml(run_yaml_data(settings, resolve_method(settings)))
    return settings


def test_the_method_of_the_run_file_is_told_as_it_would_be_resolved(tmp_path: Path) -> None:
    settings = recorded(config(tmp_path))
    assert recorded_fingerprints(settings) == resolve_method(settings).fingerprints


@pytest.mark.parametrize("change", [{"size": 64}, {"recipe": "squeezenet"}, {"precision": "bfloat16"}, {"beta": 3.0}])
def test_another_method_is_in_doubt(change: dict[str, Any], tmp_path: Path) -> None:
    recorded(config(tmp_path))
    assert recorded_fingerprints(config(tmp_path, **change)) is None


def test_weights_count_by_their_bytes(tmp_path: Path) -> None:
    file = tmp_path / "weights.pth"
    torch.save(random_state("squeezenet1_1"), file)
    settings = recorded(config(tmp_path, recipe="squeezenet", features="squeezenet1_1", weights=str(file)))
    assert recorded_fingerprints(settings) == resolve_method(settings).fingerprints
    torch.save(random_state("squeezenet1_1", seed=1), file)
    assert recorded_fingerprints(settings) is None
    file.unlink()
    assert recorded_fingerprints(settings) is None


def test_weights_of_stages_count_by_their_bytes(tmp_path: Path) -> None:
    file = tmp_path / "weights.pth"
    torch.save(random_state("squeezenet1_1"), file)
    own = {"recipe": "squeezenet", "features": "squeezenet1_1", "weights": "random"}
    settings = recorded(config(tmp_path, **own, stages=[{"weights": str(file), "evaluations": 3}, {"evaluations": 2}]))
    prints = resolve_method(settings).fingerprints
    assert recorded_fingerprints(settings) == prints
    moved = config(tmp_path, **own, stages=[{"weights": str(file.rename(tmp_path / "moved.pth"))}, {}], evaluations=3)
    assert recorded_fingerprints(moved) is None, "other evaluations"
    stages = [{"weights": str(tmp_path / "moved.pth"), "evaluations": 3}, {"evaluations": 2}]
    assert recorded_fingerprints(config(tmp_path, **own, stages=stages)) == prints
    torch.save(random_state("squeezenet1_1", seed=1), tmp_path / "moved.pth")
    assert recorded_fingerprints(config(tmp_path, **own, stages=stages)) is None


def test_where_a_gpu_may_be_precision_is_in_doubt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = recorded(config(tmp_path, precision="auto"))
    gpu = tmp_path / "nvidiactl"
    monkeypatch.setattr("nst_core.storage.machine.NVIDIA_DRIVER", gpu)
    automatic = settings.model_copy(update={"execution": settings.execution.model_copy(update={"devices": "auto"})})
    assert recorded_fingerprints(automatic) is not None
    gpu.touch()
    assert recorded_fingerprints(automatic) is None
    assert recorded_fingerprints(settings) is not None


@pytest.mark.parametrize("damage", [b"", b"- 1", b"{: not yaml", b"method_fingerprint_data: 7"])
def test_a_damaged_record_is_none(damage: bytes, tmp_path: Path) -> None:
    settings = recorded(config(tmp_path))
    (settings.run_folder / "run.yaml").write_bytes(damage)
    assert recorded_fingerprints(settings) is None


def test_a_record_that_was_tampered_with_is_none(tmp_path: Path) -> None:
    settings = recorded(config(tmp_path))
    path = settings.run_folder / "run.yaml"
    data = yaml.safe_load(path.read_text(encoding="utf-8")) | {"method_fingerprint": "0" * 64}
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    assert recorded_fingerprints(settings) is None
