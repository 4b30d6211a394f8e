"""AdaIN against its definition, and against the public tool's computation written out in NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tiny_networks import adain_files, decoder_state, encoder_state
from torch import Tensor

from nst_core.engine.transfer.adain import AdaIN, build_adain, decoder_tensors, encoder_tensors, moments, with_moments
from nst_core.engine.transfer.files import load_network

Maps = NDArray[np.float64]
ONE = torch.ones(1)


@pytest.fixture(scope="module")
def network() -> AdaIN:
    encoder, decoder = encoder_tensors(encoder_state()), decoder_tensors(decoder_state())
    assert encoder
    assert decoder
    return build_adain(encoder, decoder, "")


def picture(height: int, width: int, seed: int = 0) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


# The public tool, in NumPy: net.py's two lists of layers, function.py's moments, test.py's blend.


def convolved(maps: Maps, state: Mapping[str, Tensor], place: int) -> Maps:
    """Reflection padding by one, but for 1 × 1, and a convolution: (C, H, W) to (C', H, W)."""
    weight, bias = (state[f"{place}.{part}"].double().numpy() for part in ("weight", "bias"))
    kernel = weight.shape[-1]
    if kernel == 3:
        maps = np.pad(maps, [(0, 0), (1, 1), (1, 1)], mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(maps, (kernel, kernel), axis=(1, 2))
    return np.einsum("ocij,chwij->ohw", weight, windows) + bias[:, None, None]


def pooled(maps: Maps) -> Maps:
    """The maximum of two by two; at an odd end, of what there is."""
    height, width = -(-maps.shape[1] // 2), -(-maps.shape[2] // 2)
    found = np.empty((len(maps), height, width))
    for row in range(height):
        for column in range(width):
            found[:, row, column] = maps[:, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2].max(axis=(1, 2))
    return found


def encoded(image: Tensor) -> Maps:
    state = encoder_state()
    maps = convolved(image[0].double().numpy(), state, 0)
    for block in ((2, 5), (9, 12), (16, 19, 22, 25), (29,)):
        for place in block:
            maps = np.maximum(convolved(maps, state, place), 0)
        if block != (29,):
            maps = pooled(maps)
    return maps


def decoded(maps: Maps) -> Maps:
    state = decoder_state()
    for place in (1, 5, 8, 11, 14, 18, 21, 25, 28):
        maps = convolved(maps, state, place)
        if place != 28:
            maps = np.maximum(maps, 0)
        if place in (1, 14, 21):
            maps = maps.repeat(2, axis=1).repeat(2, axis=2)
    return maps


def public_picture(content: Tensor, style: Tensor, alpha: float) -> Maps:
    own, of_style = encoded(content), encoded(style)

    def statistics(maps: Maps) -> tuple[Maps, Maps]:
        flat = maps.reshape(len(maps), -1)
        return flat.mean(axis=1)[:, None, None], np.sqrt(flat.var(axis=1, ddof=1) + 1e-5)[:, None, None]

    (mean, deviation), (style_mean, style_deviation) = statistics(own), statistics(of_style)
    target = (own - mean) / deviation * style_deviation + style_mean
    found = decoded(target * alpha + own * (1 - alpha))
    return found[:, : content.shape[2], : content.shape[3]].clip(0, 1)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("shape", [(24, 32), (21, 27), (9, 40)])
def test_a_picture_is_the_public_tool_s(network: AdaIN, shape: tuple[int, int], alpha: float) -> None:
    content, style = picture(*shape), picture(30, 18, seed=1)
    own = network(content, network.style_vectors(style), torch.tensor([alpha]))
    assert own.shape == content.shape
    np.testing.assert_allclose(own[0].numpy(), public_picture(content, style, alpha), atol=2e-5)


def test_files_are_read_as_they_are(tmp_path: Path) -> None:
    found = load_network(adain_files(tmp_path))
    content, style = picture(16, 16), picture(16, 24, seed=1)
    own = found(content, found.style_vectors(style), ONE)
    np.testing.assert_allclose(own[0].numpy(), public_picture(content, style, 1.0), atol=2e-5)


def test_identical_statistics_are_the_identity() -> None:
    maps = torch.randn(2, 5, 7, 6, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(with_moments(maps, *moments(maps)), maps)


def test_the_result_has_the_style_s_moments() -> None:
    generator = torch.Generator().manual_seed(0)
    maps, style = torch.randn(2, 5, 7, 6, generator=generator), 2 + 3 * torch.randn(2, 5, 4, 9, generator=generator)
    for own, wanted in zip(moments(with_moments(maps, *moments(style))), moments(style), strict=True):
        torch.testing.assert_close(own, wanted, rtol=1e-4, atol=1e-5)


def test_a_content_in_its_own_style_is_decoded_as_it_is(network: AdaIN) -> None:
    content = picture(24, 24)
    expected = network.decoder(network.encoder(content)).clamp(0, 1)
    torch.testing.assert_close(network(content, network.style_vectors(content), ONE), expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(network(content, network.style_vectors(picture(9, 9, 3)), torch.zeros(1)), expected)


def test_a_flat_style_divides_by_no_zero(network: AdaIN) -> None:
    vectors = network.style_vectors(torch.full((1, 3, 16, 16), 0.5))
    assert network(picture(16, 16), vectors, ONE).isfinite().all()
    assert network(torch.zeros(1, 3, 16, 16), vectors, ONE).isfinite().all()


def test_the_least_side_is_the_least(network: AdaIN) -> None:
    least = picture(network.min_side, network.min_side)
    assert network(least, network.style_vectors(least), ONE).isfinite().all()
    with pytest.raises(RuntimeError):
        network.encoder(picture(network.min_side - 1, network.min_side - 1))
