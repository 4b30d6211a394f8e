"""The trainers of `nst train`, by the kind of network; each is made from a run file and the images of its sources."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from nst_core.config.devices import run_devices
from nst_core.config.run_config import RunConfig
from nst_core.engine.training.trainer import Trainer
from nst_core.storage.progress import Progress
from nst_core.training.data import TrainingData
from nst_core.training.images import one_painting, split_source
from nst_core.training.quick import quick_trainer
from nst_core.training.slim import slim_trainer
from nst_core.training.transfer import adain_trainer, features_sha256, johnson_trainer

COMMON_KEYS = ("steps", "batch", "crop", "size", "held_out", "seed")
"""Of `train`: what decides the weights of every kind."""


@dataclass(frozen=True)
class TrainerKind:
    """How a kind of network is trained.

    Attributes:
        make: its trainer, of a run file, the training data and a device.
        size: that images are reduced to where the run file says nothing, longer side in pixels.
        keys: of `train`, those that decide its weights beside the common ones.
        one_style: whether it learns a single painting.
    """

    make: Callable[[RunConfig, TrainingData, torch.device], Trainer]
    size: int
    keys: tuple[str, ...] = ()
    one_style: bool = False


TRAINERS: Mapping[str, TrainerKind] = {
    "slim": TrainerKind(slim_trainer, 256),
    "quick": TrainerKind(quick_trainer, 256),
    "johnson": TrainerKind(johnson_trainer, 384, ("features", "style_weight"), one_style=True),
    "adain": TrainerKind(adain_trainer, 512, ("features", "style_weight")),
}


def training_data(kind: str, config: RunConfig, progress: Progress | None = None) -> TrainingData:
    """Read and decode the images of both sources once, and hold some out. Raises SourceError, ConfigError."""
    size = _size(kind, config)
    content = split_source(config, "content", size, progress)
    if TRAINERS[kind].one_style:
        return TrainingData(content, one_painting(config, size, progress))
    return TrainingData(content, split_source(config, "style", size, progress))


def training_settings(kind: str, config: RunConfig, data: TrainingData) -> dict[str, Any]:
    """What decides the weights that a training ends with, as JSON can hold it: two of them may not share a folder."""
    own = TRAINERS[kind].keys
    train = {**config.train.model_dump(include={*COMMON_KEYS, *own}), "size": _size(kind, config)}
    if "features" in own:
        train["features"] = features_sha256(config.train.features)
    return {"kind": kind, **train, **{f"{role}_sha256": source.sha256 for role, source in data.roles().items()}}


def training_device(config: RunConfig) -> torch.device:
    """The device of a training, the first that the run file names; the same device gives the same weights twice.

    Raises:
        ConfigError: this machine has no such GPU.
    """
    torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = False, True
    if config.execution.threads != "auto":
        torch.set_num_threads(config.execution.threads)
    return run_devices(config.execution)[0]


def _size(kind: str, config: RunConfig) -> int:
    return TRAINERS[kind].size if config.train.size == "auto" else config.train.size
