"""The encoders that AdaIN's decoder can be trained for: the weights and biases of their convolutions by turns."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nst_core.engine.features.caffe import normalised_weights
from nst_core.engine.features.convnets import CAFFE_MEAN
from nst_core.engine.features.slim_network import MEAN, STD, SlimNetwork
from nst_core.engine.transfer.adain import build_encoder

_VGG19_CONVOLUTIONS = (0, 2, 5, 7, 10, 12, 14, 16, 19)
"""Places in torchvision's list of modules, up to conv4_1."""

LEAST_MEAN = 0.1
"""A channel's mean activation counts as this share of the mean of its layer's, if it is less."""


def vgg19_encoder() -> list[Tensor]:
    """The original VGG-19 up to relu4_1 with channels normalised to a mean activation of 1, as published.

    Raises:
        WeightsError: it is not here.
    """
    state = normalised_weights().state
    to_bgr = 255 * torch.eye(3).flip(0)[:, :, None, None]
    layers = [state[f"{place}.{part}"] for place in _VGG19_CONVOLUTIONS for part in ("weight", "bias")]
    return [to_bgr, -torch.tensor(CAFFE_MEAN), *layers]


def slim_encoder(network: SlimNetwork, images: Tensor) -> list[Tensor]:
    """The slim network, its channels normalised to a mean activation of 1 over images and positions, too.

    Args:
        images: (B, 3, H, W) in [0, 1].
    """
    tensors = [torch.eye(3)[:, :, None, None] / STD, torch.full((3,), -MEAN / STD)]
    for convolution in network.convolutions.values():
        tensors += [convolution.weight.detach(), convolution.bias.detach()]  # type: ignore[operator]
    return normalised_encoder(tensors, images)


@torch.no_grad()
def normalised_encoder(tensors: list[Tensor], images: Tensor) -> list[Tensor]:
    """An encoder whose channels all have a mean activation of 1, so that none drowns another in a loss.

    Gatys, Ecker, Bethge 2016, section 2. Up to the scale of each channel its maps are what they were. Channels that
    hardly fire are not made as loud as that (`LEAST_MEAN`).
    """
    found, before, number = list(tensors), torch.ones(3), 0
    maps = images
    for step in build_encoder(tensors).children():
        maps = step(maps)
        if isinstance(step, nn.ReLU):
            number += 1  # the first convolution has none
            means = maps.mean(dim=(0, 2, 3))
            means = means.clamp_min(LEAST_MEAN * float(means.mean()))
            weight, bias = tensors[2 * number], tensors[2 * number + 1]
            found[2 * number] = weight * before[:, None, None] / means[:, None, None, None]
            found[2 * number + 1] = bias / means
            before = means
    return found
