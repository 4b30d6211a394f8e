"""The floating-point operations of an evaluation, counted from shapes, without doing any arithmetic.

The count is of the method, not of its implementation: matrix products and convolutions (2 operations per multiply-add)
of one forward pass, as torch's own counter sees them, and as many again for the way back. To the image alone, each
product has one product in its backward pass (weights need no gradient, and a Gram matrix is symmetric), which is as
large. Element-wise work, pooling and Fourier transforms are not counted.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from nst_core.engine.bench.report import Flops
from nst_core.engine.features.base import Extractor
from nst_core.engine.recipe import Recipe

FORWARD_AND_BACKWARD = 2


def evaluation_flops(recipe: Recipe, extractor: Extractor, height: int, width: int) -> Flops:
    """Operations of one evaluation of one image of `height` × `width` pixels."""
    passes = [recipe.layer_names()]
    if recipe.content.colours == "grey":  # content compares other images than style does
        passes = [recipe.content_names(), recipe.style_names()]
    counted = [_forward(extractor, names, height, width) for names in passes]
    features = FORWARD_AND_BACKWARD * sum(flops for flops, _ in counted)
    shapes = counted[-1][1]
    grams = FORWARD_AND_BACKWARD * sum(_gram(*shapes[name]) for name in recipe.style_names())
    return Flops(features, grams, features + grams)


def _forward(
    extractor: Extractor, names: Sequence[str], height: int, width: int
) -> tuple[int, dict[str, tuple[int, int]]]:
    """Operations of one forward pass, and (channels, positions) of the maps."""
    if not names:
        return 0, {}
    counter = FlopCounterMode(display=False)
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad(), counter:
        maps = extractor(torch.empty(1, 3, height, width, device=extractor.device), names)
        shapes = {name: (maps[name].shape[1], maps[name].shape[2:].numel()) for name in names}
    return int(counter.get_total_flops()), shapes


def _gram(channels: int, positions: int) -> int:
    return 2 * channels**2 * positions
