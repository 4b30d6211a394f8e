"""What a run file says of a training, as its trainer and its folder get it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from nst_core.config.run_config import RunConfig, parse_config
from nst_core.engine.features import caffe
from nst_core.engine.features.slim import SHIPPED, network_bytes
from nst_core.engine.features.slim_network import SlimNetwork
from nst_core.engine.features.weights import hash_file
from nst_core.errors import ConfigError, WeightsError
from nst_core.training.data import TrainingData
from nst_core.training.trainers import TRAINERS, training_data, training_settings
from nst_core.training.transfer import features_sha256


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory, make_image: Callable[..., Path]) -> Path:
    folder = tmp_path_factory.mktemp("images")
    for number in range(5):
        make_image(folder / f"{number}.png", 60, 48, seed=number)
    return folder


def config_of(images: Path, **train: Any) -> RunConfig:
    return parse_config({"content": str(images), "style": str(images), "train": {"style": "2.png", **train}})


def settings_of(kind: str, images: Path, **train: Any) -> dict[str, Any]:
    config = config_of(images, **train)
    return training_settings(kind, config, training_data(kind, config))


def test_a_training_of_slim_keeps_to_the_settings_of_earlier_folders(images: Path) -> None:
    found = settings_of("slim", images)
    assert set(found) == {
        "kind", "steps", "batch", "crop", "size", "held_out", "seed", "content_sha256", "style_sha256",
    }  # fmt: skip
    assert found["size"] == 256
    assert settings_of("slim", images, features="vgg19", style_weight=3, style="3.png") == found


def test_what_decides_a_transfer_network_is_told_apart(images: Path) -> None:
    johnson, adain = settings_of("johnson", images), settings_of("adain", images)
    assert (johnson["size"], adain["size"]) == (384, 512)
    assert johnson["features"] == adain["features"] == hash_file(SHIPPED)
    assert settings_of("johnson", images, features=str(SHIPPED)) == johnson
    assert settings_of("johnson", images, style="3.png") != johnson
    assert settings_of("adain", images, style="3.png") == adain
    for changed in ({"features": "vgg19"}, {"style_weight": 3}, {"seed": 2}):
        assert settings_of("adain", images, **changed) != adain


def test_trainers_follow_the_run_file(images: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.npz"
    own.write_bytes(network_bytes(SlimNetwork((4, 6, 8, 10))))
    data: dict[str, TrainingData] = {}
    for kind in ("johnson", "adain"):
        keys = {"steps": 50, "batch": 2, "crop": 40, "held_out": 1, "style_weight": 3.0, "seed": 4}
        config = config_of(images, features=str(own), size=64, **keys)
        data[kind] = training_data(kind, config)
        trainer = TRAINERS[kind].make(config, data[kind], torch.device("cpu"))
        facts = trainer.facts()
        assert (trainer.kind, trainer.steps, facts["warm_up"]) == (kind, 50, 10)
        assert [facts[key] for key in ("batch", "crop", "held_out", "style_weight", "seed")] == [2, 40, 2, 3.0, 4]
        assert (facts["features"], facts["features_sha256"]) == ("slim", hash_file(own))
    assert data["johnson"].style.images.names == ("2.png",)
    assert data["johnson"].facts(config)["style"]["held_out"] == 0


def test_the_trainer_of_quick_follows_the_run_file(images: Path) -> None:
    config = config_of(images, steps=50, batch=2, crop=40, held_out=1, seed=4)
    trainer = TRAINERS["quick"].make(config, training_data("quick", config), torch.device("cpu"))
    facts = trainer.facts()
    assert [facts[key] for key in ("batch", "crop", "large_crop", "held_out", "warm_up")] == [2, 40, 56, 2, 10]
    assert facts["metric_sha256"] == hash_file(SHIPPED)
    with pytest.raises(ConfigError, match=r"train\.crop is 36; quick needs a multiple of 8, 32 or more"):
        TRAINERS["quick"].make(config_of(images, crop=36), training_data("quick", config), torch.device("cpu"))


def test_what_cannot_be_trained_by_is_told(images: Path) -> None:
    assert features_sha256("vgg19") == caffe.SHA256
    with pytest.raises(ConfigError, match=r"train\.features is 'vgg16' \(did you mean 'vgg19'\?\); it can be slim,"):
        features_sha256("vgg16")
    with pytest.raises(WeightsError, match=r"train\.features: there is no file .*own\.npz"):
        features_sha256(str(images / "own.npz"))
    config = config_of(images, crop=16)
    with pytest.raises(ConfigError, match=r"train\.crop is 16; a transfer network needs 32 pixels"):
        TRAINERS["adain"].make(config, training_data("adain", config), torch.device("cpu"))
