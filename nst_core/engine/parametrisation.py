"""What the optimiser moves: the pixels themselves, or spectrally preconditioned coefficients."""

from __future__ import annotations

import torch
from torch import Tensor


class Pixels:
    """The image is `start + p`."""

    def __init__(self, start: Tensor) -> None:
        self.start = start

    def image(self, points: Tensor) -> Tensor:
        """The images, (B, 3, H, W), of points (B, 3·H·W); differentiable."""
        return self.start + points.view_as(self.start)


class Spectral:
    """The image is `start + irfft2(rfft2(p) · f^-½)`, the scale normalised to a mean of 1.

    Natural images carry most of their energy at low frequencies; a gradient step in pixels moves those too slowly.
    Scaling the coefficients by f^-½ evens that out, and f^-1 overshoots. After a colour-matched start it gains little.
    """

    def __init__(self, start: Tensor) -> None:
        self.start = start
        height, width = start.shape[2:]
        vertical = torch.fft.fftfreq(height, device=start.device, dtype=torch.float64)[:, None]
        horizontal = torch.fft.rfftfreq(width, device=start.device, dtype=torch.float64)[None, :]
        frequency = (vertical.square() + horizontal.square()).sqrt().clamp_min(1 / max(height, width))
        scale = frequency.pow(-0.5)
        self.scale = (scale / scale.mean()).to(start.dtype)

    def image(self, points: Tensor) -> Tensor:
        """The images, (B, 3, H, W), of points (B, 3·H·W); differentiable."""
        spectrum = torch.fft.rfft2(points.view_as(self.start))
        change: Tensor = torch.fft.irfft2(spectrum * self.scale, s=self.start.shape[2:])
        return self.start + change


Parametrisation = Pixels | Spectral

PARAMETRISATIONS: dict[str, type[Parametrisation]] = {"none": Pixels, "spectral": Spectral}
