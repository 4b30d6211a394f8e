"""Gain maps: closed forms."""

from __future__ import annotations

import torch

from nst_core.engine.gain_maps import gain, gained


def test_features_like_the_styles_stay_and_gains_are_clamped() -> None:
    content = torch.rand(2, 3, 9, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.1
    assert torch.allclose(gained(content, content, 3), content)
    assert torch.allclose(gained(content, 2 * content, 3), 2 * content, rtol=1e-3), (
        "within the limits it is the style's"
    )
    assert torch.allclose(gained(content, 100 * content, 3), 5 * content)
    assert torch.allclose(gained(content, 0.01 * content, 3), 0.7 * content)


def test_a_window_of_one_is_the_ratio_of_the_features_themselves() -> None:
    content, style = torch.full((1, 1, 4, 4), 2.0), torch.arange(16.0).view(1, 1, 4, 4)
    assert torch.allclose(gained(content, style, 1), style.clamp(1.4, 10), rtol=1e-3)


def test_contrast_is_local() -> None:
    content = torch.tensor([0.0, 1.0]).repeat(8, 4)[None, None]
    style = content.clone()
    style[..., 4:] = style[..., 4:] * 3 - 1  # the same mean of the right half, three times its contrast
    spread = gained(content, style, 3)[0, 0, 4]
    assert spread[:2].max() - spread[:2].min() < 1.05 < 2 < spread[6:].max() - spread[6:].min()


def test_nothing_over_nothing_is_one() -> None:
    zero = torch.zeros(1)
    assert gain(zero, zero).tolist() == [1]
    assert gain(zero + 1, zero).tolist() == [5]
    assert torch.allclose(gain(zero - 2, zero - 1), zero + 2, rtol=1e-3)
