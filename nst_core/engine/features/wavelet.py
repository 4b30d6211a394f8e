"""Feature maps without learned weights: oriented wavelets over opponent colours, rectified, within and across scales.

The family is that of Portilla and Simoncelli 2000 (an oriented pyramid, and how its scales go together), with the
rectifier of Brochard, Zhang and Mallat 2022 ("Generalized rectifier wavelet covariance models for texture
synthesis") in place of explicit phases: both signs of an even and an odd filter are rectified, so that a plain Gram
matrix is sensitive to phase.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from nst_core.engine.features.base import Extractor
from nst_core.engine.features.geometry import NetworkSection, Reach, Window

MEAN, STD = 0.45, 0.225  # of natural images in sRGB, roughly; the same for R, G and B keeps greys free of chroma
FILTER_SIZE, LOW_PASS = 7, (1.0, 4.0, 6.0, 4.0, 1.0)
SIGNS, PHASES = 2, 2
GAIN = 2.0  # of responses relative to colours: without it the palette outweighs the strokes in a Gram matrix
CHROMA_GAIN = 2.0  # of chroma relative to luminance in the tints: it varies less, and matters as much


class WaveletFeatures(Extractor):
    """An oriented pyramid with rectified responses and rectified colours.

    Level k has sides of `ceil(side / 2**k)`. With n orientations, its layers are

    * `luminance<k>` (1 + 4n channels): low-passed luminance, then both signs of its responses to n even and n odd
      filters (positive parts of all, negative parts of all): what a content loss needs to ignore colours.
    * `first<k>` (14 + 4n at level 0, 14 + 12n further down): low-passed colours as tints, then the responses of
      luminance, and those of chroma. Level 0 leaves the latter out: painters, like JPEG, put no fine detail into
      chroma, and it would take half of the time.
    * `second<k>` (14 + 5n channels, one level smaller; not at the deepest level): local energy of the luminance's
      responses per orientation, and what level k + 1 has there: tints and responses of luminance. What goes together
      across scales is what makes strokes and contours of waves.

    Tints are the colours' two-sided positive parts along seven axes: by their Gram matrix a few patches of strong
    colour are not the same as a uniform wash that has their mean and variance.

    Args:
        levels: octaves of the pyramid.
        orientations: n, evenly spaced over 180 degrees.
    """

    name = "wavelet"
    colours: Tensor
    tint_axes: Tensor
    filters: Tensor
    low_pass: Tensor

    def __init__(self, levels: int = 5, orientations: int = 8) -> None:
        super().__init__()
        names = [f"{kind}{level}" for level in range(levels) for kind in ("luminance", "first", "second")]
        self.layers = tuple(names[:-1])
        binomial = torch.tensor(LOW_PASS) / sum(LOW_PASS)
        self.register_buffer("colours", opponent_colours(), persistent=False)
        self.register_buffer("tint_axes", tint_axes(), persistent=False)
        self.register_buffer("filters", oriented_filters(orientations), persistent=False)
        self.register_buffer("low_pass", torch.outer(binomial, binomial)[None, None], persistent=False)

    def forward(self, images: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """Feature maps of `images`, (B, 3, H, W) sRGB in [0, 1], by layer name.

        Raises:
            KeyError: a layer that this extractor does not have.
            ValueError: an image smaller than `min_side(layers)`.
        """
        if min(images.shape[2:]) < self.min_side(layers):
            raise ValueError(
                f"{tuple(images.shape[2:])} is too small: these layers need {self.min_side(layers)} pixels a side"
            )
        wanted = set(layers)
        return {name: maps for name, maps in self._maps(images, wanted, self._depth(layers)) if name in wanted}

    def min_side(self, layers: Sequence[str]) -> int:
        """The shortest side: on the smallest filtered map, reflection needs more pixels than it adds."""
        smallest = self._depth(layers)
        return 1 if smallest < 0 else (FILTER_SIZE // 2) * 2**smallest + 1

    def sections(self, layers: Sequence[str]) -> tuple[NetworkSection, ...]:
        """One: each level is made from the pictures, and sees little of them."""
        names = tuple(layers)
        return (NetworkSection(lambda images: self(images, names), {name: self._reach(name) for name in names}),)

    def _reach(self, name: str) -> Reach:
        """What a layer sees: `second<k>` what it has of level k + 1, which sees further than its energies."""
        level = self._depth([name])
        width = self.low_pass.shape[-1]
        halves = [Window(width, 2, width // 2)] * level
        return Reach().then(*halves, Window(FILTER_SIZE, 1, FILTER_SIZE // 2))

    def _maps(self, images: Tensor, wanted: set[str], depth: int) -> Iterator[tuple[str, Tensor]]:
        x = torch.einsum("oc,bchw->bohw", self.colours.to(images.dtype), (images - MEAN) / STD)
        x = x.to(self.precision or images.dtype)
        luminance = x[:, :0]
        for level in range(depth + 1):
            x, finer = (self._halve(x) if level else x), luminance
            second = f"second{level - 1}"
            if wanted.isdisjoint((second, f"luminance{level}", f"first{level}", f"second{level}")):
                continue
            luminance = self._responses(x[:, :1])
            if second in wanted:
                yield second, torch.cat([self._energies(finer), self._tints(x), luminance], dim=1)
            yield f"luminance{level}", torch.cat([x[:, :1], luminance], dim=1)
            if f"first{level}" in wanted:
                chroma = [self._responses(x[:, 1:])] if level else []
                yield f"first{level}", torch.cat([self._tints(x), luminance, *chroma], dim=1)

    def _responses(self, x: Tensor) -> Tensor:
        return both_signs(GAIN * each_channel(x, self.filters))

    def _tints(self, x: Tensor) -> Tensor:
        return both_signs(torch.einsum("oc,bchw->bohw", self.tint_axes.to(x.dtype), x))

    def _energies(self, responses: Tensor) -> Tensor:
        """Local strength per orientation, over signs and phases, at half the size."""
        return self._halve(responses.view(len(responses), SIGNS * PHASES, -1, *responses.shape[2:]).sum(dim=1))

    def _halve(self, x: Tensor) -> Tensor:
        """Halve the size after a low-pass filter; a box filter would leave visible blocks."""
        maps = pad_channels(x, self.low_pass.shape[-1] // 2)
        maps = F.conv2d(maps, self.low_pass.to(x.dtype), stride=2)
        return maps.view(*x.shape[:2], *maps.shape[2:])

    def _depth(self, layers: Sequence[str]) -> int:
        return max((self._level(name) + name.startswith("second") for name in layers), default=-1)

    def _level(self, name: str) -> int:
        if name not in self.layers:
            raise KeyError(f"wavelet has no layer {name}; it has {', '.join(self.layers)}")
        return int(name.lstrip("abcdefghijklmnopqrstuvwxyz"))


def opponent_colours() -> Tensor:
    """Luminance, red-green and yellow-blue as rows of unit norm: (3, 3)."""
    return F.normalize(torch.tensor([[1.0, 1.0, 1.0], [1.0, -1.0, 0.0], [0.5, 0.5, -1.0]]), dim=1)


def tint_axes() -> Tensor:
    """The axes of the opponent space and its four diagonals, chroma weighted up: (7, 3)."""
    axes = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    diagonals = [[1.0, a, b] for a in (1.0, -1.0) for b in (1.0, -1.0)]
    return F.normalize(torch.tensor(axes + diagonals), dim=1) * torch.tensor([1.0, CHROMA_GAIN, CHROMA_GAIN])


def oriented_filters(
    orientations: int, frequency: float = math.pi / 2, sigma: float = 1.6, slant: float = 0.6
) -> Tensor:
    """Gabor filters of zero mean and unit norm: (2 * orientations, 1, 7, 7), all even ones, then all odd ones.

    Filter k varies along the direction at 180° · k / orientations from the x axis (y down): it answers to strokes
    that run across that direction.
    """
    reach = torch.arange(FILTER_SIZE, dtype=torch.float64) - FILTER_SIZE // 2
    y, x = torch.meshgrid(reach, reach, indexing="ij")
    bank = []
    for phase in (0.0, math.pi / 2):
        for k in range(orientations):
            angle = math.pi * k / orientations
            along, across = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
            envelope = torch.exp(-(along**2 + (slant * across) ** 2) / (2 * sigma**2))
            wave = envelope * torch.cos(frequency * along + phase)
            wave = wave - envelope * (wave.sum() / envelope.sum())
            bank.append(wave / wave.norm())
    return torch.stack(bank)[:, None].float()


def both_signs(x: Tensor) -> Tensor:
    """Positive parts of all channels, then negative parts of all: (B, C, H, W) -> (B, 2C, H, W)."""
    return torch.cat([x, -x], dim=1).relu_()


def each_channel(x: Tensor, filters: Tensor) -> Tensor:
    """Apply every filter to every channel, reflected at the borders: (B, C, H, W), (K, 1, S, S) -> (B, C * K, H, W).

    A dense convolution of S columns with S shifted copies of the input. The plain S x S one with a single input channel
    gives the same maps, but its gradient is several times slower on a CPU.
    """
    filters = filters.to(x.dtype)
    shifted = pad_channels(x, filters.shape[-1] // 2).squeeze(1).unfold(2, x.shape[3], 1).transpose(1, 2)
    columns = filters[:, 0].transpose(1, 2).unsqueeze(3)
    return F.conv2d(shifted, columns).reshape(len(x), -1, *x.shape[2:])


def pad_channels(x: Tensor, width: int) -> Tensor:
    """Split channels into images of their own, with reflected borders: (B, C, H, W) -> (B * C, 1, H + 2w, W + 2w)."""
    return F.pad(x.flatten(0, 1).unsqueeze(1), (width,) * 4, mode="reflect")
