"""Feature maps of torchvision's ImageNet networks, by layer names that are exact about the ReLU."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nst_core.engine.features.base import Extractor
from nst_core.engine.features.geometry import NetworkSection, Reach, Window
from nst_core.engine.features.weights import Weights

TORCHVISION_MEAN, TORCHVISION_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CAFFE_MEAN = (103.939, 116.779, 123.68)  # BGR, 0–255

LARGEST_MIN_SIDE = 512

NARROW = 8
"""Values per pixel of the picture up to which a pooled map is small enough to end a section of the network."""

CONVNETS = ("vgg19", "vgg16", "squeezenet1_0", "squeezenet1_1")


@dataclass(frozen=True)
class Step:
    """One step of a network, named as the layer that it computes, a map of so many channels."""

    name: str
    run: Callable[[Tensor], Tensor]
    window: Window
    channels: int


class ConvNet(Extractor):
    """The convolutional part of a VGG or SqueezeNet as a list of named steps.

    Steps never work in place: torchvision's own ReLUs overwrite the convolution before them, so that a tap on `conv4_2`
    there silently gives `relu4_2`.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, name: str, body: nn.Sequential, pooling: str, inputs: str, weights_sha256: str) -> None:
        super().__init__()
        self.name, self.weights_sha256 = name, weights_sha256
        self.body = body.requires_grad_(False)
        self.inputs = inputs
        mean, std = (CAFFE_MEAN, (1.0, 1.0, 1.0)) if inputs == "caffe" else (TORCHVISION_MEAN, TORCHVISION_STD)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        describe = _vgg_steps if name.startswith("vgg") else _squeezenet_steps
        self._channels_last = False
        self.steps = describe(self.body, pooling)
        self.layers = tuple(step.name for step in self.steps)
        self.eval()

    def forward(self, images: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        return self._run(self._inputs(images), self.steps[: self._depth(layers) + 1], set(layers))

    def min_side(self, layers: Sequence[str]) -> int:
        depth = self._depth(layers)
        for side in range(1, LARGEST_MIN_SIDE):
            left = side
            for step in self.steps[: depth + 1]:
                left = step.window.side(left)
                if left < 1:
                    break
            else:
                return side
        raise AssertionError(f"{self.name} never reaches {layers}")

    def sections(self, layers: Sequence[str]) -> tuple[NetworkSection, ...]:
        steps = self.steps[: self._depth(layers) + 1]
        parts, first, whole, part = [], 0, Reach(), Reach()
        reaches: dict[str, Reach] = {}
        for number, step in enumerate(steps):
            whole, part = whole.then(step.window), part.then(step.window)
            last = number == len(steps) - 1
            narrow = step.window.stride > 1 and step.channels <= NARROW * whole.stride**2
            if step.name in layers or last or narrow:
                reaches[step.name] = part
            if last or narrow:
                run = partial(self._run_section, steps[first : number + 1], frozenset(reaches), first == 0)
                parts.append(NetworkSection(run, reaches, None if last else step.name))
                first, part, reaches = number + 1, Reach(), {}
        return tuple(parts)

    def in_bfloat16(self) -> ConvNet:
        self.body.to(torch.bfloat16)
        super().in_bfloat16()
        return self

    def channels_last(self) -> ConvNet:
        """Switch to maps laid out as NHWC, which is faster on tensor cores, not on a CPU. Returns itself."""
        self.body.to(memory_format=torch.channels_last)
        self._channels_last = True
        return self

    def _run_section(self, steps: Sequence[Step], wanted: frozenset[str], begins: bool, x: Tensor) -> dict[str, Tensor]:
        return self._run(self._inputs(x) if begins else self._laid_out(x), steps, wanted)

    def _run(self, x: Tensor, steps: Sequence[Step], wanted: Collection[str]) -> dict[str, Tensor]:
        maps = {}
        for step in steps:
            x = step.run(x)
            if step.name in wanted:
                maps[step.name] = x
        return maps

    def _inputs(self, images: Tensor) -> Tensor:
        return self._laid_out(self._normalised(images).to(self.precision or images.dtype))

    def _laid_out(self, x: Tensor) -> Tensor:
        return x.contiguous(memory_format=torch.channels_last) if self._channels_last else x

    def _depth(self, layers: Sequence[str]) -> int:
        return max(
            (self.layers.index(name) if name in self.layers else _unknown(name, self) for name in layers), default=-1
        )

    def _normalised(self, images: Tensor) -> Tensor:
        if self.inputs == "caffe":
            images = images.flip(1) * 255
        return (images - self.mean) / self.std


def build_convnet(
    name: str, weights: Weights, pooling: Literal["max", "average"], inputs: Literal["torchvision", "caffe"]
) -> ConvNet:
    """`vgg19`, `vgg16`, `squeezenet1_0` or `squeezenet1_1` with the given weights; frozen.

    Raises:
        WeightsError: the weights do not fit the network.
    """
    with torch.device("meta"):
        body = torchvision_body(name)
    body.load_state_dict(weights.state_for(body.state_dict()), assign=True)
    return ConvNet(name, body, pooling, inputs, weights.sha256)


def random_state(name: str, seed: int = 0) -> dict[str, Tensor]:
    """A seeded He initialisation (He et al. 2015) of a network's convolutions, for `weights: random` (research).

    Uniform, not normal: the same bits on every processor, since no logarithm is taken on the way.
    """
    with torch.device("meta"):
        shapes = {key: value.shape for key, value in torchvision_body(name).state_dict().items()}
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for key, shape in shapes.items():
        if len(shape) == 4:
            bound = math.sqrt(6 / (shape[1] * shape[2] * shape[3]))
            state[key] = (2 * torch.rand(shape, generator=generator) - 1) * bound
        else:
            state[key] = torch.zeros(shape)
    return state


def _unknown(layer: str, extractor: Extractor) -> int:
    raise KeyError(f"{extractor.name} has no layer {layer!r}; it has {', '.join(extractor.layers)}")


def _vgg_steps(body: nn.Sequential, pooling: str) -> list[Step]:
    steps, block, number, channels = [], 1, 0, 3
    for module in body:
        if isinstance(module, nn.Conv2d):
            number, channels = number + 1, module.out_channels
            steps.append(Step(f"conv{block}_{number}", module, _window(module), channels))
        elif isinstance(module, nn.ReLU):
            steps.append(Step(f"relu{block}_{number}", F.relu, Window(), channels))
        else:
            steps.append(_pool(f"pool{block}", pooling, Window(2, 2), channels))
            block, number = block + 1, 0
    return steps


def _squeezenet_steps(body: nn.Sequential, pooling: str) -> list[Step]:
    steps, fire, pools, channels = [], 2, 0, 3
    for module in body:
        if isinstance(module, nn.Conv2d):
            channels = module.out_channels
            steps.append(Step("conv1", module, _window(module), channels))
        elif isinstance(module, nn.ReLU):
            steps.append(Step("relu1", F.relu, Window(), channels))
        elif isinstance(module, nn.MaxPool2d):
            pools += 1
            steps.append(_pool(f"pool{pools}", pooling, Window(3, 2, incomplete=True), channels))
        else:
            expansion: Any = module
            channels = expansion.expand1x1.out_channels + expansion.expand3x3.out_channels
            steps.append(Step(f"fire{fire}_conv", _expansion(module), _window(expansion.expand3x3), channels))
            steps.append(Step(f"fire{fire}", F.relu, Window(), channels))
            fire += 1
    return steps


def _expansion(fire: Any) -> Callable[[Tensor], Tensor]:
    """A fire module (Iandola et al. 2016) up to, but without, the ReLU on its expanded channels."""

    def run(x: Tensor) -> Tensor:
        squeezed = F.relu(fire.squeeze(x))
        return torch.cat([fire.expand1x1(squeezed), fire.expand3x3(squeezed)], dim=1)

    return run


def _pool(name: str, pooling: str, window: Window, channels: int) -> Step:
    pool = F.avg_pool2d if pooling == "average" else F.max_pool2d
    run = partial(pool, kernel_size=window.size, stride=window.stride, ceil_mode=window.incomplete)
    return Step(name, run, window, channels)


def _window(convolution: nn.Conv2d) -> Window:
    (size, _), (stride, _) = convolution.kernel_size, convolution.stride
    padding: Any = convolution.padding
    return Window(size, stride, padding[0])


def torchvision_body(name: str) -> nn.Sequential:
    """The convolutional part of a network, as torchvision builds it."""
    import torchvision.models as models  # takes seconds, and only networks need it

    if name.startswith("squeezenet"):
        body: nn.Sequential = getattr(models, name)().features
        return body
    layout = models.vgg.cfgs["E" if name == "vgg19" else "D"]
    return models.vgg.make_layers(layout)  # type: ignore[no-any-return]
