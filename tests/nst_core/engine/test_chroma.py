"""The colour step: statistics of the chroma, luminance kept, edges of the luminance kept."""

from __future__ import annotations

import torch
from torch import Tensor

from nst_core.engine import chroma
from nst_core.engine.chroma import guided_filter, with_matched_chroma
from nst_core.engine.colour import colour_statistics, luminance


def muted(seed: int, height: int = 40, width: int = 32) -> Tensor:
    noise = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return 0.4 + 0.2 * noise


def test_chroma_has_the_styles_mean_and_covariance_and_the_luminance_stays(monkeypatch: object) -> None:
    image, style = muted(1), muted(2) * torch.tensor([1.1, 0.9, 0.7], dtype=torch.float64)[:, None, None]
    turn = image.new_tensor(chroma._YIQ_CHROMA)
    unsmoothed = lambda values, guide: values  # noqa: E731
    monkeypatch.setattr(chroma, "guided_filter", unsmoothed)  # type: ignore[attr-defined]
    found = with_matched_chroma(image, colour_statistics(style))
    assert torch.allclose(luminance(found), luminance(image), atol=1e-5)
    own, target = colour_statistics(found), colour_statistics(style)
    assert torch.allclose(own.mean @ turn.T, target.mean @ turn.T, atol=1e-3)
    assert torch.allclose(turn @ own.covariance @ turn.T, turn @ target.covariance @ turn.T, atol=1e-4)


def test_chroma_is_smoothed_where_the_luminance_is_flat_and_not_across_its_edges() -> None:
    step = torch.zeros(1, 1, 20, 20, dtype=torch.float64)
    step[..., 10:] = 1
    noisy = step + 0.1 * torch.randn(1, 1, 20, 20, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    smooth = guided_filter(noisy, step, radius=4)
    assert smooth[..., :10].std() < 0.03
    assert smooth[..., 10:].std() < 0.03
    assert (smooth[..., 10] - smooth[..., 9]).mean() > 0.9
    flat = guided_filter(torch.full((1, 2, 8, 8), 0.3), torch.rand(1, 1, 8, 8), radius=2)
    assert torch.allclose(flat, torch.full_like(flat, 0.3), atol=1e-5)


def test_a_batch_is_its_images() -> None:
    images, styles = torch.cat([muted(1), muted(2)]), torch.cat([muted(3), muted(4)])
    together = with_matched_chroma(images, colour_statistics(styles))
    for k in range(2):
        alone = with_matched_chroma(images[k : k + 1], colour_statistics(styles[k : k + 1]))
        assert torch.allclose(together[k : k + 1], alone, atol=1e-9)
    assert float(together.min()) >= 0
    assert float(together.max()) <= 1
