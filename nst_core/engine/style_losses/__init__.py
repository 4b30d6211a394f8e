"""Style losses by the names that recipes call them; all behind the interface of `base.py`."""

from __future__ import annotations

from nst_core.engine.losses import GRAM_LOSSES
from nst_core.engine.style_losses.base import (
    BatchLoss,
    LossBlend,
    LossRegion,
    LossSetting,
    LossTarget,
    StyleLoss,
    blended,
)
from nst_core.engine.style_losses.gram import GramLoss
from nst_core.engine.style_losses.mmd import DiscrepancyLoss
from nst_core.engine.style_losses.moments import MomentLoss
from nst_core.engine.style_losses.mrf import PatchLoss
from nst_core.engine.style_losses.neighbour_losses import NeighbourStyle, SplitNeighbourStyle
from nst_core.engine.style_losses.sliced import HistogramLoss, SlicedLoss
from nst_core.engine.style_losses.transport_loss import TransportStyle
from nst_core.engine.terms import StyleTerm

STYLE_LOSSES: dict[str, type[StyleLoss]] = {
    **dict.fromkeys(GRAM_LOSSES, GramLoss),
    "moments": MomentLoss,
    "moments_relative": MomentLoss,
    "mmd": DiscrepancyLoss,
    "sliced": SlicedLoss,
    "histogram": HistogramLoss,
    "mrf": PatchLoss,
    "neighbours": NeighbourStyle,
    "split_neighbours": SplitNeighbourStyle,
    "transport": TransportStyle,
}


def style_loss(term: StyleTerm) -> StyleLoss:
    """The loss that a style term of a recipe asks for."""
    return STYLE_LOSSES[term.loss](term)


__all__ = [
    "STYLE_LOSSES",
    "BatchLoss",
    "LossBlend",
    "LossRegion",
    "LossSetting",
    "LossTarget",
    "StyleLoss",
    "blended",
    "style_loss",
]
