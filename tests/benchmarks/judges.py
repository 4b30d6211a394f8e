"""Judges of a stylised image: how near it is to the style, by a measure that did not make it, and to the content."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from pairs import SQUEEZENET
from patches import patch_distance
from skimage.metrics import structural_similarity
from torch import Tensor

from nst_core.engine.colour import greyscale
from nst_core.engine.features import build_extractor
from nst_core.engine.features.base import Extractor
from nst_core.engine.losses import gram_matrix
from nst_core.engine.recipe import ContentTerm, Recipe, StyleTerm

Distance = Callable[[Tensor, Tensor], float]
"""Of two images, (3, H, W) in [0, 1], whose sizes may differ."""

LAYERS = {
    "squeezenet1_0": ("relu1", "fire2", "fire3", "fire4", "fire5", "fire8"),
    "wavelet": ("first0", "first1", "first2", "first3", "second0", "second1", "second2"),
    "vgg19": ("relu1_1", "relu2_1", "relu3_1"),
}


def judges() -> dict[str, Distance]:
    """By name: each an opinion on style that belongs to one network, or to none (`patches`).

    SqueezeNet judges only where its weights are at hand.
    """
    learned = {"squeezenet1_0": gram_judge("squeezenet1_0", str(SQUEEZENET))} if SQUEEZENET.is_file() else {}
    return {
        **learned,
        "wavelet": gram_judge("wavelet"),
        "random vgg19": gram_judge("vgg19", "random"),
        "patches": patch_distance,
    }


def gram_judge(features: str, weights: str = "imagenet") -> Distance:
    """The Gram distance under an extractor."""
    layers = LAYERS[features]
    even = tuple((name, 1.0) for name in layers)
    extractor = build_extractor(Recipe("judge", ContentTerm(()), StyleTerm(even), features=features, weights=weights))
    return lambda image, other: gram_distance(image, other, extractor, layers)


@torch.no_grad()
def gram_distance(image: Tensor, other: Tensor, extractor: Extractor, layers: Sequence[str]) -> float:
    """`‖G − A‖ / ‖A‖` with A the Gram matrix of `other`, the geometric mean over layers."""
    of_image, of_other = (extractor(x[None], layers) for x in (image, other))
    logs = []
    for name in layers:
        gram, target = gram_matrix(of_image[name]), gram_matrix(of_other[name])
        logs.append(math.log(float((gram - target).norm() / target.norm()) + 1e-12))
    return math.exp(sum(logs) / len(logs))


def structure(image: Tensor, content: Tensor) -> float:
    """Structural similarity of the luminances (Wang, Bovik, Sheikh, Simoncelli 2004)."""
    light = [greyscale(x)[0].numpy() for x in (image, content)]
    return float(structural_similarity(*light, data_range=1.0))
