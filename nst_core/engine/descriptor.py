"""Descriptors of pictures: a few numbers for the look of each, by which pictures are found that resemble it.

The means and standard deviations of the slim network's feature maps are what a style is in the sense of Huang and
Belongie 2017 (AdaIN; "Demystifying Neural Style Transfer", Li et al. 2017, shows them to be one kernel of many). Each
layer counts alike; by a linear map that was fitted to paintings once (principal components, whitened), they are as many
numbers as tell those apart. Divided by their length, inner products of descriptors are similarities from -1 to 1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nst_core.engine.features.slim import slim_features
from nst_core.engine.features.slim_network import LAYERS

SIDE = 256
"""The longest side, in pixels, of a picture that is described: larger ones are scaled down."""

SMALLEST = 16
"""The shortest side: smaller pictures are enlarged."""

SHIPPED = Path(__file__).with_name("descriptor.npz")
"""The linear map, beside the card of its fitting, `descriptor.json`."""


class Descriptor:
    """The slim network, with the linear map.

    Args:
        scale, offset, projection: (608,), (608,), (608, L): a descriptor is (moments · scale - offset) @ projection,
            divided by its length.
    """

    def __init__(self, scale: Tensor, offset: Tensor, projection: Tensor, device: torch.device | str = "cpu") -> None:
        self._features = slim_features("shipped").to(device)
        self._scale, self._offset, self._projection = scale.to(device), offset.to(device), projection.to(device)
        own = hashlib.sha256(b"".join(part.numpy().tobytes() for part in (scale, offset, projection))).hexdigest()
        self.name = f"slim {str(self._features.weights_sha256)[:12]} {own[:12]}"
        """Of what makes the descriptors: those of different names cannot be compared."""

    @property
    def length(self) -> int:
        return self._projection.shape[1]

    @torch.inference_mode()
    def describe(self, images: Tensor) -> Tensor:
        """Descriptors, (B, L) float32 of length 1, of images of one shape, (B, 3, H, W) sRGB in [0, 1]."""
        found = moments(self._features(images.to(self._offset.device), LAYERS))
        vectors: Tensor = (found * self._scale - self._offset) @ self._projection
        lengths: Tensor = vectors.norm(dim=1, keepdim=True)
        return vectors / lengths.clamp_min(1e-6)


def moments(maps: Mapping[str, Tensor], layers: Sequence[str] = LAYERS) -> Tensor:
    """Means, then standard deviations, of the channels of feature maps, layer by layer: (B, twice all channels)."""
    parts = []
    for layer in layers:
        positions = maps[layer].float().flatten(2)
        parts += [positions.mean(dim=2), positions.std(dim=2, correction=0)]
    return torch.cat(parts, dim=1)


def load_descriptor(device: torch.device | str = "cpu") -> Descriptor:
    """The descriptor that the package ships."""
    with np.load(SHIPPED, allow_pickle=False) as arrays:
        scale, offset, projection = (
            torch.from_numpy(arrays[name].astype(np.float32)) for name in ("scale", "offset", "projection")
        )
    return Descriptor(scale, offset, projection, device)
