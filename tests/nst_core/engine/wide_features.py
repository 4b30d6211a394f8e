"""The slim network with as many channels as VGG-19: a teacher for tests, and what its own metric is compared with."""

from __future__ import annotations

from nst_core.engine.features.slim import SlimFeatures
from nst_core.engine.features.slim_network import LAYERS, SlimNetwork


class WideFeatures(SlimFeatures):
    """The maps P F, of as many channels as VGG-19's."""

    def __init__(self, network: SlimNetwork) -> None:
        super().__init__(network, "wide")
        self.channel_shares = {}
        for layer, projection in zip(LAYERS, network.projections(), strict=True):
            self.register_buffer(f"root_{layer}", projection.detach()[:, :, None, None], persistent=False)
