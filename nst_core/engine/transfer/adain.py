"""AdaIN: any style by the means and deviations of feature maps (Huang and Belongie 2017, "Arbitrary Style Transfer in
Real-time with Adaptive Instance Normalization").

An encoder, VGG-19 up to relu4_1 with reflection padding, and a decoder, its mirror with nearest-neighbour upsampling.
Layout, ε, variances and the blend are those of the public PyTorch port, whose files are read as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from nst_core.engine.transfer.network import TransferNetwork
from nst_core.engine.transfer.reflection import ReflectedConv2d

EPSILON = 1e-5
"""Added to variances."""

_BLOCKS = (2, 2, 4, 1)
"""3 × 3 convolutions of the encoder between two poolings, up to relu4_1."""

ENCODER_CONVOLUTIONS = (0, 2, 5, 9, 12, 16, 19, 22, 25, 29)
"""Places of the encoder's convolutions in the port's list of layers: the first is 1 × 1, and normalises the input."""

UNUSED_CONVOLUTIONS = (32, 35, 38, 42, 45, 48, 51)
"""Places of the convolutions behind relu4_1 that its file has, too."""

DECODER_CONVOLUTIONS = (1, 5, 8, 11, 14, 18, 21, 25, 28)
_UPSAMPLED_AFTER = (0, 4, 6)
"""Numbers of the decoder's convolutions whose maps are enlarged."""

_STRIDE = 8
"""Pixels of the image per position of relu4_1."""


class AdaIN(TransferNetwork):
    """The network of an encoder and a decoder.

    Args:
        encoder: images (B, 3, H, W) in [0, 1] to maps (B, C, ⌈H/8⌉, ⌈W/8⌉).
        decoder: such maps to images (B, 3, 8⌈H/8⌉, 8⌈W/8⌉).
        width: the most channels at full resolution, for the estimate of memory.
    """

    title: ClassVar[str] = "AdaIN"
    features = "vgg19"
    min_side: ClassVar[int] = _STRIDE + 1  # two positions at relu4_1: reflection needs a neighbour, variance two values
    min_style_side: ClassVar[int] = _STRIDE + 1

    def __init__(self, encoder: nn.Module, decoder: nn.Module, width: int, weights_sha256: str) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self._width, self.weights_sha256 = width, weights_sha256
        self.requires_grad_(False).eval()

    def style_vectors(self, styles: Tensor) -> Tensor:
        """Means, then deviations, of the channels of relu4_1: (B, 2C)."""
        return torch.cat(moments(self.encoder(styles)), dim=1)

    def forward(self, contents: Tensor, vectors: Tensor, shares: Tensor) -> Tensor:
        maps = self.encoder(contents)
        target = with_moments(maps, *vectors.chunk(2, dim=1))
        blended = torch.lerp(maps, target, shares.view(-1, 1, 1, 1))
        images: Tensor = self.decoder(blended)[..., : contents.shape[2], : contents.shape[3]]
        return images.clamp(0, 1)

    def pair_bytes(self, width: int, height: int) -> int:
        return 4 * 4 * self._width * (width + _STRIDE) * (height + _STRIDE)  # measured: 3 to 3.4 maps


