"""Training of transfer networks: what all kinds have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Generic

import torch
from torch import Tensor

from nst_core.engine.training.crops import TrainingImages
from nst_core.engine.training.network_trainer import Network, NetworkTrainer, Settings, weighted_losses

PREVIEW_CONTENTS, PREVIEW_STYLES = 4, 4
"""Most rows and columns of a preview."""


class TransferTrainer(NetworkTrainer[Settings, Network], Generic[Settings, Network]):
    """Trains a network, or a part of one, to paint contents so that losses on the features of its pictures are small.

    A step sees random crops of contents, each with a random crop of a style.

    Args:
        images: photographs and paintings.
        weights: of the losses that `terms` names; 1 where there is none.
    """

    images: TrainingImages
    weights: Mapping[str, float]

    @abstractmethod
    def paint(self, network: Network, contents: Tensor, styles: Tensor) -> Tensor:
        """What the network makes of contents in styles, one each, all (B, 3, S, S) in [0, 1]: the same, not clamped."""

    @abstractmethod
    def terms(self, network: Network, contents: Tensor, styles: Tensor) -> Mapping[str, Tensor]:
        """The losses of what the network makes of contents and styles, by name, each per image, (B,)."""

    def styles(self, held_out: bool, count: int, generator: torch.Generator) -> Tensor:
        """Crops of styles that are trained with, or of those that are held out, (count, 3, S, S)."""
        images = self.images.held_out_styles if held_out else self.images.styles
        return images.crops(count, self.settings.crop, generator)

    def losses(self) -> Mapping[str, Tensor]:
        contents, styles = self._pairs(held_out=False, count=self.settings.batch, generator=self.generator)
        means = {name: losses.mean() for name, losses in self.terms(self.network, contents, styles).items()}
        return weighted_losses(means, self.weights)

    @torch.no_grad()
    def evaluate(self) -> Mapping[str, float]:
        """The losses of held-out contents and styles, the same pairs each time: `held_out.loss` and its terms."""
        network, draw = self.averaged_network(), torch.Generator().manual_seed(self.settings.seed + 1)
        count = self.settings.held_out
        pairs = self._pairs(held_out=True, count=count, generator=draw)
        sums: dict[str, float] = {}
        for contents, styles in zip(*(torch.split(each, self.settings.batch) for each in pairs), strict=True):
            for name, losses in self.terms(network, contents, styles).items():
                sums[name] = sums.get(name, 0.0) + losses.sum().item()
        means = {name: value / count for name, value in sums.items()}
        total = sum(self.weights.get(name, 1.0) * value for name, value in means.items())
        return {"held_out.loss": total, **{f"held_out.{name}": value for name, value in means.items()}}

    @torch.no_grad()
    def previews(self) -> Tensor:
        """Held-out contents, a row each, in styles, a column each; beside the rows and over the columns, themselves."""
        network, side = self.averaged_network(), self.settings.crop
        styles = self.preview_styles()
        rows = [torch.cat([torch.ones_like(styles[:1]), styles])]
        for content in self.images.held_out_contents.squares(PREVIEW_CONTENTS, side):
            copies = content.expand_as(styles)
            painted = self.paint(network, copies.to(self.device), styles.to(self.device))
            rows.append(torch.cat([content[None], painted.cpu()]))
        return torch.stack(rows).clamp(0, 1)

    def preview_styles(self) -> Tensor:
        """The styles of previews, (C, 3, S, S)."""
        return self.images.held_out_styles.squares(PREVIEW_STYLES, self.settings.crop)

    def _pairs(self, held_out: bool, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        contents = self.images.held_out_contents if held_out else self.images.contents
        drawn = contents.crops(count, self.settings.crop, generator)
        return drawn.to(self.device), self.styles(held_out, count, generator).to(self.device)
