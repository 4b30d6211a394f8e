"""The layers of `quick`: a U-shaped network that paints in any style, by conditional instance normalisation.

The photograph is first given the style's colours, the slim network encodes it, and at each of its four layers its maps
are given the means and deviations of the style's (adaptive instance normalisation: Huang and Belongie 2017). A decoder
goes back up to what is added to the photograph in the style's colours, in units of their spread; the sum is given the
style's colours once more. Each of its
normalisations has a scale and a shift per channel that a small network tells from the style's statistics (conditional
instance normalisation: Dumoulin et al. 2016; told from the style: Ghiasi et al. 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nst_core.engine.colour import ColourStatistics, colour_statistics, match_colours, matching_map
from nst_core.engine.features.slim_network import SlimNetwork

FLAT = 1e-2
"""Added to variances of maps of unit scale: what is flat stays so."""

STRIDE = 8
"""Pixels of the image per position of the deepest maps."""

CALM = (1 / 16, 1 / 8)
"""Factors of what goes into the two linear layers: a step of Adam would else change what comes out by too much."""

FAINT = 1e-4
"""Added to variances of colours before they are matched: what has no hue gets little of one."""

LEAST_TOLD = 0.03
"""Added to statistics before their logarithms are taken."""

COLOUR_NUMBERS = 12
"""Mean and covariance of a style's colours."""


@dataclass(frozen=True)
class QuickShape:
    """How large a decoder is.

    Attributes:
        widths: channels at full resolution, at a half, a quarter and an eighth of it.
        blocks: residual blocks there.
        hidden: numbers between the statistics of a style and the scales and shifts.
    """

    widths: tuple[int, ...] = (16, 32, 64, 72)
    blocks: tuple[int, ...] = (1, 1, 3, 2)
    hidden: int = 88


