"""Training of a network of one style (Johnson, Alahi, Fei-Fei 2016; instance normalisation: Ulyanov et al. 2017)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nst_core.engine.features.base import Extractor
from nst_core.engine.training.crops import TrainingImages
from nst_core.engine.training.least_squares import fitted_convolution
from nst_core.engine.training.network_trainer import TrainingSettings, initialise_convolutions
from nst_core.engine.training.perceptual_loss import PerceptualLoss
from nst_core.engine.training.transfer_trainer import TransferTrainer
from nst_core.engine.transfer.files import network_bytes
from nst_core.engine.transfer.johnson import Johnson, doubled
from nst_core.engine.transfer.reflection import reflected

TV_WEIGHT = 1e-6

FIRST_CROPS = 8
"""That the first weights are fitted to."""


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
        first = images.contents.crops(FIRST_CROPS, settings.crop // 4 * 4, generator).to(device)
        super().__init__(settings, _first_network(first, generator), generator, device)
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


@torch.no_grad()
def _first_network(images: Tensor, generator: torch.Generator) -> Johnson:
    """A network that gives back photographs, roughly: the way up is fitted to what the way down was given.

    The way down is random, and residual blocks add nothing yet (Goyal et al. 2017, section 5.1).

    Args:
        images: (B, 3, H, W) in [0, 1], sides multiples of 4, that it is fitted to.
    """
    network = Johnson()
    initialise_convolutions(network, generator)
    network.to(images.device)
    for block in network.residual_blocks():
        nn.init.zeros_(block.in2.weight)
    full = network.in1(network.conv1(images * 255))
    half = network.in2(network.conv2(F.relu(full)))
    maps = F.relu(network.in3(network.conv3(F.relu(half))))
    for up, normalise, target in ((network.deconv1, network.in4, half), (network.deconv2, network.in5, full)):
        maps = doubled(maps)
        _fit(up.conv2d, maps, target, generator)
        maps = F.relu(normalise(up(maps)))
    _fit(network.deconv3.conv2d, maps, images * 255, generator)
    return network.train()


def _fit(convolution: nn.Conv2d, maps: Tensor, target: Tensor, generator: torch.Generator) -> None:
    """The middle 3 × 3 of a convolution's weights by least squares, the others 0."""
    weight, bias, _ = fitted_convolution(reflected(maps, 1), target, generator)
    nn.init.zeros_(convolution.weight)
    edge = convolution.kernel_size[0] // 2 - 1
    inner = convolution.weight[..., edge : edge + 3, edge : edge + 3]
    inner.copy_(weight.T.reshape(inner.shape))
    convolution.bias.copy_(bias)  # type: ignore[union-attr]
