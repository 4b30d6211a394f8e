"""`quick`, a network for any style that was trained here over the slim network, as a transfer network."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from nst_core.engine.transfer.network import TransferNetwork
from nst_core.engine.transfer.quick_file import read_quick
from nst_core.engine.transfer.quick_network import STRIDE, QuickNetwork, channels_last


class Quick(TransferNetwork):
    """A `QuickNetwork` for pictures of any size.

    Its vectors are statistics of the styles; the mean of several styles' is that of their blend.
    """

    title: ClassVar[str] = "quick"
    features = "slim"
    min_side: ClassVar[int] = STRIDE + 1  # two positions of the deepest maps: reflection needs a neighbour
    min_style_side: ClassVar[int] = 2 * STRIDE

    def __init__(self, network: QuickNetwork, weights_sha256: str) -> None:
        super().__init__()
        self.network, self.weights_sha256 = network, weights_sha256
        self.requires_grad_(False).eval()

    def style_vectors(self, styles: Tensor) -> Tensor:
        """Means and deviations of the slim network's maps, and of colours the mean and the covariance: (B, V)."""
        return self.network.vectors(channels_last(styles))

    def forward(self, contents: Tensor, vectors: Tensor, shares: Tensor) -> Tensor:
        """Shares below 1 blend the vector of the style with that of the content itself."""
        height, width = contents.shape[2:]
        if bool((shares < 1).any()):
            vectors = torch.lerp(self.style_vectors(contents), vectors, shares[:, None])
        padded = F.pad(contents, (0, -width % STRIDE, 0, -height % STRIDE), mode="reflect")
        images: Tensor = self.network(channels_last(padded), vectors)[..., :height, :width]
        return images.clamp(0, 1)

    def pair_bytes(self, width: int, height: int) -> int:
        return 4 * 9 * self.network.shape.widths[0] * (width + STRIDE) * (height + STRIDE)  # measured: 8.5 maps


def quick_network(path: Path, weights_sha256: str) -> Quick:
    """The network of a file. Raises WeightsError, OSError."""
    network = read_quick(path).to(memory_format=torch.channels_last)  # half the time on a CPU
    return Quick(network, weights_sha256)
