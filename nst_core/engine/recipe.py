"""A method of style transfer as data: what `configs/methods/*.yaml` say and the optimisation reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Layers = tuple[tuple[str, float], ...]
"""Layer names with their weights, in the order of the recipe."""


@dataclass(frozen=True)
class ContentTerm:
    """How the result is compared with the content image.

    Attributes:
        layers: feature maps compared, with weights.
        loss: per layer, with F the result's map and P the content's: `half_sum` ½Σ(F−P)² (Gatys 2016, eq. 1), `mean`
            the mean of (F−P)², `relative` that mean divided by the spatial variance of P.
        colours: compare with the content as it is (`content`), or first moved to the style's colours (`style`).
    """

    layers: Layers
    loss: Literal["half_sum", "mean", "relative"] = "half_sum"
    colours: Literal["content", "style"] = "content"


@dataclass(frozen=True)
class StyleTerm:
    """How the result is compared with the style image, by Gram matrices G (result) and A (style) of N channels.

    Attributes:
        layers: feature maps compared, with weights.
        loss: per layer, with M_G and M_A the numbers of positions: `gatys` Σ(G/M_G − A/M_A)² / 4N² (Gatys 2016, eq. 4,
            for equal sizes), `mean` the mean of (G/(N·M_G) − A/(N·M_A))², `relative` the mean of
            (G/M_G − A/M_A)², each entry divided by the style's own energies in its two channels, `frobenius`
            ‖G/M_G − A/M_A‖² / ‖A/M_A‖².
    """

    layers: Layers
    loss: Literal["gatys", "mean", "relative", "frobenius"] = "gatys"


@dataclass(frozen=True)
class OptimiserSettings:
    """The optimiser and what it optimises.

    Attributes:
        name: `lbfgs` (no line search) or `adam`.
        learning_rate: step length; 1 for L-BFGS unless the recipe's source says otherwise.
        history: curvature pairs that L-BFGS keeps.
        precondition: optimise the pixels (`none`), or Fourier coefficients scaled by f^-½ (`spectral`).
    """

    name: Literal["lbfgs", "adam"] = "lbfgs"
    learning_rate: float = 1.0
    history: int = 10
    precondition: Literal["none", "spectral"] = "none"


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a result, given the two images: `total = alpha·content + beta·style + tv_weight·tv`.

    Attributes:
        name: the recipe's name.
        source: where it is published, or why it is as it is.
        features: the extractor, e.g. `vgg19`, `squeezenet1_0`, `wavelet`.
        weights: `imagenet`, `random`, or the path of a file; extractors without weights ignore it.
        pooling: `max` or `average`, in place of the network's own pooling.
        inputs: `torchvision` (RGB, mean and standard deviation) or `caffe` (BGR, 0–255, mean).
        alpha, beta, tv_weight: weights of the three terms.
        range_weight: weight of the mean squared excess over [0, 1], which is minimised with the total but is not part
            of it: it keeps the image displayable without clamping inside the closure (which wrecks the curvature).
        start: the initial image: `content`, `colour_matched` (the content in the style's colours) or `noise` (seeded).
        evaluations: how often loss and gradient are computed, per image.
        size: longer side of the optimised image, in pixels.
        style_scale: the style's longer side, as a multiple of `size`.
        upscale: enlarge images smaller than `size`.
        precision: of the convolutions: `float32`, `bfloat16`, or `auto` (bfloat16 on CUDA). Gram matrices, losses and
            the optimiser's state are float32 always.
    """

    name: str
    content: ContentTerm
    style: StyleTerm
    features: str = "vgg19"
    weights: str = "imagenet"
    pooling: Literal["max", "average"] = "max"
    inputs: Literal["torchvision", "caffe"] = "torchvision"
    alpha: float = 1.0
    beta: float = 1.0
    tv_weight: float = 0.0
    range_weight: float = 0.0
    optimiser: OptimiserSettings = field(default_factory=OptimiserSettings)
    start: Literal["content", "colour_matched", "noise"] = "content"
    evaluations: int = 200
    size: int = 256
    style_scale: float = 1.0
    upscale: bool = False
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    source: str = ""

    def layer_names(self) -> tuple[str, ...]:
        """Every layer that content or style looks at, each once."""
        return tuple(dict.fromkeys(name for name, _ in (*self.content.layers, *self.style.layers)))
