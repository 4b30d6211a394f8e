"""Settings of a training, where a run file has its own."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from nst_core.config.training import Training
from nst_core.engine.training.network_trainer import TrainingSettings

Settings = TypeVar("Settings", bound=TrainingSettings)


def run_settings(settings: Settings, train: Training) -> Settings:
    """Settings with those of a run file in their place; a short training rises to its full rate in a fifth of it."""
    given = {name: getattr(train, name) for name in ("steps", "batch", "crop") if getattr(train, name) != "auto"}
    settings = replace(settings, seed=train.seed, **given)
    return replace(
        settings,
        warm_up=min(settings.warm_up, settings.steps // 5),
        held_out=min(settings.held_out, 2 * train.held_out),
    )
