"""The start of a distillation: a narrow network of some of the teacher's own channels, found without a gradient.

Layer by layer, after He, Zhang, Sun 2017 ("Channel pruning for accelerating very deep neural networks"): channels
whose activations explain those of all others best are kept, and the weights that give them are the least squares from
what the narrow network has one layer before, so that its errors do not add up.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nst_core.engine.features.base import Extractor
from nst_core.engine.features.slim_network import CONVOLUTIONS, LAYERS, MEAN, STD, SlimNetwork
from nst_core.engine.training.least_squares import fitted_convolution, least_squares, rows


@torch.no_grad()
def select_channels(network: SlimNetwork, teacher: Extractor, images: Tensor, generator: torch.Generator) -> None:
    """Set the weights of a network to those of the teacher's channels that stand for all of them best.

    Args:
        teacher: with the layers `conv1_1` … and `relu1_1` …, of which the network is a narrower copy.
        images: (B, 3, H, W) in [0, 1] that the choice and the least squares are made with.
        generator: on the CPU; it draws positions.
    """
    x = (images - MEAN) / STD
    for block, number in _places():
        if number == 1 and block > 1:
            x = F.max_pool2d(x, 2)
        before, after = f"conv{block}_{number}", f"relu{block}_{number}"
        convolution: nn.Conv2d = network.convolutions[before]  # type: ignore[assignment]
        target = teacher(images, [before])[before]
        chosen = best_channels(_second_moment(F.relu(target)), convolution.out_channels)
        _fit_convolution(convolution, x, target[:, chosen], generator)
        x = F.relu(convolution(x))
        if after in LAYERS:
            place = LAYERS.index(after)
            solution = least_squares(rows(x), rows(F.relu(target)))
            network.maps[after].weight.copy_((solution.T / network.scales[place])[:, :, None, None])  # type: ignore[operator]


def best_channels(moment: Tensor, count: int) -> list[int]:
    """`count` channels from which the others can be told best, one by one, of second moments (N, N).

    Each is the one by whose multiples the energy of what is left of all channels falls most.
    """
    left, chosen = moment.double().clone(), list[int]()
    floor = 1e-9 * float(left.diagonal().mean())
    for _ in range(count):
        own = left.diagonal().clamp_min(floor)
        gains = left.square().sum(dim=0) / own
        gains[chosen] = -1.0
        best = int(gains.argmax())
        chosen.append(best)
        left = left - torch.outer(left[:, best], left[best]) / own[best]
    return chosen


def _places() -> Iterator[tuple[int, int]]:
    """Block and number of each convolution, in order."""
    for block, count in enumerate(CONVOLUTIONS, start=1):
        yield from ((block, number) for number in range(1, count + 1))


def _fit_convolution(convolution: nn.Conv2d, x: Tensor, target: Tensor, generator: torch.Generator) -> None:
    """Weights that give the target's channels, (B, C, H, W), from x, each divided by its energy's root after ReLU."""
    weight, bias, wanted = fitted_convolution(F.pad(x, [1] * 4), target, generator)
    energy = wanted.clamp_min(0).square().mean(dim=0).sqrt()
    scale = energy.clamp_min(1e-3 * float(energy.mean()) + 1e-12)
    convolution.weight.copy_((weight / scale).T.reshape(convolution.weight.shape))
    convolution.bias.copy_(bias / scale)  # type: ignore[union-attr]


def _second_moment(maps: Tensor) -> Tensor:
    values = rows(maps).double()
    return values.T @ values / len(values)
