"""Networks with random weights in the layout of those that ArtFID needs, which nobody may ship."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models import AlexNet, Inception3


def stand_in_inception(path: Path) -> tuple[Path, nn.Module]:
    """Save a random network as `art_inception.pth` is laid out; returns the file and torchvision's module."""
    torch.manual_seed(0)
    network = Inception3(aux_logits=False, init_weights=False)
    network.fc = nn.Identity()
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    heads = {f"fc{number}.weight": torch.zeros(7, 2048) for number in (1, 2)}
    heads |= {f"AuxLogits{number}.fc.weight": torch.zeros(7, 768) for number in (1, 2)}
    torch.save(network.state_dict() | heads, path)
    return path, network.eval()


def stand_in_alexnet() -> Mapping[str, Tensor]:
    """The state of AlexNet's convolutional part."""
    torch.manual_seed(1)
    state: Mapping[str, Tensor] = AlexNet().features.state_dict()
    return state
