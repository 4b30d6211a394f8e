"""The trainers of transfer networks, of a run file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import torch

from nst_core.config.run_config import RunConfig
from nst_core.engine.features import caffe
from nst_core.engine.features.base import Extractor
from nst_core.engine.features.convnets import build_convnet
from nst_core.engine.features.slim import SHIPPED, SlimFeatures, slim_features
from nst_core.engine.features.weights import hash_file
from nst_core.engine.training.adain_trainer import AdaINSettings, AdaINTrainer, Encoder
from nst_core.engine.training.crops import TrainingImages
from nst_core.engine.training.encoders import slim_encoder, vgg19_encoder
from nst_core.engine.training.johnson_trainer import JohnsonSettings, JohnsonTrainer
from nst_core.errors import ConfigError, WeightsError, short, suggestion
from nst_core.storage.expansion import expanded
from nst_core.training.data import TrainingData
from nst_core.training.settings import run_settings

FEATURES = ("slim", "vgg19")

LEAST_CROP = 32
"""Pixels: the deepest maps have four positions then, enough for their moments."""

ENCODER_CROPS = 16
"""Of photographs, and of paintings, over which the channels of the slim encoder are normalised."""


Settings = TypeVar("Settings", JohnsonSettings, AdaINSettings)


def johnson_trainer(config: RunConfig, data: TrainingData, device: torch.device) -> JohnsonTrainer:
    """The trainer of a network of one style. Raises WeightsError, ConfigError."""
    settings = _with_style_weight(run_settings(JohnsonSettings(), config.train), config)
    return JohnsonTrainer(settings, data.images(), _extractor(config.train.features), device)


def adain_trainer(config: RunConfig, data: TrainingData, device: torch.device) -> AdaINTrainer:
    """The trainer of AdaIN. Raises WeightsError, ConfigError."""
    settings = _with_style_weight(run_settings(AdaINSettings(), config.train), config)
    return AdaINTrainer(settings, data.images(), _encoder(config.train.features, settings, data.images()), device)


def features_sha256(features: str) -> str:
    """The hash of the weights by whose features a network is trained. Raises WeightsError, ConfigError."""
    return caffe.SHA256 if features == caffe.NETWORK else hash_file(_slim_file(features))


def _with_style_weight(settings: Settings, config: RunConfig) -> Settings:
    """Settings with the run file's weight of the style loss. Raises ConfigError: the crop is too small."""
    if settings.crop < LEAST_CROP:
        raise ConfigError(f"train.crop is {settings.crop}; a transfer network needs {LEAST_CROP} pixels.")
    weight = config.train.style_weight
    return settings if weight == "auto" else replace(settings, style_weight=weight)


def _extractor(features: str) -> Extractor:
    if features == caffe.NETWORK:
        return build_convnet(caffe.NETWORK, caffe.caffe_weights(), "max", "caffe")
    return _slim(features)


def _encoder(features: str, settings: AdaINSettings, images: TrainingImages) -> Encoder:
    if features == caffe.NETWORK:
        return Encoder(features, vgg19_encoder(), caffe.SHA256)
    slim = _slim(features)
    draw = torch.Generator().manual_seed(settings.seed + 2)
    crops = torch.cat([each.crops(ENCODER_CROPS, settings.crop, draw) for each in (images.contents, images.styles)])
    return Encoder(SlimFeatures.name, slim_encoder(slim.network, crops), slim.weights_sha256)


def _slim(features: str) -> SlimFeatures:
    return slim_features(str(_slim_file(features)))


def _slim_file(features: str) -> Path:
    """The file of a slim network. Raises ConfigError, WeightsError."""
    if features == SlimFeatures.name:
        return SHIPPED
    path = Path(expanded(features))
    if path.is_file():
        return path
    if path.suffix:
        raise WeightsError(f"train.features: there is no file {path}: name a result of `nst train slim`.")
    hint = suggestion(features, FEATURES)
    known = "slim, vgg19, or a file of `nst train slim`"
    raise ConfigError(f"train.features is {short(features)}{hint}; it can be {known}.")
