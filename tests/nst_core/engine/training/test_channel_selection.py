"""The start of a distillation: a network that is a narrow one many times over is found again exactly."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from nst_core.engine.features.base import Extractor
from nst_core.engine.features.slim_network import CONVOLUTIONS, LAYERS, TEACHER_CHANNELS, SlimNetwork
from nst_core.engine.training.channel_selection import best_channels, select_channels
from nst_core.engine.training.distillation_losses import project

WIDTHS = (3, 4, 5, 6)


class Repeated(Extractor):
    """A narrow network whose channels are there many times, each time on another scale."""

    layers = tuple(
        f"{kind}{b}_{n + 1}" for b, c in enumerate(CONVOLUTIONS, 1) for n in range(c) for kind in ("conv", "relu")
    )

    def __init__(self) -> None:
        super().__init__()
        self.network = SlimNetwork(WIDTHS, torch.Generator().manual_seed(5)).requires_grad_(False)
        for convolution in self.network.convolutions.values():
            convolution.bias.data.fill_(0.1)

    def forward(self, images: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        x, found = (images - 0.45) / 0.25, {}
        for block, count in enumerate(CONVOLUTIONS, start=1):
            x = F.max_pool2d(x, 2) if block > 1 else x
            for number in range(1, count + 1):
                before = self.network.convolutions[f"conv{block}_{number}"](x)
                x = F.relu(before)
                found |= {f"conv{block}_{number}": wide(before, block), f"relu{block}_{number}": wide(x, block)}
        return {name: found[name] for name in layers}


def wide(maps: Tensor, block: int) -> Tensor:
    """As many channels as VGG-19 has in a block."""
    count = TEACHER_CHANNELS[block - 1]
    numbers = torch.arange(count)
    return maps[:, numbers % maps.shape[1]] * (1 + numbers / count)[:, None, None]


def smooth(count: int, seed: int) -> Tensor:
    small = torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(small, 32, mode="bilinear")


def test_a_network_that_is_narrow_is_found_again() -> None:
    teacher, network = Repeated(), SlimNetwork(WIDTHS, torch.Generator().manual_seed(1))
    network.scales.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    select_channels(network, teacher, smooth(8, seed=0), torch.Generator().manual_seed(2))
    fresh = smooth(4, seed=1)
    targets = teacher(fresh, LAYERS)
    with torch.no_grad():
        for layer, maps, projection in zip(LAYERS, network(fresh), network.projections(), strict=True):
            error = (project(maps, projection) - targets[layer]).square().sum() / targets[layer].square().sum()
            assert error < 0.01, layer


def test_channels_of_the_network_have_one_scale() -> None:
    network = SlimNetwork(WIDTHS, torch.Generator().manual_seed(1))
    select_channels(network, Repeated(), smooth(8, seed=0), torch.Generator().manual_seed(2))
    with torch.no_grad():
        for maps in network(smooth(8, seed=0)):
            energies = maps.square().mean(dim=(0, 2, 3)).sqrt()
            assert energies.min() > 0.5
            assert energies.max() < 1.5


def test_the_channels_that_tell_the_others_are_chosen() -> None:
    draw = torch.Generator().manual_seed(0)
    basis = torch.rand(500, 3, generator=draw)
    values = torch.cat([0.1 * basis, basis @ torch.rand(3, 5, generator=draw), torch.zeros(500, 1)], dim=1)
    chosen = best_channels(values.T @ values / 500, 3)
    solution = torch.linalg.lstsq(values[:, chosen], values).solution
    assert torch.allclose(values[:, chosen] @ solution, values, atol=1e-3)
    assert len(set(chosen)) == 3


def test_more_channels_than_are_worth_it_are_distinct() -> None:
    assert sorted(best_channels(torch.zeros(4, 4), 4)) == [0, 1, 2, 3]
