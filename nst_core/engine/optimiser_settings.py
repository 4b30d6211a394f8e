"""The optimiser as a recipe states it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class OptimiserSettings:
    """The optimiser and its parametrisation.

    Attributes:
        name: `lbfgs` (no line search), `adam`, `rmsprop`, or `gradient_descent`.
        learning_rate: step length; 1 for L-BFGS unless the recipe's source says otherwise.
        rate: unit of the learning rate of gradient descent: `absolute`, or `first_step`: per image, the
            largest change of any value in the first step, whatever the scale of the losses; halved when a step goes too
            far. `adaptive` begins so, and raises the rate by a tenth after every other step.
        history: curvature pairs that L-BFGS keeps.
        carry: whether Adam and RMSprop go on from scale to scale with their moments, resized, or begin anew. Others
            always begin anew; so does whatever works on a pyramid.
        precondition: optimise the pixels (`none`), the pixels divided by the network's standard deviations, as
            code does that optimises its normalised input (`normalised`), Fourier coefficients scaled by a power of
            their frequency (`spectral`), or the levels of a Laplacian pyramid (`laplacian`).
        spectral_power: the power p of that scale, f^-p; which suits depends on features and objective (docs/fast.md).
        laplacian_levels: levels of that pyramid, the coarse picture at its end included.
    """

    name: Literal["lbfgs", "adam", "rmsprop", "gradient_descent"] = "lbfgs"
    learning_rate: float = 1.0
    rate: Literal["absolute", "first_step", "adaptive"] = "absolute"
    history: int = 10
    carry: bool = False
    precondition: Literal["none", "normalised", "spectral", "laplacian"] = "none"
    spectral_power: float = 0.5
    laplacian_levels: int = 5
