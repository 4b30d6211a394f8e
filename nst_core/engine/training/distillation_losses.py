"""Errors of the slim network beside VGG-19, and distances in its own metric."""

from __future__ import annotations

import torch
from torch import Tensor

from nst_core.engine.features.slim_network import SlimNetwork
from nst_core.engine.losses import gram_matrix

CONTENT_LAYER = 2
"""`relu3_1`, by which the images of the pool keep to their contents."""


def project(maps: Tensor, projection: Tensor) -> Tensor:
    """P F: (B, C, H, W) and (N, C) -> (B, N, H, W)."""
    return torch.nn.functional.conv2d(maps, projection[:, :, None, None])


def square_norm(values: Tensor) -> Tensor:
    """Σ of the squares of each, (B, …) -> (B,)."""
    return values.square().flatten(1).sum(dim=1)


def feature_error(maps: Tensor, gram: Tensor, projection: Tensor, target: Tensor, target_gram: Tensor) -> Tensor:
    """‖P F − T‖² / ‖T‖² per image, (B,), of maps F with Gram matrices G and a target T with V.

    As (tr P G Pᵀ − 2 tr P F Tᵀ + tr V) / tr V: nothing of the target's size is made, nor kept for the gradient.
    """
    cross = target.flatten(2) @ maps.flatten(2).mT / (maps.shape[2] * maps.shape[3])
    energy = target_gram.diagonal(dim1=1, dim2=2).sum(dim=1)
    own = (gram * (projection.T @ projection)).sum(dim=(1, 2))
    return (own - 2 * (projection * cross).sum(dim=(1, 2)) + energy) / energy.clamp_min(1e-6)


def gram_error(gram: Tensor, target: Tensor, least: Tensor | float = 1e-6) -> Tensor:
    """‖G − V‖² / ‖V‖² per image, (B,), or over `least` if that is more."""
    return square_norm(gram - target) / square_norm(target).clamp_min(least)


def style_distance(network: SlimNetwork, images: Tensor, contents: Tensor, styles: Tensor, weights: Tensor) -> Tensor:
    """A style loss in the network's metric, relative as that of the recipe `fast`, and a content loss: (B,)."""
    device = network.scales.device
    projections = [p.detach() for p in network.projections()]
    with torch.no_grad():
        targets = [gram_matrix(maps) for maps in network(styles.to(device))]
        wanted = network(contents.to(device), CONTENT_LAYER + 1)[CONTENT_LAYER]
    own = network(images.to(device))
    style = sum(
        (
            relative_distance(gram_matrix(maps), target, p)
            for maps, target, p in zip(own, targets, projections, strict=True)
        ),
        start=images.new_zeros(()).to(device),
    )
    metric = projections[CONTENT_LAYER]
    changes = square_norm(project(own[CONTENT_LAYER] - wanted, metric))
    spread = square_norm(project(wanted - wanted.mean(dim=(2, 3), keepdim=True), metric))
    return style + weights.to(device) * changes / (spread + 1e-4)


def relative_distance(gram: Tensor, target: Tensor, projection: Tensor) -> Tensor:
    """‖P ΔG Pᵀ‖² / ‖P A Pᵀ‖² per image, (B,), as tr(M ΔG M ΔG) with M = PᵀP."""
    metric = projection.T @ projection
    difference, whole = metric @ (gram - target), metric @ target
    distance, scale = ((each * each.mT).sum(dim=(1, 2)) for each in (difference, whole))
    return distance / scale.clamp_min(1e-12)
