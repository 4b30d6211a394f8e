"""Measures of a stylized picture: how much of the content is left, and how near it is to the style.

None of them is the objective of an optimisation: a picture is judged under a network that did not make it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from nst_core.engine.colour import luminance
from nst_core.engine.features.base import Extractor
from nst_core.engine.losses import gram_matrix

DIRECTIONS = 64
"""Random directions of a sliced Wasserstein distance."""

QUANTILES = 512
"""Ranks at which two projected distributions are compared."""

MAX_POSITIONS = 4096
"""Positions whose self-similarity CFSD compares; maps with more are halved, or the matrix would take gigabytes."""

SHARPNESS = 4.0
"""Factor of the self-similarities before the softmax: with 1 all rows would be nearly uniform, and CFSD nearly 0."""

_WINDOW, _SIGMA = 11, 1.5
_SRGB_TO_XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
_WHITE = (0.95047, 1.0, 1.08883)  # D65


@dataclass(frozen=True)
class Quality:
    """The measures of one picture.

    Attributes:
        cfsd: content feature structural distance: 0 where every position resembles the others as in the content.
        ssim: structural similarity of the luminances to the content's, at most 1.
        style_distance: relative distance of the Gram matrices from the style's, geometric mean over layers.
        sliced_wasserstein: distance of the distributions of features from the style's, as a share of the style's
            spread, mean over layers.
        colour_distance: sliced Wasserstein distance of the colours from the style's, CIELAB units (ΔE).
    """

    cfsd: float
    ssim: float
    style_distance: float
    sliced_wasserstein: float
    colour_distance: float


@dataclass(frozen=True)
class StyleStatistics:
    """What a style is compared by.

    Attributes:
        grams: by layer, its Gram matrix per position, (N, N).
        quantiles: by layer, the projected features at evenly spaced ranks, (directions, `QUANTILES`).
        spreads: by layer, the root mean variance of the features over channels.
        colours: the projected CIELAB colours at those ranks, (directions, `QUANTILES`).
    """

    grams: Mapping[str, Tensor]
    quantiles: Mapping[str, Tensor]
    spreads: Mapping[str, float]
    colours: Tensor


class Judge:
    """Measures pictures under one extractor.

    Args:
        content_layer: whose self-similarity CFSD compares; relu3_1 of VGG-19 in its source.
        style_layers: whose statistics tell the distance to the style.
    """

    def __init__(self, extractor: Extractor, content_layer: str, style_layers: Sequence[str]) -> None:
        self.extractor = extractor
        self.content_layer, self.style_layers = content_layer, tuple(style_layers)

    @torch.inference_mode()
    def style(self, images: Sequence[Tensor], shares: Sequence[float] = (1.0,)) -> StyleStatistics:
        """The statistics of a style: of one image, (3, H, W) sRGB in [0, 1], or of several mixed by their shares."""
        maps = [self._maps(image[None], self.style_layers) for image in images]
        flat = {name: _mixture([of_one[name][0].flatten(1) for of_one in maps], shares) for name in self.style_layers}
        grams = [_grams({name: x[0] for name, x in of_one.items()}) for of_one in maps]
        return StyleStatistics(
            {
                name: torch.stack([share * g[name] for share, g in zip(shares, grams, strict=True)]).sum(dim=0)
                for name in flat
            },
            {name: _projected(x) for name, x in flat.items()},
            {name: float(x.var(dim=1, correction=0).mean().sqrt()) for name, x in flat.items()},
            _projected(_mixture([lab(image).flatten(1) for image in images], shares)),
        )

    @torch.inference_mode()
    def judge(self, images: Tensor, contents: Tensor, styles: Sequence[StyleStatistics]) -> list[Quality]:
        """Measure pictures, one after the other, by their contents, both (B, 3, H, W) sRGB in [0, 1], and styles."""
        maps = self._maps(images, (self.content_layer, *self.style_layers))
        targets = self._maps(contents, (self.content_layer,))[self.content_layer]
        return [
            self._quality(images[row], contents[row], {name: x[row] for name, x in maps.items()}, targets[row], style)
            for row, style in enumerate(styles)
        ]

    def _quality(
        self, image: Tensor, content: Tensor, maps: Mapping[str, Tensor], target: Tensor, style: StyleStatistics
    ) -> Quality:
        styled = {name: maps[name] for name in self.style_layers}
        projected = {name: _projected(x.flatten(1)) for name, x in styled.items()}
        return Quality(
            cfsd(self_similarity(maps[self.content_layer]), self_similarity(target)),
            ssim(luminance(image), luminance(content)),
            gram_distance(_grams(styled), style.grams),
            _mean([_rms(x - style.quantiles[name]) / max(style.spreads[name], 1e-12) for name, x in projected.items()]),
            _rms(_projected(lab(image).flatten(1)) - style.colours) * math.sqrt(3),
        )

    def _maps(self, images: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """Feature maps of (B, 3, H, W) images, each (B, C, H', W') float32."""
        maps = self.extractor(images, tuple(dict.fromkeys(layers)))
        return {name: maps[name].float() for name in layers}


def self_similarity(features: Tensor) -> Tensor:
    """Row-wise log-softmax of `SHARPNESS` · FᵀF / C, F the features (C, H, W) over their own root mean square.

    (positions, positions). Chung, Hyun, Heo 2024, "Style Injection in Diffusion" (arXiv 2312.09008), on CFSD; there F
    is divided by C alone, which suits the activations of one network only. Over their own scale the features of a
    picture with more contrast are not farther from the content's for that alone.
    """
    while features.shape[1] * features.shape[2] > MAX_POSITIONS:
        features = F.avg_pool2d(features[None], 2, ceil_mode=True)[0]
    flat = features.flatten(1) / max(_rms(features), 1e-12)
    return (flat.T @ flat * (SHARPNESS / flat.shape[0])).log_softmax(dim=1)


def cfsd(similarity: Tensor, content: Tensor) -> float:
    """Content feature structural distance: KL(content ‖ picture) of the rows of `self_similarity`, mean over rows."""
    return max(0.0, float((content.exp() * (content - similarity)).sum(dim=1).mean()))


def gram_distance(grams: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> float:
    """`‖G − A‖ / ‖A‖` over the layers' Gram matrices, the geometric mean over layers."""
    shares = [float((grams[name] - a).norm() / a.norm().clamp_min(1e-12)) for name, a in targets.items()]
    return math.exp(_mean([math.log(max(share, 1e-12)) for share in shares]))


