"""The numbers that the optimiser changes: the pixels themselves, or coefficients with better conditioning.

Each parametrisation maps points p to images `start + A p` with a fixed linear map A. Where only luminance is free, p
has one channel, which is added to all three of `start`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from nst_core.engine.features.convnets import TORCHVISION_STD
from nst_core.engine.laplacian import from_pyramid, pyramid_shapes
from nst_core.engine.optimiser_settings import OptimiserSettings
from nst_core.engine.optimisers import Resample


class PixelParametrisation:
    """The image is `start + p`.

    Args:
        start: (B, 3, H, W), the images at p = 0.
        channels: 3, or 1 where only luminance is free.

    Attributes:
        keeps_state: whether points are planes of the image's shape, so that an optimiser's moments can be resized.
    """

    keeps_state = True

    def __init__(self, start: Tensor, channels: int = 3) -> None:
        self.start, self.channels = start, channels

    def points(self) -> Tensor:
        """The points of `start`: zeros, (B, channels·H·W)."""
        return torch.zeros_like(self.start[:, : self.channels]).flatten(1)

    def image(self, points: Tensor) -> Tensor:
        """The images, (B, 3, H, W), of points (B, channels·H·W); differentiable."""
        return self.start + self.change(self._planes(points))

    def resampler(self, shape: Sequence[int]) -> Resample:
        """The function that resizes points, (B, channels·H·W), to those of images of `shape`, (h, w)."""

        def resample(points: Tensor, mode: Literal["bicubic", "bilinear"]) -> Tensor:
            return F.interpolate(self._planes(points), tuple(shape), mode=mode).flatten(1)

        return resample

    def _planes(self, points: Tensor) -> Tensor:
        return points.view(len(points), self.channels, *self.start.shape[2:])

    def change(self, planes: Tensor) -> Tensor:
        """The change of the image by planes (B, channels, H, W) of free numbers."""
        return planes


class Normalised(PixelParametrisation):
    """The image is `start + σ p`, σ being torchvision's standard deviation of each channel (of luminance, their mean).

    The iterates are those of code that optimises the normalised image, `(image − µ) / σ`.
    """

    def __init__(self, start: Tensor, channels: int = 3) -> None:
        super().__init__(start, channels)
        scale = start.new_tensor(TORCHVISION_STD).view(1, 3, 1, 1)
        self.scale = scale if channels == 3 else scale.mean(dim=1, keepdim=True)

    def change(self, planes: Tensor) -> Tensor:
        return planes * self.scale


class Spectral(PixelParametrisation):
    """The image is `start + irfft2(rfft2(p) · f^-power)`, the scale normalised to a mean of 1.

    Natural images carry most of their energy at low frequencies; a gradient step in pixels moves those too slowly.
    Scaling the coefficients by f^-½ evens that out for some features, and overshoots for others.
    """

    def __init__(self, start: Tensor, channels: int = 3, power: float = 0.5) -> None:
        super().__init__(start, channels)
        height, width = start.shape[2:]
        vertical = torch.fft.fftfreq(height, device=start.device, dtype=torch.float64)[:, None]
        horizontal = torch.fft.rfftfreq(width, device=start.device, dtype=torch.float64)[None, :]
        frequency = (vertical.square() + horizontal.square()).sqrt().clamp_min(1 / max(height, width))
        scale = frequency.pow(-power)
        self.scale = (scale / scale.mean()).to(start.dtype)

    def change(self, planes: Tensor) -> Tensor:
        filtered: Tensor = torch.fft.irfft2(torch.fft.rfft2(planes) * self.scale, s=planes.shape[2:])
        return filtered


class Laplacian(PixelParametrisation):
    """The image is `start` and the picture of a Laplacian pyramid whose parts are p, finest first.

    Kolkin, Salavon, Shakhnarovich 2019 (STROTSS) and Kolkin et al. 2022 (NNST) optimise the parts of the image's own
    pyramid, which makes the same iterates: one step can change large areas at once.
    """

    keeps_state = False

    def __init__(self, start: Tensor, channels: int = 3, levels: int = 5) -> None:
        super().__init__(start, channels)
        height, width = start.shape[2:]
        self.shapes = pyramid_shapes(height, width, levels)
        self.sizes = [channels * h * w for h, w in self.shapes]

    def points(self) -> Tensor:
        return self.start.new_zeros(len(self.start), sum(self.sizes))

    def image(self, points: Tensor) -> Tensor:
        parts = torch.split(points, self.sizes, dim=1)
        planes = [
            part.reshape(len(points), self.channels, *shape) for part, shape in zip(parts, self.shapes, strict=True)
        ]
        return self.start + from_pyramid(planes)


def build_parametrisation(settings: OptimiserSettings, start: Tensor, channels: int = 3) -> PixelParametrisation:
    """The parametrisation of a recipe, from `start`, (B, 3, H, W); one channel where only luminance is free."""
    if settings.precondition == "spectral":
        return Spectral(start, channels, settings.spectral_power)
    if settings.precondition == "laplacian":
        return Laplacian(start, channels, settings.laplacian_levels)
    return (
        Normalised(start, channels) if settings.precondition == "normalised" else PixelParametrisation(start, channels)
    )
