"""Losses as pure functions: feature maps in, one float32 value per image out. Images never mix.

Feature maps are (B, N, H, W), whatever their precision; Gram matrices are (B, N, N) float32 (or float64, if the maps
are), since half precision overflows in them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

ENERGY_FLOOR = 1e-3
"""Added to a channel's root mean energy before it divides: silent channels must not become loud."""

SCALED_FLOOR = 1e-8
"""Added to the sum of differences that divides in `scaled` losses."""

VARIANCE_FLOOR = 1e-4
"""Added to the content's spatial variance before it divides: a flat image has none."""


def gram_matrix(features: Tensor) -> Tensor:
    """Gram matrices per image, divided by the number of positions: (B, N, H, W) -> (B, N, N), `F Fᵀ / M`.

    Gatys, Ecker, Bethge 2016, eq. 3, but divided by M = H·W, so that images of different sizes can be compared.
    """
    with torch.autocast(features.device.type, enabled=False):  # it would lower the product to half precision
        gram: Tensor = _Gram.apply(features.flatten(2))
        return gram


def guided_gram(features: Tensor, channel: Tensor) -> Tensor:
    """The Gram matrices of one region: `(T∘F)(T∘F)ᵀ / M`, (B, N, H, W) and a channel T, (B, H, W) -> (B, N, N).

    Gatys et al. 2017, "Controlling Perceptual Factors", eq. 4; T as `guidance_channel` gives it. Besides the features
    themselves nothing is kept for the backward pass, however many regions there are.
    """
    with torch.autocast(features.device.type, enabled=False):
        gram: Tensor = _GuidedGram.apply(features.flatten(2), channel.flatten(1)[:, None].to(features.dtype))
        return gram


class _GuidedGram(torch.autograd.Function):
    """`(T∘F)(T∘F)ᵀ / M` of (B, N, M) and (B, 1, M)."""

    @staticmethod
    def forward(ctx: Any, flat: Tensor, channel: Tensor) -> Tensor:
        ctx.save_for_backward(flat, channel)
        guided = flat * channel
        return product(guided, guided.transpose(1, 2)) / flat.shape[2]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        flat, channel = ctx.saved_tensors
        spread = (gradient + gradient.transpose(1, 2)) / flat.shape[2]
        return (spread @ at_least_float32(flat * channel) * channel).to(flat.dtype), None


class _Gram(torch.autograd.Function):
    """`F Fᵀ / M` of (B, N, M). Autograd would make two products of the gradient, (Ḡ + Ḡᵀ) F / M needs one."""

    @staticmethod
    def forward(ctx: Any, flat: Tensor) -> Tensor:
        ctx.save_for_backward(flat)
        return product(flat, flat.transpose(1, 2)) / flat.shape[2]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (flat,) = ctx.saved_tensors
        spread = (gradient + gradient.transpose(1, 2)) / flat.shape[2]
        if _has_wide_products(flat):
            spread = spread.to(flat.dtype)  # the result is rounded to the maps' precision in any case
        else:
            flat = at_least_float32(flat)
        channels_last = flat.stride(1) == 1  # the gradient should have this layout too, and `spread` is symmetric
        back: Tensor = (flat.transpose(1, 2) @ spread).transpose(1, 2) if channels_last else spread @ flat
        return back.to(ctx.saved_tensors[0].dtype)


def product(left: Tensor, right: Tensor) -> Tensor:
    """Batched matrix product in at least float32, whatever the factors.

    Products of bfloat16 numbers are exact in float32: summing them there, as tensor cores do, is the float32 product of
    the same numbers, at the speed of the half ones and without copies.
    """
    if _has_wide_products(left):
        return torch.bmm(left, right, out_dtype=torch.float32)
    return at_least_float32(left) @ at_least_float32(right)


def _has_wide_products(tensor: Tensor) -> bool:
    half = tensor.is_cuda and tensor.dtype in (torch.bfloat16, torch.float16)
    return half and tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 8)


def content_sum(features: Tensor, target: Tensor) -> Tensor:
    """Σ (F − P)² per image, (B,): the squared Euclidean distance."""
    return squared_error(features, target).sum(dim=(1, 2, 3))


def content_half_sum(features: Tensor, target: Tensor) -> Tensor:
    """½ Σ (F − P)² per image, (B,). Gatys 2016, eq. 1."""
    return content_sum(features, target) / 2


def content_half_sum_by_size(features: Tensor, target: Tensor) -> Tensor:
    """½ Σ (F − P)² per image, (B,), divided by the number of positions: as eq. 1, whatever the size of the image."""
    return content_half_sum(features, target) / (features.shape[2] * features.shape[3])


def content_half_mean(features: Tensor, target: Tensor) -> Tensor:
    """½ mean of (F − P)² per image, (B,): eq. 1 of Gatys 2016 divided by N·M, as its eq. 4 is by (N·M)²."""
    return content_mean(features, target) / 2


def content_mean(features: Tensor, target: Tensor) -> Tensor:
    """Mean of (F − P)² per image, (B,). As in neural-style and the PyTorch tutorial."""
    return squared_error(features, target).mean(dim=(1, 2, 3))


