"""The maximum mean discrepancy of feature vectors (Li, Wang, Liu, Hou 2017, "Demystifying Neural Style Transfer")."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from nst_core.engine.losses import VARIANCE_FLOOR
from nst_core.engine.style_losses.positions import positions_of, vectors, vectors_at
from nst_core.engine.style_losses.tiles import sum_of_tiles, tiles
from nst_core.engine.style_losses.vector_loss import VectorLoss
from nst_core.engine.tiling.readings import LayerReading, Reading


class PreparedSets(NamedTuple):
    """A style's feature vectors, (N, K), their variance, (), and the mean of the kernel over all their pairs, ()."""

    vectors: Tensor
    variance: Tensor
    own: Tensor


class DiscrepancyLoss(VectorLoss):
    """MMD² = E k(x, x') − 2 E k(x, y) + E k(y, y'), over all pairs of the vectors x of the result and y of the style.

    Kernels, of vectors of N channels: `linear` xᵀy / N, `polynomial` (xᵀy / N + offset)^degree (with degree 2 and no
    offset the mean squared difference of Gram matrices), `gaussian` exp(−‖x − y‖² / 2σ²) with σ² so many times the
    mean of ‖y − y'‖².
    """

    def prepared(self, targets: Tensor) -> PreparedSets:
        style = targets[0]
        variance = 2 * (style - style.mean(dim=1, keepdim=True)).square().sum(dim=0).mean() + VARIANCE_FLOOR
        sums = [self.kernel(style[:, t], style, variance).sum() for t in tiles(style.shape[1], 4 * style.shape[1])]
        return PreparedSets(style, variance, torch.stack(sums).sum() / style.shape[1] ** 2)

    def choice(
        self, maps: Tensor, target: PreparedSets, generator: torch.Generator, guides: Tensor | None = None
    ) -> Tensor | None:
        return positions_of(maps, self.term.option("positions"), generator, None if guides is None else guides[0])

    def layer_values(self, maps: Tensor, target: PreparedSets, choice: Tensor | None) -> Tensor:
        return self._of_vectors(vectors(maps, choice), target)

    def reading(self, choice: Tensor | None) -> Reading:
        return vectors_at(choice)

    def reading_values(self, own: LayerReading, target: PreparedSets, choice: Tensor | None) -> Tensor:
        return self._of_vectors(own.values, target)

    def _of_vectors(self, own: Tensor, target: PreparedSets) -> Tensor:
        count, others = own.shape[2], target.vectors.shape[1]

        def piece(tile: slice, features: Tensor) -> Tensor:
            some = features[:, :, tile]
            among = self.kernel(some, features, target.variance).sum(dim=(1, 2)) / count**2
            across = self.kernel(some, target.vectors, target.variance).sum(dim=(1, 2)) / (count * others)
            return among - 2 * across

        parts = tiles(count, 4 * len(own) * max(count, others))
        return sum_of_tiles(own, [partial(piece, tile) for tile in parts]) + target.own

    def kernel(self, left: Tensor, right: Tensor, variance: Tensor) -> Tensor:
        """k of all pairs: (…, N, M) and (…, N, K) -> (…, M, K)."""
        products = left.mT @ right
        options = self.term.options()
        if options["kernel"] == "linear":
            return products / left.shape[-2]
        if options["kernel"] == "polynomial":
            return (products / left.shape[-2] + float(options["offset"])).pow(int(options["degree"]))
        squares = left.square().sum(dim=-2)[..., :, None] + right.square().sum(dim=-2)[..., None, :]
        distances = (squares - 2 * products).clamp_min(0)
        return torch.exp(-distances / (2 * float(options["bandwidth"]) * variance))
