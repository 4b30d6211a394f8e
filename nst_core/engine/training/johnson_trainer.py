"""Training of a network of one style (Johnson, Alahi, Fei-Fei 2016; instance normalisation: Ulyanov et al. 2017)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nst_core.engine.features.base import Extractor
from nst_core.engine.training.crops import TrainingImages
from nst_core.engine.training.network_trainer import TrainingSettings, initialise_convolutions, make_first_pictures
from nst_core.engine.training.perceptual_loss import PerceptualLoss
from nst_core.engine.training.transfer_trainer import TransferTrainer
from nst_core.engine.transfer.files import network_bytes
from nst_core.engine.transfer.johnson import Johnson

TV_WEIGHT = 1e-6

FIRST_CONTRAST = 20.0
"""Standard deviation of the pictures that an untrained network makes, of 0–255."""


@dataclass(frozen=True)
class JohnsonSettings(TrainingSettings):
    """How a network of one style is trained; crop, batch, rate and weights are the published ones.

    Attributes:
        style_weight: of the style loss; the content loss has 1.
    """

    steps: int = 4000
    batch: int = 4
    crop: int = 256
    clip: float | None = None
    style_weight: float = 5.0


class JohnsonTrainer(TransferTrainer[JohnsonSettings, Johnson]):
    """Trains a network to paint any photograph in the style of one painting.

    Args:
        images: photographs, and as `styles` one painting, which is seen as a whole.
        extractor: `vgg19` or `slim`, by whose features pictures are compared.
    """

    kind = "johnson"
    title = "A network that paints in one style"
    result_file = "johnson.npz"

    def __init__(
        self, settings: JohnsonSettings, images: TrainingImages, extractor: Extractor, device: torch.device
    ) -> None:
        generator = torch.Generator().manual_seed(settings.seed)
        super().__init__(settings, _first_network(generator), generator, device)
        self.images, self.weights = images, {"style": settings.style_weight, "tv": TV_WEIGHT}
        self.loss = PerceptualLoss(extractor.to(device), images.styles.whole(0)[None].to(device))

    def paint(self, network: Johnson, contents: Tensor, styles: Tensor) -> Tensor:
        height, width = contents.shape[2:]
        return network.transformed(contents * 255)[..., :height, :width] / 255

    def terms(self, network: Johnson, contents: Tensor, styles: Tensor) -> Mapping[str, Tensor]:
        return self.loss(self.paint(network, contents, styles), contents)

    def styles(self, held_out: bool, count: int, generator: torch.Generator) -> Tensor:
        """The painting, `count` times."""
        return self.preview_styles().expand(count, -1, -1, -1)

    def preview_styles(self) -> Tensor:
        return self.images.styles.squares(1, self.settings.crop)

    def facts(self) -> Mapping[str, Any]:
        loss, extractor = self.loss, self.loss.extractor
        return {
            **super().facts(),
            "tv_weight": TV_WEIGHT,
            "painting": self.images.styles.names[0],
            "features": extractor.name,
            "features_sha256": extractor.weights_sha256,
            "content_layer": loss.content_layer,
            "style_layers": list(loss.style_layers),
        }

    def result(self) -> bytes:
        return network_bytes(self.averaged_network().state_dict(), self.loss.extractor.name)


def _first_network(generator: torch.Generator) -> Johnson:
    network = Johnson()
    initialise_convolutions(network, generator)
    make_first_pictures(network.deconv3.conv2d, 127.5, FIRST_CONTRAST)
    return network.train()