def content_relative(features: Tensor, target: Tensor) -> Tensor:
    """Mean of (F − P)² per image over P's spatial variance, (B,): 1 is the loss of a picture without structure."""
    target = at_least_float32(target)
    variance = (target - target.mean(dim=(2, 3), keepdim=True)).square().mean(dim=(1, 2, 3))
    return content_mean(features, target) / (variance + VARIANCE_FLOOR)


def content_scaled(features: Tensor, target: Tensor) -> Tensor:
    """Σ (F − P)² / Σ |F − P| per image, (B,): a loss whose gradient has about the same size wherever the image is."""
    return _scaled(at_least_float32(features) - at_least_float32(target))


def style_gatys(gram: Tensor, target: Tensor, positions: int) -> Tensor:
    """Σ (G/M_G − A/M_A)² / (4 N²) per image, (B,). Gatys 2016, eq. 4: with equal sizes, Σ(G − A)² / (4 N² M²).

    Here and below `gram` and `target` are (B, N, N), divided by their own number of positions, as `gram_matrix` gives
    them, and `positions` is M_G, the result's.
    """
    return (gram - target).square().sum(dim=(1, 2)) / (4 * gram.shape[1] ** 2)


def style_mean(gram: Tensor, target: Tensor, positions: int) -> Tensor:
    """Mean of (G/(N·M_G) − A/(N·M_A))² per image, (B,). As in neural-style and the PyTorch tutorial."""
    return ((gram - target) / gram.shape[1]).square().mean(dim=(1, 2))


def style_half_sum(gram: Tensor, target: Tensor, positions: int) -> Tensor:
    """½ Σ (G − A·M_G/M_A)² of raw Gram matrices per image, (B,)."""
    return (positions * (gram - target)).square().sum(dim=(1, 2)) / 2


def style_mean_by_size(gram: Tensor, target: Tensor, positions: int) -> Tensor:
    """Mean of (G − A·M_G/M_A)² of raw Gram matrices, divided by N·M_G, per image, (B,)."""
    return (positions * (gram - target)).square().mean(dim=(1, 2)) / (gram.shape[1] * positions)


def style_relative(gram: Tensor, target: Tensor, positions: int) -> Tensor:
    """Mean of (G_ij − A_ij)² / (A_ii A_jj) per image, (B,), G and A already per position: no channel drowns another."""
    energy = target.diagonal(dim1=1, dim2=2).clamp_min(0).sqrt() + ENERGY_FLOOR
    return ((gram - target) / (energy[:, :, None] * energy[:, None, :])).square().mean(dim=(1, 2))


def style_frobenius(gram: Tensor, target: Tensor, positions: int) -> Tensor:
    """‖G/M_G − A/M_A‖² / ‖A/M_A‖² per image, (B,): 1 is the loss of a black map, whatever the layer's scale."""
    return (gram - target).square().sum(dim=(1, 2)) / target.square().sum(dim=(1, 2)).clamp_min(1e-12)


def style_scaled(gram: Tensor, target: Tensor, positions: int) -> Tensor:
    """Σ d² / Σ |d| per image, (B,), with d = G/M_G − A/M_A: a loss with a gradient of much the same size everywhere."""
    return _scaled(gram - target)


def _scaled(difference: Tensor) -> Tensor:
    flat = difference.flatten(1)
    return flat.square().sum(dim=1) / (flat.abs().sum(dim=1) + SCALED_FLOOR)


def total_variation(images: Tensor) -> Tensor:
    """Mean squared horizontal plus mean squared vertical difference per image: (B, 3, H, W) -> (B,)."""
    images = at_least_float32(images)
    horizontal = images.diff(dim=3).square().flatten(1)
    vertical = images.diff(dim=2).square().flatten(1)
    return _mean_or_zero(horizontal) + _mean_or_zero(vertical)


def total_variation_half_sum(images: Tensor) -> Tensor:
    """½ Σ of squared horizontal and vertical differences, of values in 0–255, per image: (B, 3, H, W) -> (B,).

    The gradient is that of neural-style's TVLoss: the differences themselves, times its strength.
    """
    values = 255 * at_least_float32(images)
    return (values.diff(dim=3).square().sum(dim=(1, 2, 3)) + values.diff(dim=2).square().sum(dim=(1, 2, 3))) / 2


def out_of_range(images: Tensor) -> Tensor:
    """Mean squared excess over [0, 1] per image: (B, 3, H, W) -> (B,)."""
    return (images - images.detach().clamp(0, 1)).square().flatten(1).mean(dim=1)


def squared_error(features: Tensor, target: Tensor) -> Tensor:
    return (at_least_float32(features) - at_least_float32(target)).square()


def at_least_float32(tensor: Tensor) -> Tensor:
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def _mean_or_zero(values: Tensor) -> Tensor:
    return values.mean(dim=1) if values.shape[1] else values.sum(dim=1)


TV_LOSSES = {"mean": total_variation, "half_sum": total_variation_half_sum}
CONTENT_LOSSES = {
    "half_sum": content_half_sum,
    "half_sum_by_size": content_half_sum_by_size,
    "half_mean": content_half_mean,
    "sum": content_sum,
    "mean": content_mean,
    "relative": content_relative,
    "scaled": content_scaled,
}
GRAM_LOSSES = {
    "gatys": style_gatys,
    "mean": style_mean,
    "half_sum": style_half_sum,
    "mean_by_size": style_mean_by_size,
    "relative": style_relative,
    "frobenius": style_frobenius,
    "scaled": style_scaled,
}
