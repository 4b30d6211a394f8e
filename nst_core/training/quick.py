"""The trainer of the network for any style that comes with the package, of a run file."""

from __future__ import annotations

from dataclasses import replace

import torch

from nst_core.config.run_config import RunConfig
from nst_core.engine.features.slim import SHIPPED, read_network
from nst_core.engine.features.weights import hash_file
from nst_core.engine.training.any_style import AnyStyleSettings, AnyStyleTrainer
from nst_core.engine.transfer.quick_network import STRIDE
from nst_core.errors import ConfigError
from nst_core.training.data import TrainingData
from nst_core.training.settings import run_settings

LEAST_CROP = 4 * STRIDE


def quick_trainer(config: RunConfig, data: TrainingData, device: torch.device) -> AnyStyleTrainer:
    """The trainer of `quick`, over the slim network that comes with the package. Raises ConfigError."""
    settings = run_settings(AnyStyleSettings(), config.train)
    if settings.crop % STRIDE or settings.crop < LEAST_CROP:
        raise ConfigError(f"train.crop is {settings.crop}; quick needs a multiple of {STRIDE}, {LEAST_CROP} or more.")
    settings = replace(settings, large_crop=STRIDE * round(settings.crop * 1.375 / STRIDE))
    return AnyStyleTrainer(settings, data.images(), read_network(SHIPPED), hash_file(SHIPPED), device)
