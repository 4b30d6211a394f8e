"""Patches and their neighbours against brute force."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy_style_losses import patches
from torch import Tensor

from nst_core.engine.features.wavelet import WaveletFeatures
from nst_core.engine.style_losses import LossRegion, LossSetting, style_loss
from nst_core.engine.style_losses.mrf import PatchLoss
from nst_core.engine.terms import StyleTerm


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def patch_loss(**options: Any) -> PatchLoss:
    return PatchLoss(StyleTerm((("layer", 1.0),), loss="mrf", **options))


@pytest.mark.parametrize(("patch", "stride"), [(3, 1), (3, 2), (2, 3), (1, 1)])
def test_neighbours_and_values_equal_brute_force(patch: int, stride: int) -> None:
    result, style = draw(2, 4, 7, 9), draw(1, 4, 8, 6, seed=1)
    loss = patch_loss(patch=patch, stride=stride)
    target = loss.prepared(loss.layer_target([style])[None])
    choice = loss.choice(result, target, torch.Generator())
    found = loss.layer_values(result, target, choice)
    theirs = patches(style[0].numpy(), patch, stride)
    for image in range(2):
        own = patches(result[image].numpy(), patch, stride)
        lengths = np.linalg.norm(own, axis=1)[:, None] * np.linalg.norm(theirs, axis=1)[None]
        nearest = np.argmax((own @ theirs.T) / lengths, axis=1)
        assert choice.indices[image].tolist() == nearest.tolist()
        assert found[image].item() == pytest.approx(((own - theirs[nearest]) ** 2).mean(), rel=1e-12)


def test_maps_smaller_than_a_patch_are_padded() -> None:
    loss = patch_loss()
    target = loss.prepared(loss.layer_target([draw(1, 4, 2, 5, seed=1)])[None])
    maps = draw(1, 4, 2, 1)
    assert loss.layer_values(maps, target, loss.choice(maps, target, torch.Generator())).item() > 0


def test_views_are_turned_and_resized() -> None:
    image = torch.rand(3, 20, 30, generator=torch.Generator().manual_seed(0))
    shapes = [tuple(view.shape[1:]) for view in patch_loss(rotations=True, other_sizes=1.25).views(image)]
    each = [(20, 30), (25, 38), (16, 24)]
    assert shapes == [shape[::-1] if turn % 2 else shape for shape in each for turn in range(4)]
    assert patch_loss().views(image) == (image,)


def test_a_turned_copy_of_the_style_is_matched_where_rotations_are_wanted() -> None:
    style = draw(1, 4, 8, 6, seed=1)
    turned = style.rot90(1, (2, 3))
    losses = []
    for views in ([style], [style.rot90(k, (2, 3)) for k in range(4)]):
        loss = patch_loss()
        target = loss.prepared(loss.layer_target(views)[None])
        losses.append(loss.layer_values(turned, target, loss.choice(turned, target, torch.Generator())).item())
    assert losses[0] > 0.1
    assert losses[1] == pytest.approx(0, abs=1e-12)


def test_neighbours_are_kept_for_as_many_evaluations_as_asked_for() -> None:
    term = StyleTerm((("layer", 1.0),), loss="mrf", refresh=4)
    style, first, second = draw(1, 4, 8, 6), draw(1, 4, 7, 7, seed=1), draw(1, 4, 7, 7, seed=2)

    def at(loss: Any, evaluation: int, maps: Tensor) -> float:
        loss.draw(evaluation)
        return float(loss.values(torch.zeros(1, 3, 8, 8), {"layer": maps}))

    def fresh() -> Any:
        target = ((1.0, style_loss(term).target(torch.zeros(3, 8, 8), lambda _: {"layer": style})),)
        setting = LossSetting(WaveletFeatures(), torch.zeros(1, 3, 8, 8), [0], torch.ones(1))
        return style_loss(term).of_batch([[LossRegion(target)]], setting)

    loss = fresh()
    assert loss.changes
    at(loss, 4, first)
    kept, anew = at(loss, 7, second), at(loss, 8, second)
    assert anew == at(fresh(), 8, second)
    assert kept != anew
