"""The initial images of an optimisation."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from nst_core.engine.batch import Pairs
from nst_core.engine.colour import greyscale
from nst_core.engine.laplacian import from_pyramid, laplacian_pyramid
from nst_core.engine.objective import Objective
from nst_core.engine.recipe import Recipe
from nst_core.engine.scaling import resized
from nst_core.engine.style_targets import luminance_only

PYRAMID_LEVELS, FINEST = 8, 3
"""Parts of a pyramid, and those left out of `coarse_content`: NNST's numbers."""


def initial_images(pairs: Pairs, recipe: Recipe, objective: Objective) -> Tensor:
    """The recipe's initial images, (B, 3, H, W); noise is uniform in [0, 1], drawn by each pair's seed.

    For a strength below the recipe's own they are blended with the contents.
    """
    start = _initial_images(pairs, recipe, objective)
    if recipe.start in ("noise", "coarse_content", "style", "transfer"):
        # The others are the contents, or are blended already.
        start = objective.blended(objective.contents, start)
    return greyscale(start).contiguous() if luminance_only(recipe) else start


def _initial_images(pairs: Pairs, recipe: Recipe, objective: Objective) -> Tensor:
    if recipe.start == "noise":
        generators = [torch.Generator().manual_seed(seed) for seed in pairs.seeds]
        noise = [torch.rand(pairs.contents.shape[1:], generator=g, dtype=torch.float32) for g in generators]
        return torch.stack(noise).to(pairs.contents)
    if recipe.start == "coarse_content":
        return coarse_part(objective.contents)
    if recipe.start == "style":

        def of_region(number: int, guide: Tensor | None) -> Tensor:
            return torch.stack([_covering(target.part(number).image, pairs.contents) for target in pairs.targets])

        return of_region(0, None) if objective.regions is None else objective.regions.mixed(of_region, pairs.contents)
    if recipe.start == "transfer":
        if pairs.starts is None:
            raise ValueError("start: transfer needs the pictures of its network")
        return pairs.starts.clone()
    if recipe.start == "colour_matched" and objective.matched is not None:
        return objective.matched
    return objective.contents.clone()


def with_content_details(images: Tensor, objective: Objective) -> Tensor:
    """The result of a coarser scale, (B, 3, h, w), enlarged to the scale of an objective.

    For a strength below the recipe's own it gets a share of the details that the content has at this scale only.
    """
    contents = objective.contents
    enlarged = resized(images, contents.shape[2:])
    if objective.strengths is None or not objective.strengths.weakens or images.shape == contents.shape:
        return enlarged
    details = contents - resized(resized(contents, images.shape[2:]), contents.shape[2:])
    return objective.blended((enlarged + details).clamp(0, 1), enlarged)


def coarse_part(images: Tensor) -> Tensor:
    """Images (B, 3, H, W) without the finest `FINEST` parts of their Laplacian pyramid, but never without the last."""
    parts = laplacian_pyramid(images, PYRAMID_LEVELS)
    kept = min(FINEST, len(parts) - 1)
    return from_pyramid([*map(torch.zeros_like, parts[:kept]), *parts[kept:]])


def _covering(image: Tensor | None, like: Tensor) -> Tensor:
    """An image, (3, h, w), scaled to cover the shape of `like`, (B, 3, H, W), and cropped in the middle."""
    if image is None:
        raise ValueError("start: style needs targets made under the same recipe")
    (height, width), (own_height, own_width) = like.shape[2:], image.shape[1:]
    factor = max(height / own_height, width / own_width)
    shape = max(height, round(own_height * factor)), max(width, round(own_width * factor))
    scaled = F.interpolate(image[None], shape, mode="bicubic", antialias=True)[0].clamp(0, 1)
    top, left = (shape[0] - height) // 2, (shape[1] - width) // 2
    return scaled[:, top : top + height, left : left + width]
