"""The trainers of `nst train`, by the kind of network; each is made from a run file and the images of its sources."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from nst_core.config.devices import run_devices
from nst_core.config.run_config import RunConfig
from nst_core.engine.features.caffe import NETWORK, caffe_weights
from nst_core.engine.features.convnets import build_convnet
from nst_core.engine.features.slim import SHIPPED, read_network
from nst_core.engine.features.slim_network import LAYERS
from nst_core.engine.features.weights import hash_file
from nst_core.engine.training.any_style import AnyStyleSettings, AnyStyleTrainer
from nst_core.engine.training.crops import TrainingImages
from nst_core.engine.training.distillation import DistillationSettings, SlimTrainer
from nst_core.engine.training.trainer import Trainer
from nst_core.engine.transfer.quick_network import STRIDE
from nst_core.errors import ConfigError
from nst_core.training.images import SplitSource


@dataclass(frozen=True)
class TrainingData:
    """The split sources of a training."""

    content: SplitSource
    style: SplitSource

    def roles(self) -> Mapping[str, SplitSource]:
        return {"content": self.content, "style": self.style}

    def images(self) -> TrainingImages:
        return TrainingImages(self.content.images, self.style.images, self.content.held_out, self.style.held_out)


MakeTrainer = Callable[[RunConfig, TrainingData, torch.device], Trainer]


def slim_trainer(config: RunConfig, data: TrainingData, device: torch.device) -> SlimTrainer:
    """The trainer of the slim network. Raises WeightsError, ConfigError."""
    train, settings = config.train, DistillationSettings(seed=config.train.seed)
    given = {name: getattr(train, name) for name in ("steps", "batch", "crop") if getattr(train, name) != "auto"}
    settings = replace(settings, **given)
    settings = replace(
        settings,
        large_crop=round(settings.crop * 4 / 3),
        warm_up=min(settings.warm_up, settings.steps // 5),
        held_out=min(settings.held_out, 2 * train.held_out),
    )
    teacher = build_convnet(NETWORK, caffe_weights(), "max", "caffe").channels_last()
    if settings.crop < teacher.min_side(LAYERS):
        raise ConfigError(f"train.crop is {settings.crop}; VGG-19 needs {teacher.min_side(LAYERS)} pixels.")
    return SlimTrainer(settings, data.images(), teacher, device)


def quick_trainer(config: RunConfig, data: TrainingData, device: torch.device) -> AnyStyleTrainer:
    """The trainer of `quick`, over the slim network that comes with the package. Raises ConfigError."""
    train, settings = config.train, AnyStyleSettings(seed=config.train.seed)
    given = {name: getattr(train, name) for name in ("steps", "batch", "crop") if getattr(train, name) != "auto"}
    settings = replace(settings, **given)
    if settings.crop % STRIDE or settings.crop < 2 * STRIDE:
        raise ConfigError(f"train.crop is {settings.crop}; quick needs a multiple of {STRIDE}, at least {2 * STRIDE}.")
    settings = replace(
        settings,
        large_crop=STRIDE * round(settings.crop * 1.375 / STRIDE),
        warm_up=min(settings.warm_up, settings.steps // 5),
        held_out=min(settings.held_out, train.held_out),
    )
    return AnyStyleTrainer(settings, data.images(), read_network(SHIPPED), hash_file(SHIPPED), device)


TRAINERS: Mapping[str, MakeTrainer] = {"slim": slim_trainer, "quick": quick_trainer}


def training_settings(kind: str, config: RunConfig, data: TrainingData) -> dict[str, Any]:
    """What decides the weights that a training ends with, as JSON can hold it: two of them may not share a folder."""
    train = config.train.model_dump(exclude={"checkpoint_every", "evaluate_every"})
    return {"kind": kind, **train, **{f"{role}_sha256": source.sha256 for role, source in data.roles().items()}}


def data_facts(config: RunConfig, data: TrainingData) -> dict[str, dict[str, Any]]:
    """What the card says of the training data."""
    return {
        role: {
            "source": getattr(config, role).source,
            "images": len(source.images),
            "held_out": len(source.held_out),
            "bad": len(source.bad),
            "licenses": source.licenses,
            "sha256": source.sha256,
        }
        for role, source in data.roles().items()
    }


def training_device(config: RunConfig) -> torch.device:
    """The device of a training, the first that the run file names; the same device gives the same weights twice.

    Raises:
        ConfigError: this machine has no such GPU.
    """
    torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = False, True
    if config.execution.threads != "auto":
        torch.set_num_threads(config.execution.threads)
    return run_devices(config.execution)[0]
