"""Style losses that need the style's features themselves, not a summary of them."""

from __future__ import annotations

from nst_core.engine.style_losses.feature_sets import FeatureSetLoss, LossSetting
from nst_core.engine.style_losses.neighbour_losses import NeighbourLoss, SplitNeighbourLoss
from nst_core.engine.style_losses.transport_loss import TransportLoss

FEATURE_SET_LOSSES: dict[str, type[FeatureSetLoss]] = {
    "neighbours": NeighbourLoss,
    "split_neighbours": SplitNeighbourLoss,
    "transport": TransportLoss,
}

__all__ = ["FEATURE_SET_LOSSES", "FeatureSetLoss", "LossSetting"]
