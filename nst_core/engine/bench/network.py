"""torchvision's own network, layer by layer, as tutorials run it: the network of the reference."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nst_core.engine.features.convnets import CAFFE_MEAN, TORCHVISION_MEAN, TORCHVISION_STD, ConvNet, torchvision_body
from nst_core.engine.recipe import Recipe
from nst_core.errors import ConfigError


class PlainNetwork(nn.Module):
    """The convolutional part of a network as torchvision builds it, cut after the deepest layer of a recipe.

    Its ReLUs work in place, as torchvision's do, unless the recipe taps a convolution before its ReLU.

    Args:
        extractor: provides the weights (float32).

    Raises:
        ConfigError: a layer that torchvision's modules do not show.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, recipe: Recipe, extractor: ConvNet) -> None:
        super().__init__()
        body = torchvision_body(extractor.name)
        body.load_state_dict(extractor.body.state_dict())
        names = [name for name in extractor.layers if not name.endswith("_conv")]  # inside of a fire module
        missing = [name for name in recipe.layer_names() if name not in names]
        if missing:
            raise ConfigError(f"The plain reference cannot look at {missing[0]}: go without it (--no-reference).")
        depth = max(names.index(name) for name in recipe.layer_names())
        in_place = not any(name.startswith("conv") for name in recipe.layer_names())
        self.names = names[: depth + 1]
        self.body = nn.Sequential(*(_module(m, recipe, in_place) for m in body[: depth + 1])).requires_grad_(False)
        self.caffe = recipe.inputs == "caffe"
        mean, std = (CAFFE_MEAN, (1.0, 1.0, 1.0)) if self.caffe else (TORCHVISION_MEAN, TORCHVISION_STD)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1))
        self.to(extractor.device).eval()

    def forward(self, image: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """Feature maps of (1, 3, H, W) in [0, 1] by layer name."""
        x = ((image.flip(1) * 255 if self.caffe else image) - self.mean) / self.std
        maps = {}
        for name, module in zip(self.names, self.body, strict=True):
            x = module(x)
            if name in layers:
                maps[name] = x
        return maps


def _module(module: nn.Module, recipe: Recipe, in_place: bool) -> nn.Module:
    if isinstance(module, nn.MaxPool2d) and recipe.pooling == "average":
        return nn.AvgPool2d(module.kernel_size, module.stride, ceil_mode=module.ceil_mode)
    if isinstance(module, nn.ReLU):
        return nn.ReLU(inplace=in_place)
    return module
