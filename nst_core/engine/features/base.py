"""The interface of feature extractors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import torch
from torch import Tensor, nn

from nst_core.engine.features.geometry import NetworkSection


class Extractor(nn.Module):
    """Maps images to named feature maps, and computes nothing past the deepest one asked for.

    Attributes:
        name: as recipes spell it, e.g. `vgg19`.
        layers: every name that can be asked for, in order of depth.
        weights_sha256: sha256 of the weights' file or state, None where there are no weights.
        precision: dtype of the maps, bfloat16 by `in_bfloat16`; None for that of the images.
        channel_shares: where maps stand for those of a network with more channels, by layer their own over its
            channels, which losses count in their place.
    """

    name: str
    layers: tuple[str, ...]
    weights_sha256: str | None = None
    precision: torch.dtype | None = None
    channel_shares: Mapping[str, float] = MappingProxyType({})

    def forward(self, images: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """Feature maps of `images`, (B, 3, H, W) sRGB in [0, 1], by layer name: each (B, C, H', W').

        Raises:
            KeyError: a layer that this extractor does not have.
        """
        raise NotImplementedError

    def min_side(self, layers: Sequence[str]) -> int:
        """The shortest image side, in pixels, at which every one of `layers` still has a position."""
        raise NotImplementedError

    def sections(self, layers: Sequence[str]) -> tuple[NetworkSection, ...]:
        """The network up to these layers, in parts that are computed one after the other.

        It is parted where a map is small, so that the maps between parts cost little and each part sees little of its
        surroundings: this is how pictures are computed tile by tile (`engine/tiling`).
        """
        raise NotImplementedError

    def in_bfloat16(self) -> Extractor:
        """Switch to bfloat16 convolutions: weights are cast once, here, and images once per call. Returns itself."""
        self.precision = torch.bfloat16
        return self

    @property
    def device(self) -> torch.device:
        return next((t.device for t in (*self.parameters(), *self.buffers())), torch.device("cpu"))