class QuickNetwork(nn.Module):
    """Contents and statistics of styles to pictures.

    Args:
        encoder: the slim network; not trained.
        generator: of the initial weights.

    Attributes:
        centre, spread: mean and deviation of what is told of styles (`told`), (V,).
        counts: channels of the normalisations, from full resolution down.
    """

    centre: Tensor
    spread: Tensor

    def __init__(
        self, encoder: SlimNetwork, shape: QuickShape | None = None, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.shape = shape or QuickShape()
        self.encoder = encoder.requires_grad_(False)
        for convolution in encoder.convolutions.values():
            setattr(convolution, "padding_mode", "reflect")  # noqa: B010  with zeros, pictures get a frame
        widths, blocks = self.shape.widths, self.shape.blocks
        self.entries, self.residuals, self.rises = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for level, (own, width, count) in enumerate(zip(encoder.widths, widths, blocks, strict=True)):
            self.entries.append(nn.Conv2d(own, width, 1, bias=False))
            pairs = [_Block(width) for _ in range(count)]
            self.residuals.append(nn.ModuleList(pairs))
            if level:
                self.rises.append(nn.Conv2d(width, widths[level - 1], 1, bias=False))
        self.last = _convolution(widths[0], 3, bias=True)
        self.counts = [width for width, count in zip(widths, blocks, strict=True) for _ in range(1 + 2 * count)]
        length = 2 * sum(encoder.widths) + COLOUR_NUMBERS
        self.first = nn.Linear(length, self.shape.hidden)
        self.second = nn.Linear(self.shape.hidden, 2 * sum(self.counts) + 3 * widths[0])
        self.register_buffer("centre", torch.zeros(length))
        self.register_buffer("spread", torch.ones(length))
        self._begin(generator)

    def vectors(self, styles: Tensor) -> Tensor:
        """Means and deviations of the encoder's maps, by layer, then mean and covariance of the colours: (B, V)."""
        return vector_of(styles, self.encoder(styles))

    def forward(self, contents: Tensor, vectors: Tensor) -> Tensor:
        """Pictures, (B, 3, H, W), not clamped; sides are multiples of 8, and at least 16."""
        matched = in_colours(contents, vectors)
        return self.painted(matched, self.encoder(matched), vectors)

    def painted(self, matched: Tensor, maps: Sequence[Tensor], vectors: Tensor) -> Tensor:
        """The same, of contents in the styles' colours and what the encoder makes of them."""
        scales, shifts, palettes = self._modulation(vectors)
        moments = torch.split(vectors[:, :-COLOUR_NUMBERS], [2 * width for width in self.encoder.widths], dim=1)
        x: Tensor | None = None
        end = len(self.counts)
        for level in reversed(range(len(self.shape.widths))):
            of_style = moments[level].chunk(2, dim=1)
            entered = self.entries[level](with_moments(maps[level], *of_style))
            if x is not None:
                risen = self.rises[level](x)
                entered = entered + F.interpolate(risen, scale_factor=2, mode="bilinear")
            count = 1 + 2 * self.shape.blocks[level]
            start, end = end - count, end - count
            x = modulated(entered, scales[start], shifts[start]).relu()
            for number in range(self.shape.blocks[level]):
                at = start + 1 + 2 * number
                x = self.get_submodule(f"residuals.{level}.{number}")(x, scales[at : at + 2], shifts[at : at + 2])
        assert x is not None
        changes = self.last(x) + (palettes @ x.flatten(2)).reshape(matched.shape)
        return with_palette(matched + in_units(changes, vectors), vectors)

    def _modulation(self, vectors: Tensor) -> tuple[Sequence[Tensor], Sequence[Tensor], Tensor]:
        """Scales and shifts of every normalisation, (B, C, 1, 1) each; palettes, (B, 3, C)."""
        hidden = F.relu(self.first(CALM[0] * (told(vectors) - self.centre) / self.spread))
        found = self.second(CALM[1] * hidden)[:, :, None, None]
        total = sum(self.counts)
        scales, shifts, palettes = torch.split(found, [total, total, 3 * self.shape.widths[0]], dim=1)
        return (
            torch.split(1 + scales, self.counts, dim=1),
            torch.split(shifts, self.counts, dim=1),
            palettes.reshape(len(vectors), 3, -1),
        )

    @torch.no_grad()
    def _begin(self, generator: torch.Generator | None) -> None:
        """Initial weights: every style nearly alike, and little added to the photograph."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear) and module.weight.requires_grad:
                gain = 2**0.5 if module.weight.ndim == 4 and module.weight.shape[-1] > 1 else 1.0
                bound = gain * (3 / module.weight[0].numel()) ** 0.5
                nn.init.uniform_(module.weight, -bound, bound, generator=generator)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        self.last.weight *= 0.2
        self.first.weight /= CALM[0]
        self.second.weight *= 0.2 / CALM[1]
        self.second.weight[-3 * self.shape.widths[0] :] = 0  # no palette of its own


class _Block(nn.Module):
    """Two convolutions with what comes in added to what comes out (He et al. 2015)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = _convolution(channels, channels), _convolution(channels, channels)

    def forward(self, maps: Tensor, scales: Sequence[Tensor], shifts: Sequence[Tensor]) -> Tensor:
        changed = modulated(self.first(maps), scales[0], shifts[0]).relu()
        return maps + modulated(self.second(changed), scales[1], shifts[1])


def modulated(maps: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Instance normalisation with a scale and a shift per image and channel, (B, C, 1, 1)."""
    mean = maps.mean(dim=(2, 3), keepdim=True)
    factor = scale * (_variance(maps, mean) + FLAT).rsqrt()
    return torch.addcmul(shift - factor * mean, maps, factor)


def with_moments(maps: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    """Maps (B, C, h, w) with other means and deviations, (B, C) each; what is flat stays flat."""
    return modulated(maps, deviation[:, :, None, None], mean[:, :, None, None])


def vector_of(styles: Tensor, maps: Sequence[Tensor]) -> Tensor:
    """The statistics of styles, (B, 3, H, W), and of the encoder's maps of them: (B, V)."""
    parts = []
    for each in maps:
        mean = each.mean(dim=(2, 3), keepdim=True)
        parts += [mean.flatten(1), _variance(each, mean).clamp_min(0).sqrt().flatten(1)]
    colours = colour_statistics(styles)
    return torch.cat([*parts, colours.mean, colours.covariance.flatten(1)], dim=1)


def told(vectors: Tensor) -> Tensor:
    """Statistics of styles with the logarithms of their non-negative ones: a factor counts, not a difference."""
    features, colours = torch.split(vectors, [vectors.shape[1] - COLOUR_NUMBERS, COLOUR_NUMBERS], dim=1)
    return torch.cat([(features.clamp_min(0) + LEAST_TOLD).log(), colours], dim=1)


def in_colours(contents: Tensor, vectors: Tensor) -> Tensor:
    """Contents, (B, 3, H, W), with the means and covariances of the colours of styles."""
    mean, covariance = colours_of(vectors)
    return match_colours(contents, ColourStatistics(mean, covariance))


def in_units(changes: Tensor, vectors: Tensor) -> Tensor:
    """Changes of colours, (B, 3, H, W), times the square roots of the covariances of the styles' colours."""
    covariance = colours_of(vectors)[1]
    roots = matching_map(torch.eye(3).expand_as(covariance), covariance).to(changes)
    return (roots @ changes.flatten(2)).reshape(changes.shape)


def with_palette(images: Tensor, vectors: Tensor) -> Tensor:
    """Images, (B, 3, H, W), with the means and covariances of the colours of styles, not clamped.

    By the same map as `match_colours`, with a gradient.
    """
    mean, covariance = colours_of(vectors)
    own = colour_statistics(images)
    faint = FAINT * torch.eye(3, dtype=torch.float64)
    root = matrix_root(own.covariance.cpu().double() + faint)
    inverse = torch.linalg.inv(root)
    transport = inverse @ matrix_root(root @ (covariance.cpu().double() + faint) @ root) @ inverse
    moved: Tensor = transport.to(images) @ (images.flatten(2) - own.mean[..., None]) + mean[..., None]
    return moved.reshape(images.shape)


class _MatrixRoot(torch.autograd.Function):
    """The square root S of symmetric positive M; S dS + dS S = dM has one solution also where eigenvalues meet."""

    @staticmethod
    def forward(ctx: Any, matrices: Tensor) -> Tensor:
        values, vectors = torch.linalg.eigh(matrices)
        roots = values.clamp_min(1e-12).sqrt()
        ctx.save_for_backward(roots, vectors)
        root: Tensor = (vectors * roots[..., None, :]) @ vectors.mT
        return root

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        roots, vectors = ctx.saved_tensors
        turned = vectors.mT @ ((gradient + gradient.mT) / 2) @ vectors
        back: Tensor = vectors @ (turned / (roots[..., :, None] + roots[..., None, :])) @ vectors.mT
        return back


def matrix_root(matrices: Tensor) -> Tensor:
    """The square roots of symmetric positive matrices, (…, n, n), with a gradient."""
    root: Tensor = _MatrixRoot.apply(matrices)
    return root


def channels_last(images: Tensor) -> Tensor:
    """Images with the layout in memory in which the network is quickest on a CPU."""
    return images.contiguous(memory_format=torch.channels_last)


def colours_of(vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Means (B, 3) and covariances (B, 3, 3) of the colours of styles."""
    mean, covariance = torch.split(vectors[:, -COLOUR_NUMBERS:], [3, 9], dim=1)
    return mean, covariance.reshape(-1, 3, 3)


def _variance(maps: Tensor, mean: Tensor) -> Tensor:
    """The mean of squares less the square of the mean: two passes less than by differences."""
    return maps.square().mean(dim=(2, 3), keepdim=True) - mean.square()


def _convolution(before: int, after: int, bias: bool = False) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, padding=1, padding_mode="reflect", bias=bias)
