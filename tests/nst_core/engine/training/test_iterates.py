"""Images on their way through an optimisation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from nst_core.engine.training.crops import ImageSet
from nst_core.engine.training.iterates import (
    OVERSHOOT,
    STARTS,
    IteratePool,
    spectrally_scaled,
    started,
    take_step,
)


def noise(seed: int) -> ImageSet:
    pixels = np.random.default_rng(seed).integers(0, 256, (4, 24, 24, 3), dtype=np.uint8)
    return ImageSet([str(number) for number in range(4)], lambda number: pixels[number])


def pool(seed: int = 0, count: int = 6, at_once: int = 2) -> IteratePool:
    return IteratePool(noise(1), noise(2), count, 16, at_once, torch.Generator().manual_seed(seed))


def distance(images: Tensor, contents: Tensor, styles: Tensor, weights: Tensor) -> Tensor:
    """To the mean colour of the style."""
    return (images - styles.mean(dim=(2, 3), keepdim=True)).square().mean(dim=(1, 2, 3))


def distances(of: IteratePool) -> Tensor:
    images, styles = (torch.stack([getattr(each, name) for each in of.iterates]) for name in ("image", "style"))
    return distance(images, images, styles, images)


def test_steps_lead_to_the_style() -> None:
    own = pool()
    before = distances(own)
    for _ in range(15):
        take_step(own.iterates, distance)
    assert (distances(own) < 0.8 * before).all()


def test_they_take_turns_and_are_replaced_when_they_are_done() -> None:
    own = pool()
    first = list(own.iterates)
    for each in first:
        each.steps = 2
    for _ in range(3):
        own.advance(distance)
    assert [each.done for each in own.iterates] == [1] * 6
    for _ in range(3):
        own.advance(distance)
    assert not set(map(id, first)) & set(map(id, own.iterates))
    assert all(each.done == 0 for each in own.iterates)


def test_values_stay_near_those_of_a_picture() -> None:
    own = pool()
    for each in own.iterates:
        each.rate = 5.0
    own.advance(distance)
    assert max(float(each.image.abs().max()) for each in own.iterates) <= 1.6, "noise was added to some starts"
    moved = [each for each in own.iterates if each.done]
    assert all(each.image.min() >= -OVERSHOOT and each.image.max() <= 1 + OVERSHOOT for each in moved)


def test_a_gradient_that_is_no_number_changes_nothing() -> None:
    own = pool()
    before = [each.image.clone().clamp(-OVERSHOOT, 1 + OVERSHOOT) for each in own.iterates]
    take_step(own.iterates, lambda images, *_: (images * torch.nan).sum(dim=(1, 2, 3)))
    assert all(torch.equal(each.image, image) for each, image in zip(own.iterates, before, strict=True))


def test_a_pool_goes_on_from_its_state() -> None:
    own, other = pool(0), pool(1)
    own.advance(distance)
    other.load_state(own.state())
    other.generator.set_state(own.generator.get_state())
    for _ in range(40):
        own.advance(distance)
        other.advance(distance)
    pairs = zip(own.iterates, other.iterates, strict=True)
    assert all(torch.equal(one.image, two.image) and one.done == two.done for one, two in pairs)


@pytest.mark.parametrize("start", STARTS)
def test_every_start_has_the_shape_of_the_content(start: str) -> None:
    draw = torch.Generator().manual_seed(0)
    content, style = noise(1).crop(16, draw), noise(2).crop(16, draw)
    assert started(content, style, start, draw).shape == content.shape


def test_spectral_scaling_of_power_zero_is_nothing() -> None:
    gradient = torch.randn(3, 16, 12)
    assert torch.allclose(spectrally_scaled(gradient, 0.0), gradient, atol=1e-5)
    smooth = spectrally_scaled(gradient, 1.0)
    assert smooth.diff(dim=2).square().mean() / smooth.var() < gradient.diff(dim=2).square().mean() / gradient.var()
