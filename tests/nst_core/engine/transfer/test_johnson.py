"""The network of one style against its layers written out, in the file layout of fast_neural_style."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from tiny_networks import johnson_file, johnson_state
from torch import Tensor

from nst_core.engine.transfer.files import load_network
from nst_core.engine.transfer.johnson import Johnson, johnson_network


def public_picture(content: Tensor, state: Mapping[str, Tensor]) -> Tensor:
    """The example's forward pass in float64: padding, convolutions and normalisations one by one."""

    def convolved(maps: Tensor, name: str, stride: int = 1) -> Tensor:
        weight, bias = (state[f"{name}.conv2d.{part}"].double() for part in ("weight", "bias"))
        return F.conv2d(F.pad(maps, [weight.shape[-1] // 2] * 4, mode="reflect"), weight, bias, stride)

    def normalised(maps: Tensor, name: str) -> Tensor:
        mean = maps.mean(dim=(2, 3), keepdim=True)
        variance = (maps - mean).square().mean(dim=(2, 3), keepdim=True)
        scale, shift = (state[f"{name}.{part}"].double().view(1, -1, 1, 1) for part in ("weight", "bias"))
        return (maps - mean) / (variance + 1e-5).sqrt() * scale + shift

    maps = content.double() * 255
    for number, stride in ((1, 1), (2, 2), (3, 2)):
        maps = normalised(convolved(maps, f"conv{number}", stride), f"in{number}").relu()
    for block in range(1, 6):
        inner = normalised(convolved(maps, f"res{block}.conv1"), f"res{block}.in1").relu()
        maps = normalised(convolved(inner, f"res{block}.conv2"), f"res{block}.in2") + maps
    for number in (1, 2):
        maps = maps.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        maps = normalised(convolved(maps, f"deconv{number}"), f"in{number + 3}").relu()
    return convolved(maps, "deconv3") / 255


@pytest.mark.parametrize("shape", [(24, 32), (21, 27), (5, 5)])
def test_a_picture_is_the_example_s(shape: tuple[int, int], tmp_path: Path) -> None:
    network = load_network([johnson_file(tmp_path)])
    content = torch.rand(1, 3, *shape, generator=torch.Generator().manual_seed(0))
    own = network(content, network.style_vectors(content), torch.ones(1))
    expected = public_picture(content, johnson_state())[..., : shape[0], : shape[1]].clamp(0, 1)
    torch.testing.assert_close(own.double(), expected, rtol=0, atol=1e-4)
    half = network(content, network.style_vectors(content), torch.tensor([0.5]))
    torch.testing.assert_close(half, (own + content) / 2)


def test_statistics_that_old_versions_saved_are_passed_over() -> None:
    old = johnson_state() | {"in1.running_mean": torch.zeros(4), "res2.in1.running_var": torch.ones(16)}
    assert isinstance(johnson_network(old, ""), Johnson)


def test_the_least_side_is_the_least() -> None:
    network = johnson_network(johnson_state(), "")
    assert network
    least = torch.rand(1, 3, network.min_side, network.min_side)
    assert network(least, network.style_vectors(least), torch.ones(1)).isfinite().all()
    with pytest.raises(RuntimeError):
        network.transformed(least[..., 1:, 1:])
