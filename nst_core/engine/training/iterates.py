"""Images on their way through an optimisation, which are neither photographs nor paintings."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from nst_core.engine.colour import colour_statistics, match_colours, stacked_statistics
from nst_core.engine.training.crops import ImageSet, draw_number, draw_value

StyleDistance = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
"""Losses (B,) of images, given contents, styles (each (B, 3, H, W)) and weights of the content (B,); differentiable."""

STARTS = ("content", "matched", "matched", "noisy", "noise")
"""What an image starts from, each as probable as it stands here: the content, in the style's colours, with noise."""

LEAST_STEPS, MOST_STEPS = 20, 200
MOMENTUM, SQUARES = 0.9, 0.99
OVERSHOOT = 0.1
"""How far values may leave [0, 1]: optimisations are not clamped."""


@dataclass(eq=False)
class Iterate:
    """One image, (3, S, S), how it is optimised, and how far it has come.

    Attributes:
        content, style: what it is optimised towards.
        image: as it is now.
        momentum, squares: moving averages of its gradient, and of that squared.
        done, steps: steps taken, and those after which another takes its place.
        rate: largest step of a pixel, roughly.
        power: p of a step whose Fourier coefficients are scaled by f^-p; None: Adam.
        content_weight: of the content in the loss.
        notes: what a training remembers of the style.
    """

    content: Tensor
    style: Tensor
    image: Tensor
    momentum: Tensor
    squares: Tensor
    done: int
    steps: int
    rate: float
    power: float | None
    content_weight: float
    notes: list[Tensor]

    def state(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}


class IteratePool:
    """Images that are optimised beside a training, some at each of its steps, each replaced after a random number.

    Args:
        contents, styles: what is drawn from.
        count: of images.
        side: in pixels.
        at_once: images that take a step at a time, in turn.
    """

    def __init__(
        self, contents: ImageSet, styles: ImageSet, count: int, side: int, at_once: int, generator: torch.Generator
    ) -> None:
        self.contents, self.styles, self.side, self.at_once = contents, styles, side, at_once
        self.generator = generator
        self.iterates = [self._drawn() for _ in range(count)]
        self.turn = 0

    def present(self) -> list[Iterate]:
        """Those whose turn it is."""
        first = self.turn * self.at_once
        return [self.iterates[(first + k) % len(self.iterates)] for k in range(self.at_once)]

    def advance(self, distance: StyleDistance) -> None:
        """Those whose turn it is take a step, or are replaced; then it is the turn of the next."""
        own = self.present()
        take_step(own, distance)
        for iterate in own:
            if iterate.done >= iterate.steps:
                self.iterates[self.iterates.index(iterate)] = self._drawn()
        self.turn = (self.turn + 1) % math.ceil(len(self.iterates) / self.at_once)

    def state(self) -> dict[str, Any]:
        return {"turn": self.turn, "iterates": [each.state() for each in self.iterates]}

    def load_state(self, state: dict[str, Any]) -> None:
        self.turn, self.iterates = state["turn"], [Iterate(**each) for each in state["iterates"]]

    def _drawn(self) -> Iterate:
        draw = self.generator
        pictures = self.contents if draw_number(4, draw) else self.styles  # paintings are optimised too
        content, style = pictures.crop(self.side, draw), self.styles.crop(self.side, draw)
        start = STARTS[draw_number(len(STARTS), draw)]
        image = started(content, style, start, draw)
        if start == "matched":
            content = image  # as recipes do that compare with the content in the style's colours
        steps = LEAST_STEPS + draw_number(MOST_STEPS - LEAST_STEPS, draw)
        rate = 0.01 * 6 ** draw_value(0, 1, draw)
        power = (None, 0.0, 0.25, 0.5)[draw_number(4, draw)]
        weight = 0.0 if draw_number(4, draw) == 0 else 0.02 * 10 ** draw_value(0, 1, draw)
        zero = torch.zeros_like(image)
        return Iterate(content, style, image, zero, zero, 0, steps, rate, power, weight, [])


def started(content: Tensor, style: Tensor, start: str, generator: torch.Generator) -> Tensor:
    """The image, (3, H, W), that an optimisation starts from: one of `STARTS`."""
    if start == "noise":
        return torch.rand(content.shape, generator=generator)
    if start == "noisy":
        return content + draw_value(0.02, 0.3, generator) * torch.randn(content.shape, generator=generator)
    if start == "matched":
        return match_colours(content[None], stacked_statistics([colour_statistics(style)]))[0]
    return content.clone()


def take_step(iterates: Sequence[Iterate], distance: StyleDistance) -> None:
    """One step of each, down the gradient of its loss; steps become shorter towards the last."""
    images = torch.stack([each.image for each in iterates]).requires_grad_()
    contents, styles = (torch.stack([getattr(each, name) for each in iterates]) for name in ("content", "style"))
    weights = torch.tensor([each.content_weight for each in iterates])
    (gradients,) = torch.autograd.grad(distance(images, contents, styles, weights).sum(), images)
    for iterate, gradient in zip(iterates, gradients, strict=True):
        _step(iterate, gradient.nan_to_num(0.0))


def _step(iterate: Iterate, gradient: Tensor) -> None:
    iterate.done += 1
    if iterate.power is not None:
        gradient = spectrally_scaled(gradient, 2 * iterate.power)
    iterate.momentum = torch.lerp(gradient, iterate.momentum, MOMENTUM)
    iterate.squares = torch.lerp(gradient.square(), iterate.squares, SQUARES)
    squares = iterate.squares / (1 - SQUARES**iterate.done)
    if iterate.power is not None:
        squares = squares.mean()
    mean = iterate.momentum / (1 - MOMENTUM**iterate.done)
    rate = iterate.rate * (1 - 0.9 * iterate.done / iterate.steps)
    image = iterate.image - rate * mean / (squares.sqrt() + 1e-12)
    iterate.image = image.clamp(-OVERSHOOT, 1 + OVERSHOOT)


def spectrally_scaled(gradient: Tensor, power: float) -> Tensor:
    """(3, H, W) with its Fourier coefficients scaled by f^-power, f from one period per image."""
    height, width = gradient.shape[1:]
    y, x = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)[None]
    frequency = (y.square() + x.square()).sqrt().clamp_min(1 / max(height, width))
    scaled: Tensor = torch.fft.irfft2(torch.fft.rfft2(gradient) * frequency**-power, s=(height, width))
    return scaled
