"""The interface of trainers: what a run of `nst train` drives, whatever the network."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn


class Trainer(ABC):
    """A training that goes on by steps, and can be put down and taken up at any of them.

    Everything that is random is drawn from generators that `state` holds: on the same device a training that was
    taken up again ends with the same weights as one that was not interrupted.

    Attributes:
        kind: of the network, as `nst train` names it.
        title: what it is, for its card.
        result_file: the name of the file that it is kept in.
        done: steps made so far, of `steps`.
    """

    kind: str
    title: str
    result_file: str
    done: int
    steps: int

    @abstractmethod
    def step(self) -> Mapping[str, float]:
        """Make one step; its losses by name, `loss` their sum."""

    @abstractmethod
    def evaluate(self) -> Mapping[str, float]:
        """What is measured on held-out images, by name; draws nothing that a step draws."""

    @abstractmethod
    def previews(self) -> Tensor:
        """Pictures that show what the training does, in rows and columns: (R, C, 3, H, W) in [0, 1]."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """All that the rest of the training depends on: tensors, numbers, strings, and lists and dicts of them."""

    @abstractmethod
    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`."""

    @abstractmethod
    def facts(self) -> Mapping[str, Any]:
        """The settings of the training by name, for its card."""

    @abstractmethod
    def result(self) -> bytes:
        """The file of the network as it would be used now: numbers, no code."""


class AveragedWeights:
    """A moving average of a network's weights, which ends better than the last of them.

    Its decay rises with the steps to `decay`, so that early weights are soon forgotten.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.average = {key: value.detach().clone() for key, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        for key, value in network.state_dict().items():
            self.average[key].lerp_(value, 1 - decay)


def learning_rate(step: int, steps: int, highest: float, warm_up: int, lowest: float = 0.01) -> float:
    """The rate of a step: it rises linearly for `warm_up` steps, then falls along a cosine to a share of the highest.

    Loshchilov and Hutter 2017, "SGDR", eq. 5, without restarts.
    """
    if step < warm_up:
        return highest * (step + 1) / warm_up
    way = min(1.0, (step - warm_up) / max(1, steps - warm_up))
    return highest * (lowest + (1 - lowest) * 0.5 * (1 + math.cos(math.pi * way)))
