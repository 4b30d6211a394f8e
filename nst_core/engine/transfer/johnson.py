"""One style per network (Johnson, Alahi, Fei-Fei 2016, "Perceptual Losses for Real-Time Style Transfer and
Super-Resolution"), with instance normalisation (Ulyanov 2016) and enlarging in place of transposed convolutions.

The layout, the names of the tensors and the range of the images, 0–255, are those of pytorch/examples'
fast_neural_style, whose files are read as they are. The network learned its style: a pair's own style image has no say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nst_core.engine.transfer.network import TransferNetwork
from nst_core.engine.transfer.reflection import ReflectedConv2d

_RESIDUAL_BLOCKS = 5
_STATISTICS = re.compile(r"(^|\.)in\d+\.(running_(mean|var)|num_batches_tracked)$")
"""Tensors that files of old versions of PyTorch hold, too, and that nothing reads."""


class Johnson(TransferNetwork):
    """The network of 16 convolutions: three down, ten in residual blocks, three up.

    Args:
        width: channels of the first convolution, 32 in the paper.
    """

    title: ClassVar[str] = "Johnson"
    features = "vgg16"
    min_side: ClassVar[int] = 5  # the first kernel's reflection, and two positions at a quarter of the side
    min_style_side: ClassVar[int] = 1

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self._width = width
        self.conv1, self.in1 = _Convolution(3, width, 9), _normalisation(width)
        self.conv2, self.in2 = _Convolution(width, 2 * width, 3, stride=2), _normalisation(2 * width)
        self.conv3, self.in3 = _Convolution(2 * width, 4 * width, 3, stride=2), _normalisation(4 * width)
        for number in range(1, _RESIDUAL_BLOCKS + 1):
            self.add_module(f"res{number}", ResidualBlock(4 * width))
        self.deconv1, self.in4 = _Convolution(4 * width, 2 * width, 3), _normalisation(2 * width)
        self.deconv2, self.in5 = _Convolution(2 * width, width, 3), _normalisation(width)
        self.deconv3 = _Convolution(width, 3, 9)

    def style_vectors(self, styles: Tensor) -> Tensor:
        """Nothing, (B, 0): the style is in the network."""
        return styles.new_zeros(len(styles), 0)

    def forward(self, contents: Tensor, vectors: Tensor, shares: Tensor) -> Tensor:
        """The network's pictures; shares below 1 blend them with the contents, pixel by pixel."""
        height, width = contents.shape[2:]
        images = (self.transformed(contents * 255)[..., :height, :width] / 255).clamp(0, 1)
        return torch.lerp(contents, images, shares.view(-1, 1, 1, 1))

    def transformed(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) of 0–255 to the network's own, not clamped, with sides that are multiples of four."""
        maps = F.relu(self.in1(self.conv1(images)))
        maps = F.relu(self.in2(self.conv2(maps)))
        maps = F.relu(self.in3(self.conv3(maps)))
        for block in self.residual_blocks():
            maps = block(maps)
        maps = F.relu(self.in4(self.deconv1(doubled(maps))))
        maps = F.relu(self.in5(self.deconv2(doubled(maps))))
        found: Tensor = self.deconv3(maps)
        return found

    def residual_blocks(self) -> Iterator[ResidualBlock]:
        """In their order."""
        for number in range(1, _RESIDUAL_BLOCKS + 1):
            yield self.get_submodule(f"res{number}")  # type: ignore[misc]

    def pair_bytes(self, width: int, height: int) -> int:
        return 4 * 8 * self._width * (width + 12) * (height + 12)  # measured: 7.3 maps


class _Convolution(nn.Module):
    def __init__(self, before: int, after: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv2d = ReflectedConv2d(before, after, kernel, stride)

    def forward(self, maps: Tensor) -> Tensor:
        found: Tensor = self.conv2d(maps)
        return found


class ResidualBlock(nn.Module):
    """Two convolutions with normalisation, added to what they were given."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.in1 = _Convolution(channels, channels, 3), _normalisation(channels)
        self.conv2, self.in2 = _Convolution(channels, channels, 3), _normalisation(channels)

    def forward(self, maps: Tensor) -> Tensor:
        changed: Tensor = self.in2(self.conv2(F.relu(self.in1(self.conv1(maps)))))
        return changed + maps


def johnson_network(state: Mapping[str, Tensor], weights_sha256: str) -> Johnson | None:
    """The network of a state dict; None where it is another's."""
    state = {key: value for key, value in state.items() if not _STATISTICS.search(key)}
    first = state.get("conv1.conv2d.weight")
    if first is None or first.ndim != 4 or not first.numel():
        return None
    with torch.device("meta"):
        network = Johnson(first.shape[0])
    expected = network.state_dict()
    if state.keys() != expected.keys() or any(state[key].shape != expected[key].shape for key in expected):
        return None
    network.load_state_dict({key: value.float() for key, value in state.items()}, assign=True)
    network.weights_sha256 = weights_sha256
    network.requires_grad_(False).eval()
    return network


def _normalisation(channels: int) -> nn.InstanceNorm2d:
    return nn.InstanceNorm2d(channels, affine=True)


def doubled(maps: Tensor) -> Tensor:
    """Maps (B, C, H, W) enlarged by nearest neighbours, (B, C, 2H, 2W)."""
    return F.interpolate(maps, scale_factor=2, mode="nearest")
