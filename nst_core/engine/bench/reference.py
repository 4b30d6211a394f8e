"""The sequential reference: one image at a time, as the common tutorials do it, on the objective of the recipe.

`torch.optim.LBFGS` in float32 with a rate of 1 and no line search moves the pixels, starting from the content; the
network is torchvision's (`PlainNetwork`), a Gram matrix is `F @ F.T` and its gradient what autograd makes of it. The
formulas of the losses are the recipe's own, the penalty on values out of range included; nothing is clamped on the way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from nst_core.engine.bench.network import PlainNetwork
from nst_core.engine.colour import colour_statistics, match_colours
from nst_core.engine.features.base import Extractor
from nst_core.engine.features.convnets import ConvNet
from nst_core.engine.losses import CONTENT_LOSSES, GRAM_LOSSES, out_of_range, total_variation
from nst_core.engine.recipe import Recipe
from nst_core.errors import ConfigError

HISTORY = 100
"""torch's default, which tutorials use."""


@dataclass(frozen=True)
class ReferenceTargets:
    """Feature maps of the content, and Gram matrices per position of the style, by layer."""

    content: Mapping[str, Tensor]
    style: Mapping[str, Tensor]


class Reference:
    """Stylizes one image at a time.

    Args:
        recipe: its objective is minimised; its optimiser, start and precision are not used.
        extractor: in float32; of a convolutional network only the weights are used.
        history: curvature pairs that L-BFGS keeps.

    Raises:
        ConfigError: the plain network lacks one of the recipe's layers, or the recipe's losses or colours are not
            plain.
    """

    def __init__(self, recipe: Recipe, extractor: Extractor, history: int = HISTORY) -> None:
        if recipe.content.colours == "grey" or recipe.colour == "content":
            raise ConfigError(
                "The plain reference knows neither greyscale contents nor keeping the content's colours: "
                "go without it (--no-reference)."
            )
        if recipe.style.beside or recipe.style.loss not in GRAM_LOSSES or recipe.style.last_loss != "same":
            raise ConfigError(
                "The plain reference knows no style but one of Gram matrices: go without it (--no-reference)."
            )
        if recipe.content.loss not in CONTENT_LOSSES or recipe.content.laplacian or recipe.content.gains:
            raise ConfigError("The plain reference compares content by features alone: go without it (--no-reference).")
        if recipe.strength is not None:
            raise ConfigError("The plain reference knows no strength: go without it (--no-reference).")
        self.recipe, self.history = recipe, history
        self.network = PlainNetwork(recipe, extractor) if isinstance(extractor, ConvNet) else extractor

    def stylize(self, content: Tensor, style: Tensor, evaluations: int) -> Tensor:
        """The clamped image, (3, H, W), after as many losses and gradients as `evaluations`."""
        targets = self.targets(content, style)
        image = content.clone().requires_grad_(True)
        optimiser = torch.optim.LBFGS(
            [image], lr=1, max_iter=evaluations, max_eval=evaluations, history_size=self.history,
            tolerance_grad=0, tolerance_change=0,
        )  # fmt: skip

        def closure() -> Tensor:
            optimiser.zero_grad()
            loss = self.loss(image, targets)
            loss.backward()  # type: ignore[no-untyped-call]
            return loss

        optimiser.step(closure)  # type: ignore[no-untyped-call]
        return image.detach().clamp(0, 1)

    @torch.no_grad()
    def targets(self, content: Tensor, style: Tensor) -> ReferenceTargets:
        """The targets of a content, (3, H, W), and a style, (3, h, w)."""
        if self.recipe.content.colours == "style":
            content = match_colours(content, colour_statistics(style))
        style_maps = self.network(style[None], self.recipe.style_names())
        content_maps = self.network(content[None], self.recipe.content_names())
        grams = {name: _gram(maps) / maps[0, 0].numel() for name, maps in style_maps.items()}
        return ReferenceTargets(content_maps, grams)

    def loss(self, image: Tensor, targets: ReferenceTargets) -> Tensor:
        """The recipe's total of (3, H, W), plus its penalty on values out of range: what is minimised."""
        recipe, images = self.recipe, image[None]
        total = self.total(images, targets)
        return total + recipe.range_weight * out_of_range(images)[0] if recipe.range_weight else total

    def total(self, images: Tensor, targets: ReferenceTargets) -> Tensor:
        """`alpha·content + beta·style + tv_weight·tv` of (1, 3, H, W), a scalar."""
        recipe = self.recipe
        maps = self.network(images, recipe.layer_names())
        total = recipe.tv_weight * total_variation(images)[0] if recipe.tv_weight else images.new_zeros(())
        for name, weight in recipe.content.layers:
            loss = CONTENT_LOSSES[recipe.content.loss](maps[name], targets.content[name])
            total = total + recipe.alpha * weight * loss[0]
        for name, weight in recipe.style.layers:
            positions = maps[name][0, 0].numel()
            gram, target = _gram(maps[name]) / positions, targets.style[name]
            total = (
                total + recipe.beta * weight * GRAM_LOSSES[recipe.style.loss](gram[None], target[None], positions)[0]
            )
        return total


def _gram(maps: Tensor) -> Tensor:
    """(1, N, H, W) -> (N, N)."""
    flat = maps[0].flatten(1)
    return flat @ flat.T
