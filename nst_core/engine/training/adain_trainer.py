"""Training of AdaIN's decoder (Huang and Belongie 2017, section 6): any style, by the moments of feature maps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nst_core.engine.losses import content_mean
from nst_core.engine.training.crops import TrainingImages
from nst_core.engine.training.least_squares import fitted_convolution
from nst_core.engine.training.network_trainer import TrainingSettings
from nst_core.engine.training.transfer_trainer import TransferTrainer
from nst_core.engine.transfer.adain import (
    adain_state,
    build_decoder,
    build_encoder,
    encoded_blocks,
    moments,
    with_moments,
)
from nst_core.engine.transfer.files import network_bytes
from nst_core.engine.transfer.reflection import reflected

FIRST_POSITIONS, FIRST_CROPS = 10_000, 128
"""Of relu4_1, that the decoder's first weights are fitted to, of at most so many crops."""


@dataclass(frozen=True)
class AdaINSettings(TrainingSettings):
    """How AdaIN's decoder is trained; crop, batch and weights are the published ones.

    Attributes:
        style_weight: of the style loss; the content loss has 1.
    """

    steps: int = 16000
    batch: int = 8
    crop: int = 256
    learning_rate: float = 2e-4
    clip: float | None = None
    style_weight: float = 10.0


@dataclass(frozen=True)
class Encoder:
    """A frozen encoder, by which pictures are compared, too.

    Attributes:
        name: `vgg19` or `slim`.
        tensors: weights and biases of its convolutions by turns.
        sha256: of the weights' file.
    """

    name: str
    tensors: Sequence[Tensor]
    sha256: str | None


class AdaINTrainer(TransferTrainer[AdaINSettings, nn.Sequential]):
    """Trains a decoder to invert an encoder on maps with the moments of a style's.

    Its losses, of a picture g(t) of the target t = AdaIN(f(c), f(s)):

    * `content`: the mean of (f(g(t)) − t)² (eq. 12);
    * `style`: Σ over relu1_1 … relu4_1 of the mean squared differences of means and of deviations (eq. 13).

    Args:
        images: photographs and paintings.
    """

    kind = "adain"
    title = "AdaIN: a network that paints in any style"
    result_file = "adain.npz"

    def __init__(self, settings: AdaINSettings, images: TrainingImages, encoder: Encoder, device: torch.device) -> None:
        generator = torch.Generator().manual_seed(settings.seed)
        self.encoder, self.frozen = encoder, build_encoder(encoder.tensors).to(device)
        first = _first_crops(settings, images, generator).to(device)
        decoder = _first_decoder(encoder.tensors, first, generator)
        super().__init__(settings, decoder, generator, device)
        self.images, self.weights = images, {"style": settings.style_weight}

    def paint(self, network: nn.Sequential, contents: Tensor, styles: Tensor) -> Tensor:
        return self._decoded(network, *self._target(contents, styles)[:1], contents)

    def terms(self, network: nn.Sequential, contents: Tensor, styles: Tensor) -> Mapping[str, Tensor]:
        target, style_maps = self._target(contents, styles)
        maps = encoded_blocks(self.frozen, self._decoded(network, target, contents))
        style = target.new_zeros(len(target))
        for own, wanted in zip(maps, style_maps, strict=True):
            for one, other in zip(moments(own), moments(wanted), strict=True):
                style = style + (one - other).square().mean(dim=1)
        return {"content": content_mean(maps[-1], target), "style": style}

    def facts(self) -> Mapping[str, Any]:
        by = {"features": self.encoder.name, "features_sha256": self.encoder.sha256}
        return {**super().facts(), **by}

    def result(self) -> bytes:
        return network_bytes(adain_state(self.frozen, self.averaged_network()), self.encoder.name)

    @torch.no_grad()
    def _target(self, contents: Tensor, styles: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The maps that are decoded, and the style's in all blocks."""
        style_maps = encoded_blocks(self.frozen, styles)
        return with_moments(self.frozen(contents), *moments(style_maps[-1])), style_maps

    def _decoded(self, network: nn.Sequential, target: Tensor, contents: Tensor) -> Tensor:
        pictures: Tensor = network(target)
        return pictures[..., : contents.shape[2], : contents.shape[3]]


def _first_crops(settings: AdaINSettings, images: TrainingImages, generator: torch.Generator) -> Tensor:
    """Crops, half of photographs, half of paintings, their sides multiples of 8."""
    positions = settings.crop // 8
    count = min(FIRST_CROPS, math.ceil(FIRST_POSITIONS / positions**2))
    sources = (images.contents, images.styles)
    return torch.cat([each.crops(math.ceil(count / 2), 8 * positions, generator) for each in sources])


def _first_decoder(encoder: Sequence[Tensor], images: Tensor, generator: torch.Generator) -> nn.Sequential:
    """The mirror of an encoder's convolutions of 3 × 3, each fitted to give back what its counterpart was given.

    Args:
        images: (B, 3, H, W) in [0, 1], sides multiples of 8, that it is fitted to.
    """
    tensors: list[Tensor] = []
    for weight in reversed(encoder[2::2]):
        tensors += [torch.zeros_like(weight.transpose(0, 1)), torch.zeros(weight.shape[1])]
    decoder = build_decoder(tensors).to(images.device)
    with torch.no_grad():
        given, maps = _given(build_encoder(encoder).to(images.device), images)
        for step in decoder.children():
            if isinstance(step, nn.Conv2d):
                weight, bias, _ = fitted_convolution(reflected(maps, 1), given.pop(), generator)
                step.weight.copy_(weight.T.reshape(step.weight.shape))
                step.bias.copy_(bias)  # type: ignore[union-attr]
            maps = step(maps)
    return decoder.requires_grad_(True).train()


def _given(encoder: nn.Sequential, images: Tensor) -> tuple[list[Tensor], Tensor]:
    """What each convolution of 3 × 3 of an encoder is given, of the first the images themselves; and relu4_1."""
    given, maps = [images], images
    for number, step in enumerate(encoder.children()):
        if isinstance(step, nn.Conv2d) and number > 1:
            given.append(maps)
        maps = step(maps)
    return given, maps
