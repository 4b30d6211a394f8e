"""What style losses on the feature vectors of a layer, drawn at random, have in common."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from nst_core.engine.style_losses.layerwise import NEVER, LayerLoss
from nst_core.engine.style_losses.positions import style_positions, style_vectors, vectors_at
from nst_core.engine.tiling.readings import LayerReading, Reading


class VectorLoss(LayerLoss):
    """A loss on at most `positions` vectors of a layer, drawn at each evaluation or, with `draws: fixed`, once."""

    summed = True
    stacked = False

    def lifetime(self) -> int | None:
        return NEVER if self.term.option("draws") == "fixed" else 1

    def layer_target(self, views: Sequence[Tensor], guides: Sequence[Tensor] | None = None) -> Tensor:
        """Vectors of the style, (N, K)."""
        return style_vectors(views[0], self.term.option("positions"), None if guides is None else guides[0])

    def target_reading(self, maps: Tensor) -> Reading:
        return vectors_at(style_positions(maps, self.term.option("positions")))

    def reading_target(self, own: LayerReading) -> Tensor:
        return own.values[0].contiguous()
