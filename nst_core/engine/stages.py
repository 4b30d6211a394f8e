"""The stages of an optimisation, one after the other: each a number of evaluations at one scale, on one network."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Network:
    """A network that feature maps are taken of: keys of a recipe, of which `normalised` is not one."""

    features: str
    weights: str
    pooling: Literal["max", "average"]
    inputs: Literal["torchvision", "caffe"]


StageKey = tuple[float, Network | None]
"""What the targets of a stage depend on: the factor of its side, and its network, None being the recipe's own."""

DELIVERED: StageKey = (1.0, None)


@dataclass(frozen=True)
class Stage:
    """One stage of an optimisation: so many evaluations, at one scale and on one network.

    Attributes:
        factor: its side over the delivered side; 1 for the last.
        evaluations: made in this stage; `first` were made in those before.
        network: None where it is the recipe's own, as in the last stage.
    """

    factor: float
    evaluations: int
    first: int
    network: Network | None = None

    @property
    def key(self) -> StageKey:
        return self.factor, self.network


@dataclass(frozen=True)
class StageSettings:
    """A stage as a recipe's `stages` has it.

    Attributes:
        evaluations: number of losses with gradients per image; without any, the recipe's `evaluations`.
        size: the side, in the sense of the recipe's `size`, at which the images are optimised; without any, as
            delivered. Either all stages have one, or none.
        features: the network, which must have the recipe's layers; without any, the recipe's own. The last stage has
            that one: in its losses results are told.
        weights: of that network, as a recipe's; without any, `shipped` for `slim`, and else the recipe's.
        pooling: of that network; without any, `max` for `slim`, and else the recipe's.
        inputs: of that network; without any, what its weights were trained with.
    """

    evaluations: int | None = None
    size: int | None = None
    features: str | None = None
    weights: str | None = None
    pooling: Literal["max", "average"] | None = None
    inputs: Literal["torchvision", "caffe"] | None = None


def full_size_evaluations(stages: Iterable[Stage], done: int) -> float:
    """The number of evaluations at the delivered size that cost as much as the first `done` of a schedule."""
    return sum(stage.factor**2 * min(max(done - stage.first, 0), stage.evaluations) for stage in stages)


def inputs_of(weights: str) -> Literal["torchvision", "caffe"]:
    """The inputs that weights were trained with; of a file, most likely."""
    return "caffe" if weights == "caffe" else "torchvision"
