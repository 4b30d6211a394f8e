"""The session of a transfer network."""

from __future__ import annotations

import torch
from torch import Tensor

from nst_core.engine.batch import Pairs, StylizedBatch
from nst_core.engine.evaluation import Evaluation
from nst_core.engine.memory import available_bytes
from nst_core.engine.method_session import LeastSides, MethodSession
from nst_core.engine.style_targets import StyleTarget
from nst_core.engine.tiling.settings import AUTOMATIC, Tiling
from nst_core.engine.transfer.network import TransferNetwork
from nst_core.engine.transfer.pictures import transfer_batch, transfer_target
from nst_core.engine.transfer.recipe import TransferRecipe
from nst_core.engine.watch import Watch


class TransferSession(MethodSession):
    """A transfer network on a device; style vectors are kept between chunks.

    Args:
        network: that the recipe names, on the CPU.
    """

    recipe: TransferRecipe

    def __init__(
        self, recipe: TransferRecipe, device: torch.device, network: TransferNetwork, tiling: Tiling = AUTOMATIC
    ) -> None:
        super().__init__(recipe, device, tiling)
        self.network = network.to(device)
        self.features, self.weights_sha256 = network.features, network.weights_sha256
        self.least_sides = LeastSides(network.min_side, network.min_style_side)

    def style_target(
        self,
        image: Tensor,
        content: Tensor | None = None,
        strength: float | None = None,
        guide: Tensor | None = None,
    ) -> StyleTarget:
        """As of any session; a network sees a style as a whole, so that `guide` must be None."""
        if guide is not None:
            raise ValueError("a transfer network sees a style as a whole")
        return transfer_target(image, self.recipe, self.network, content)

    def pair_bytes(self, width: int, height: int) -> int:
        return self.network.pair_bytes(width, height)

    def batch_that_fits(self, side: int, most: int) -> int:
        return max(1, min(most, int(available_bytes(self.device, self.tiling.memory) / self.pair_bytes(side, side))))

    def make_pictures(self, pairs: Pairs, watch: Watch, evaluation: Evaluation) -> StylizedBatch:
        return transfer_batch(pairs, self.recipe, self.network, watch)