def moments(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel of maps (B, C, h, w): each (B, C).

    σ² = Σ(x − μ)² / (M − 1) + ε, M positions.
    """
    variance, mean = torch.var_mean(maps.flatten(2), dim=2)
    return mean, (variance + EPSILON).sqrt()


def with_moments(maps: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    """Maps (B, C, h, w) with other moments, each (B, C): σ(s) (F − μ(F)) / σ(F) + μ(s), the paper's equation 8."""
    own_mean, own_deviation = (each[..., None, None] for each in moments(maps))
    return (maps - own_mean) / own_deviation * deviation[..., None, None] + mean[..., None, None]


def encoded_blocks(encoder: nn.Module, images: Tensor) -> list[Tensor]:
    """The maps of images at relu1_1, relu2_1, relu3_1 and relu4_1 of an encoder: each (B, C, H', W')."""
    found, first, maps = [], True, images
    for step in encoder.children():
        maps = step(maps)
        if isinstance(step, nn.ReLU) and first:
            found.append(maps)
        first = isinstance(step, nn.MaxPool2d) or (first and not isinstance(step, nn.ReLU))
    return found


def adain_state(encoder: nn.Module, decoder: nn.Module) -> dict[str, Tensor]:
    """The tensors of both parts under the names of one file: `encoder.0.weight` …, `decoder.1.weight` …"""
    state: dict[str, Tensor] = {}
    parts = {"encoder": (encoder, ENCODER_CONVOLUTIONS), "decoder": (decoder, DECODER_CONVOLUTIONS)}
    for part, (network, places) in parts.items():
        convolutions = [step for step in network.children() if isinstance(step, nn.Conv2d)]
        for place, convolution in zip(places, convolutions, strict=True):
            state |= {f"{part}.{place}.{key}": value for key, value in convolution.state_dict().items()}
    return state


def build_adain(encoder: Sequence[Tensor], decoder: Sequence[Tensor], weights_sha256: str) -> AdaIN:
    """The network of weights and biases by turns, in the order of the convolutions. Shapes must fit together."""
    width = max(encoder[2].shape[0], decoder[-2].shape[1])
    return AdaIN(build_encoder(encoder), build_decoder(decoder), width, weights_sha256)


def build_encoder(tensors: Sequence[Tensor]) -> nn.Sequential:
    """The frozen encoder of weights and biases by turns."""
    first, *others = _convolutions(tensors)
    steps: list[nn.Module] = [first]
    for block, count in enumerate(_BLOCKS):
        steps += [nn.MaxPool2d(2, 2, ceil_mode=True)] if block else []
        for convolution in others[:count]:
            steps += [convolution, nn.ReLU()]
        others = others[count:]
    return _laid_out(steps)


def build_decoder(tensors: Sequence[Tensor]) -> nn.Sequential:
    """The frozen decoder of weights and biases by turns."""
    mirror: list[nn.Module] = []
    for number, convolution in enumerate(_convolutions(tensors)):
        mirror += [nn.ReLU()] if number else []
        mirror += [nn.UpsamplingNearest2d(scale_factor=2)] if number - 1 in _UPSAMPLED_AFTER else []
        mirror.append(convolution)
    return _laid_out(mirror)


def encoder_tensors(state: Mapping[str, Tensor]) -> list[Tensor] | None:
    """The tensors of an encoder's file up to relu4_1, in order; None where it is none."""
    known = _keys((*ENCODER_CONVOLUTIONS, *UNUSED_CONVOLUTIONS))
    needed = _keys(ENCODER_CONVOLUTIONS)
    if not set(needed) <= state.keys() <= set(known):
        return None
    tensors = [state[key] for key in needed]
    return tensors if _fit(tensors, channels=3, first_kernel=1) and tensors[0].shape[0] == 3 else None


def decoder_tensors(state: Mapping[str, Tensor]) -> list[Tensor] | None:
    """The tensors of a decoder's file, in order; None where it is none."""
    keys = _keys(DECODER_CONVOLUTIONS)
    if state.keys() != set(keys):
        return None
    tensors = [state[key] for key in keys]
    channels = tensors[0].shape[1] if tensors[0].ndim == 4 else 0
    return tensors if _fit(tensors, channels) and tensors[-2].shape[0] == 3 else None


def _keys(places: Sequence[int]) -> list[str]:
    return [f"{place}.{part}" for place in places for part in ("weight", "bias")]


def _fit(tensors: Sequence[Tensor], channels: int, first_kernel: int = 3) -> bool:
    """Whether weights and biases are those of convolutions that follow one another."""
    kernel = first_kernel
    for weight, bias in zip(tensors[::2], tensors[1::2], strict=True):
        if weight.ndim != 4 or not weight.numel() or weight.shape[1:] != (channels, kernel, kernel):
            return False
        channels, kernel = weight.shape[0], 3
        if bias.shape != (channels,):
            return False
    return True


def _convolutions(tensors: Sequence[Tensor]) -> list[nn.Conv2d]:
    return [_convolution(*pair) for pair in zip(tensors[::2], tensors[1::2], strict=True)]


def _convolution(weight: Tensor, bias: Tensor) -> nn.Conv2d:
    after, before, kernel, _ = weight.shape
    with torch.device("meta"):
        found = ReflectedConv2d(before, after, kernel)
    found.load_state_dict({"weight": weight.float(), "bias": bias.float()}, assign=True)
    return found


def _laid_out(steps: Sequence[nn.Module]) -> nn.Sequential:
    """A frozen network, its maps channels last: a tenth quicker on a CPU, and what tensor cores want."""
    network = nn.Sequential(*steps).requires_grad_(False)
    return network.to(memory_format=torch.channels_last)
