"""Training of one network by Adam: what trainings have in common, whatever they minimise."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from nst_core.engine.training.trainer import AveragedWeights, Trainer, learning_rate


@dataclass(frozen=True)
class TrainingSettings:
    """What every training of a network has.

    Attributes:
        steps: in all.
        batch: crops per step.
        crop: their side, in pixels.
        learning_rate: the highest, after `warm_up` steps.
        average: decay of the average of the weights.
        clip: the norm that a longer gradient is shortened to; None: it stays as it is.
        held_out: crops of each kind that the network is measured on.
    """

    steps: int
    batch: int
    crop: int
    learning_rate: float = 1e-3
    warm_up: int = 100
    average: float = 0.998
    clip: float | None = 5.0
    held_out: int = 48
    seed: int = 0


Settings = TypeVar("Settings", bound=TrainingSettings)
Network = TypeVar("Network", bound=nn.Module)


class NetworkTrainer(Trainer, Generic[Settings, Network]):
    """Trains a network step by step: losses, their gradient, a step of Adam, the average of the weights.

    The rate follows `learning_rate`. What is drawn, is drawn from `generator`.

    Args:
        network: of which every parameter is trained.
    """

    def __init__(self, settings: Settings, network: Network, generator: torch.Generator, device: torch.device) -> None:
        self.settings, self.generator, self.device = settings, generator, device
        self.steps, self.done = settings.steps, 0
        self.network = network.to(device)
        self.average = AveragedWeights(self.network, settings.average)
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=settings.learning_rate)

    @abstractmethod
    def losses(self) -> Mapping[str, Tensor]:
        """Of newly drawn images, as scalars: `loss`, which is minimised, first, then what it is made of."""

    def step(self) -> Mapping[str, float]:
        settings = self.settings
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.done, self.steps, settings.learning_rate, settings.warm_up)
        losses = self.losses()
        self.optimiser.zero_grad()
        losses["loss"].backward()  # type: ignore[no-untyped-call]
        if settings.clip is not None:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), settings.clip)
        self.optimiser.step()
        self.done += 1
        self.average.update(self.network, self.done)
        return {name: loss.item() for name, loss in losses.items()}

    def state(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "done": self.done,
            "network": self.network.state_dict(),
            "average": self.average.average,
            "optimiser": self.optimiser.state_dict(),
            "generator": self.generator.get_state(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.done = state["done"]
        self.network.load_state_dict(state["network"])
        self.average.average = {key: value.to(self.device) for key, value in state["average"].items()}
        self.optimiser.load_state_dict(state["optimiser"])
        self.generator.set_state(state["generator"].cpu())

    def facts(self) -> Mapping[str, Any]:
        return asdict(self.settings)

    def averaged_network(self) -> Network:
        """A frozen copy of the network with the average of its weights."""
        network = copy.deepcopy(self.network)
        network.load_state_dict(self.average.average)
        return network.requires_grad_(False).eval()


def weighted_losses(terms: Mapping[str, Tensor], weights: Mapping[str, float]) -> dict[str, Tensor]:
    """The terms, after `loss`, their sum under these weights (1 where there is none)."""
    total = sum((weights.get(name, 1.0) * term for name, term in terms.items()), start=torch.zeros(()))
    return {"loss": total, **terms}


@torch.no_grad()
def initialise_convolutions(network: nn.Module, generator: torch.Generator) -> None:
    """Weights of all convolutions as He et al. 2015 scale them, uniform, biases 0: the same bits on every processor."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_uniform_(module.weight, nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
