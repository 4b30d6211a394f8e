"""Every style loss: zero at the target, permutations, gradients, batches, blends, and what is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from nst_core.engine.features.wavelet import WaveletFeatures
from nst_core.engine.losses import GRAM_LOSSES
from nst_core.engine.style_losses import (
    STYLE_LOSSES,
    BatchLoss,
    LossBlend,
    LossRegion,
    LossSetting,
    blended,
    style_loss,
    tiles,
)
from nst_core.engine.terms import StyleTerm

OF_SETS = ("neighbours", "split_neighbours", "transport")
LAYERS = (("first", 1.0), ("second", 0.5))
OPTIONS: list[dict[str, Any]] = [
    *({"loss": loss} for loss in STYLE_LOSSES if loss not in OF_SETS),  # those have tests of their own
    *({"loss": "mmd", "kernel": kernel} for kernel in ("linear", "polynomial")),
    {"loss": "mmd", "kernel": "polynomial", "degree": 3, "offset": 0.5},
    {"loss": "sliced", "draws": "fixed", "projections": 3},
    {"loss": "mrf", "stride": 2, "patch": 2},
]
every_term = pytest.mark.parametrize(
    "term",
    [StyleTerm(LAYERS, **options) for options in OPTIONS],
    ids=[", ".join(map(str, o.values())) for o in OPTIONS],
)
every_term_of_sets = pytest.mark.parametrize(
    "term",
    [StyleTerm(LAYERS, **o) for o in OPTIONS if o["loss"] != "mrf"],
    ids=lambda term: f"{term.loss}, {term.kernel}",
)


def maps(count: int, side: int = 6, seed: int = 0, dtype: torch.dtype = torch.float64) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = {"first": (count, 4, side, side + 1), "second": (count, 5, side - 1, side)}
    return {name: torch.randn(shape, generator=generator, dtype=dtype) for name, shape in shapes.items()}


def blend(term: StyleTerm, of: Mapping[str, Tensor]) -> LossBlend:
    return ((1.0, style_loss(term).target(torch.zeros(3, 8, 8), lambda _: of)),)


def prepared(term: StyleTerm, *blends: LossBlend) -> BatchLoss:
    contents = torch.zeros(len(blends), 3, 8, 8)
    setting = LossSetting(WaveletFeatures(), contents, [0] * len(blends), torch.ones(len(blends)))
    return style_loss(term).of_batch([[LossRegion(one)] for one in blends], setting)


def values(loss: BatchLoss, of: Mapping[str, Tensor]) -> Tensor:
    return loss.values(torch.zeros(len(of["first"]), 3, 8, 8), of)


def rows(of: Mapping[str, Tensor], *indices: int) -> dict[str, Tensor]:
    return {name: tensor[list(indices)] for name, tensor in of.items()}


@every_term
def test_is_zero_at_the_style_itself_and_above_elsewhere(term: StyleTerm) -> None:
    style, other = maps(1), maps(1, seed=1)
    loss = prepared(term, blend(term, style))
    torch.testing.assert_close(values(loss, style), torch.zeros(1, dtype=torch.float64), atol=1e-12, rtol=0)
    assert values(loss, other).item() > 1e-3


@every_term_of_sets
def test_ignores_where_things_are(term: StyleTerm) -> None:
    style, result = maps(1), maps(1, seed=1)
    orders = {
        name: torch.randperm(x[0, 0].numel(), generator=torch.Generator().manual_seed(3)) for name, x in style.items()
    }
    mixed = {name: x.flatten(2)[:, :, orders[name]].view(x.shape) for name, x in result.items()}
    turned = {name: x.flatten(2)[:, :, orders[name].flip(0)].view(x.shape) for name, x in style.items()}
    plain = values(prepared(term, blend(term, style)), result)
    torch.testing.assert_close(values(prepared(term, blend(term, turned)), mixed), plain, rtol=1e-10, atol=0)


@every_term
def test_gradients(term: StyleTerm) -> None:
    loss = prepared(term, blend(term, maps(1, side=5)), blend(term, maps(1, side=4, seed=1)))
    result = [x.requires_grad_(True) for x in maps(2, side=4, seed=2).values()]

    def weighted(first: Tensor, second: Tensor) -> Tensor:
        return values(loss, {"first": first, "second": second})

    assert torch.autograd.gradcheck(weighted, result)


@every_term
def test_an_image_s_loss_and_gradient_do_not_depend_on_its_batch(term: StyleTerm) -> None:
    large, small = maps(2, side=9, seed=1, dtype=torch.float32), maps(1, side=6, dtype=torch.float32)
    result = maps(4, side=7, seed=2, dtype=torch.float32)
    one, other, third = blend(term, rows(large, 0)), blend(term, rows(large, 1)), blend(term, small)
    targets = [third, one, other, one]
    together, loss = with_gradients(prepared(term, *targets), result)
    assert loss.dtype == torch.float32
    for row, target in enumerate(targets):
        alone, own = with_gradients(prepared(term, target), rows(result, row))
        torch.testing.assert_close(own[0], loss[row], rtol=1e-4, atol=1e-6)
        for name in alone:
            torch.testing.assert_close(alone[name][0], together[name][row], rtol=1e-3, atol=1e-5)


def with_gradients(loss: BatchLoss, of: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Tensor]:
    leaves = {name: tensor.clone().requires_grad_(True) for name, tensor in of.items()}
    loss.begin(torch.zeros(1))
    loss.draw(7)
    found = values(loss, leaves)
    return dict(zip(leaves, torch.autograd.grad(found.sum(), list(leaves.values())), strict=True)), found.detach()


@every_term
def test_a_map_that_is_not_finite_spoils_its_own_image_alone(term: StyleTerm) -> None:
    style, result = maps(1), maps(2, seed=1)
    pair = blended([blend(term, style), blend(term, maps(1, seed=5))], [0.5, 0.5])
    for target in (blend(term, style), pair):
        clean, _ = with_gradients(prepared(term, target, target), result)
        broken = {name: torch.stack([x[0], x[1] * float("nan")]) for name, x in result.items()}
        spoilt, loss = with_gradients(prepared(term, target, target), broken)
        assert loss.isfinite().tolist() == [True, False]
        for name, gradient in spoilt.items():
            torch.testing.assert_close(gradient[0], clean[name][0])


@every_term
def test_styles_with_shares(term: StyleTerm) -> None:
    one, other, result = (maps(1, side=side, seed=side) for side in (6, 7, 8))
    shares = [0.25, 0.75]
    pair = blended([blend(term, one), blend(term, other)], shares)
    loss = values(prepared(term, pair), result)
    each = [values(prepared(term, blend(term, style)), result) for style in (one, other)]
    if term.loss.startswith("moments") or term.loss in GRAM_LOSSES:
        (_, a), (_, b) = pair
        mean = {name: 0.25 * a[name] + 0.75 * b[name] for name in a}
        expected = values(prepared(term, ((1.0, mean),)), result)
    else:
        expected = 0.25 * each[0] + 0.75 * each[1]
    torch.testing.assert_close(loss, expected)
    beside = values(prepared(term, pair, blend(term, other)), {k: torch.cat([x, x]) for k, x in result.items()})
    torch.testing.assert_close(beside, torch.cat([loss, each[1]]))


@every_term
def test_tiles_change_nothing(term: StyleTerm, monkeypatch: pytest.MonkeyPatch) -> None:
    style, result = maps(1), maps(2, seed=1)
    whole, loss = with_gradients(prepared(term, blend(term, style), blend(term, style)), result)
    monkeypatch.setattr(tiles, "TILE_BYTES", 700)
    parts, again = with_gradients(prepared(term, blend(term, style), blend(term, style)), result)
    torch.testing.assert_close(again, loss)
    for name in whole:
        torch.testing.assert_close(parts[name], whole[name])


@pytest.mark.parametrize("loss", ["sliced", "mmd"])
def test_draws_change_with_the_evaluation_or_are_fixed(loss: str) -> None:
    term = StyleTerm(LAYERS, loss=loss, positions=10, draws="anew")  # type: ignore[arg-type]
    style, result = maps(1), maps(1, seed=1)

    def at(loss: BatchLoss, evaluation: int) -> float:
        loss.draw(evaluation)
        return values(loss, result).item()

    anew, fixed = (prepared(each, blend(term, style)) for each in (term, replace(term, draws="fixed")))
    assert anew.changes
    assert not fixed.changes
    assert at(anew, 1) != at(anew, 2)
    assert at(anew, 1) == at(prepared(term, blend(term, style)), 1)
    assert at(fixed, 1) == at(fixed, 2)


def test_targets_that_pairs_share_are_kept_once() -> None:
    term = StyleTerm(LAYERS, loss="sliced")
    own = blend(term, maps(1))
    assert prepared(term, own, own, own).kept_bytes() == prepared(term, own).kept_bytes()


@pytest.mark.parametrize("loss", ["mmd", "sliced", "histogram", "mrf"])
def test_positions_bound_the_target(loss: str) -> None:
    term = StyleTerm(LAYERS, loss=loss, positions=7)  # type: ignore[arg-type]
    ((_, target),) = blend(term, maps(1, side=12))
    assert {x.shape[0 if loss == "mrf" else 1] for x in target.values()} == {7}
    repeated = blend(term, maps(1, side=12))
    assert all(torch.equal(x, repeated[0][1][name]) for name, x in target.items())
