"""Encoders of AdaIN: channels normalised, maps otherwise those of their network."""

from __future__ import annotations

import pytest
import torch

from nst_core.engine.features.caffe import NETWORK, normalised_weights
from nst_core.engine.features.convnets import build_convnet
from nst_core.engine.features.slim import slim_features
from nst_core.engine.training.encoders import LEAST_MEAN, slim_encoder, vgg19_encoder
from nst_core.engine.transfer.adain import build_encoder, encoded_blocks


def images(side: int = 48) -> torch.Tensor:
    small = torch.rand(3, 3, 6, 6, generator=torch.Generator().manual_seed(3))
    return torch.nn.functional.interpolate(small, (side, side), mode="bicubic").clamp(0, 1)


def test_channels_of_the_slim_encoder_have_a_mean_activation_of_one_or_were_nearly_silent() -> None:
    network = slim_features("shipped").network
    encoder = build_encoder(slim_encoder(network, images()))
    for maps in encoded_blocks(encoder, images()):
        means = maps.mean(dim=(0, 2, 3))
        assert bool((means <= 1 + 1e-3).all())
        assert float((means > 1 - 1e-3).float().mean()) > 0.5
    assert LEAST_MEAN < 1


def test_its_maps_are_those_of_the_network_but_for_the_scale_of_channels_and_the_border() -> None:
    network = slim_features("shipped").network
    encoder = build_encoder(slim_encoder(network, images()))
    with torch.no_grad():
        own = network(images())
    for found, wanted in list(zip(encoded_blocks(encoder, images()), own, strict=True))[:2]:
        inner = (..., slice(4, -4), slice(4, -4))
        found, wanted = found[inner], wanted[inner]
        scale = found.sum(dim=(0, 2, 3)) / wanted.sum(dim=(0, 2, 3)).clamp_min(1e-9)
        torch.testing.assert_close(found, wanted * scale[:, None, None], rtol=1e-3, atol=1e-3)


@pytest.mark.slow
def test_the_encoder_of_vgg19_is_the_normalised_original() -> None:
    encoder = build_encoder(vgg19_encoder())
    vgg = build_convnet(NETWORK, normalised_weights(), "max", "caffe")
    layers = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
    with torch.no_grad():
        wanted, found = vgg(images(96), layers), encoded_blocks(encoder, images(96))
    for layer, maps, edge in zip(layers, found, (1, 3, 4, 5), strict=True):
        inner = (..., slice(edge, -edge), slice(edge, -edge))
        torch.testing.assert_close(maps[inner], wanted[layer][inner], rtol=1e-3, atol=1e-3)
