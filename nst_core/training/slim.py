"""The trainer of the slim network, of a run file."""

from __future__ import annotations

from dataclasses import replace

import torch

from nst_core.config.run_config import RunConfig
from nst_core.engine.features.caffe import NETWORK, caffe_weights
from nst_core.engine.features.convnets import build_convnet
from nst_core.engine.features.slim_network import LAYERS
from nst_core.engine.training.distillation import DistillationSettings, SlimTrainer
from nst_core.errors import ConfigError
from nst_core.training.data import TrainingData
from nst_core.training.settings import run_settings


def slim_trainer(config: RunConfig, data: TrainingData, device: torch.device) -> SlimTrainer:
    """The trainer of the slim network. Raises WeightsError, ConfigError."""
    settings = run_settings(DistillationSettings(), config.train)
    settings = replace(settings, large_crop=round(settings.crop * 4 / 3))
    teacher = build_convnet(NETWORK, caffe_weights(), "max", "caffe").channels_last()
    if settings.crop < teacher.min_side(LAYERS):
        raise ConfigError(f"train.crop is {settings.crop}; VGG-19 needs {teacher.min_side(LAYERS)} pixels.")
    return SlimTrainer(settings, data.images(), teacher, device)
