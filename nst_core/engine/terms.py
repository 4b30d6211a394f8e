"""The terms of an objective as a recipe states them: content and style, their layers, losses and options."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

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