def ssim(image: Tensor, other: Tensor) -> float:
    """Structural similarity of two grey images (1, H, W) in [0, 1]: mean over an 11 × 11 Gaussian window of σ 1.5.

    Wang, Bovik, Sheikh, Simoncelli 2004, eq. 13, with K₁ = 0.01 and K₂ = 0.03. A window wider than the image shrinks.
    """
    side = min(_WINDOW, *image.shape[1:])
    places = torch.arange(side, dtype=torch.float64) - (side - 1) / 2
    bell = torch.exp(-places.square() / (2 * _SIGMA**2))
    window = (bell[:, None] * bell / bell.sum() ** 2)[None, None].to(image.device)
    x, y = image.double()[None], other.double()[None]
    mean_x, mean_y = F.conv2d(x, window), F.conv2d(y, window)
    var_x = F.conv2d(x * x, window) - mean_x.square()
    var_y = F.conv2d(y * y, window) - mean_y.square()
    cov = F.conv2d(x * y, window) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    similar = (2 * mean_x * mean_y + c1) * (2 * cov + c2)
    return float((similar / ((mean_x.square() + mean_y.square() + c1) * (var_x + var_y + c2))).mean())


def lab(image: Tensor) -> Tensor:
    """CIELAB (D65) of an sRGB image in [0, 1], both (3, H, W)."""
    image = image.float().clamp(0, 1)
    linear = torch.where(image <= 0.04045, image / 12.92, ((image + 0.055) / 1.055) ** 2.4)
    matrix = torch.tensor(_SRGB_TO_XYZ, device=image.device)
    white = torch.tensor(_WHITE, device=image.device)
    xyz = torch.einsum("ij,jhw->ihw", matrix, linear) / white[:, None, None]
    cubed = torch.where(xyz > (6 / 29) ** 3, xyz.clamp_min(1e-12) ** (1 / 3), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = cubed
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def _grams(maps: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: gram_matrix(x[None])[0] for name, x in maps.items()}


def _projected(values: Tensor) -> Tensor:
    """The values (C, N) along random unit directions, sorted, at `QUANTILES` evenly spaced ranks: (directions, ranks).

    As many directions as channels make an orthonormal basis turned at random, the same one every time; of more than
    `DIRECTIONS` channels, that many of them.
    """
    channels = values.shape[0]
    noise = torch.randn(channels, channels, generator=torch.Generator().manual_seed(0))
    directions = torch.linalg.qr(noise).Q[:DIRECTIONS].to(values)
    ranked = (directions @ values).sort(dim=1).values
    return F.interpolate(ranked[None], QUANTILES, mode="linear", align_corners=True)[0]


def _mixture(parts: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    """Columns of several (C, N_i), spread evenly over each and as many as its share; all of a single one."""
    if len(parts) == 1:
        return parts[0]
    columns = max(part.shape[1] for part in parts)
    counts = [max(1, round(share * columns)) for share in shares]
    places = [torch.linspace(0, x.shape[1] - 1, n).round().long() for x, n in zip(parts, counts, strict=True)]
    return torch.cat([x[:, at.to(x.device)] for x, at in zip(parts, places, strict=True)], dim=1)


def _rms(values: Tensor) -> float:
    return float(values.square().mean().sqrt())


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
