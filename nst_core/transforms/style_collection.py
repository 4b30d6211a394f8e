"""Styles to draw from: the vectors of paintings, or the normal distribution around them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import torch
from PIL import Image
from torch import Tensor

from nst_core.engine.images.limits import ImageLimits
from nst_core.engine.images.pixels import decode_image, fit_pixels, to_tensor
from nst_core.engine.transfer.network import TransferNetwork
from nst_core.engine.transfer.pictures import style_vector
from nst_core.engine.working_size import Fit
from nst_core.errors import ImageTooSmall, WeightsError
from nst_core.networks.style_vectors import read_style_vectors, vector_length
from nst_core.storage.written_paths import written_path
from nst_core.transforms.pictures import batch_of, to_colours

Styles = str | Path | Iterable[str | Path | Tensor | Image.Image] | None
"""The file of style vectors; or paintings: files, pictures; or nothing, of a network that knows one style."""

DrawKind = Literal["uniform", "gaussian"]


class StyleCollection:
    """Style vectors, (N, V), and how one is drawn.

    `uniform`: one of them, each as likely. `gaussian`: from N(μ, Σ), the mean and covariance of all of them (Jackson et
    al. 2019, "Style Augmentation: Data Augmentation via Style Randomization"). A number of the vector that is negative
    in no painting, such as a deviation, does not become negative there either.
    """

    def __init__(self, vectors: Tensor, draw: DrawKind = "uniform") -> None:
        self.vectors = vectors
        self._mean = self._root = self._least = None
        if draw == "uniform":
            return
        if draw != "gaussian":
            raise ValueError(f"draw is uniform or gaussian, not {draw!r}")
        if len(vectors) < 2:
            raise ValueError("a covariance needs two styles at least: draw='gaussian' has one here")
        self._mean = vectors.mean(dim=0)
        # RᵀR = Σ, so that μ + Rᵀw has the covariance Σ: R has no more rows than there are styles, or numbers in one.
        self._root = torch.linalg.qr((vectors - self._mean) / (len(vectors) - 1) ** 0.5, mode="r").R
        self._least = torch.where(vectors.amin(dim=0) >= 0, 0.0, -torch.inf)

    def __len__(self) -> int:
        return len(self.vectors)

    def draw(self, generator: torch.Generator | None = None) -> Tensor:
        """A style vector, (V,), by one of torch's generators; by default that of this process."""
        if self._root is None or self._mean is None or self._least is None:
            return self.vectors[int(torch.randint(len(self.vectors), (), generator=generator))]
        noise = torch.randn(len(self._root), generator=generator)
        return torch.maximum(self._mean + noise @ self._root, self._least)


def collect_vectors(styles: Styles, network: TransferNetwork, weights_sha256: str | None, style_size: int) -> Tensor:
    """The vectors of styles, (N, V), on the CPU.

    Args:
        network: on the CPU.
        style_size: the shorter side, in pixels, to which files are brought; other pictures keep their size.

    Raises:
        UsageError: the file of style vectors cannot be used.
        WeightsError: another network made it.
        InputError: a painting cannot be used.
        ValueError: there are no styles, and the network needs some; or the other way round.
    """
    if styles is None or vector_length(network) == 0:
        return _own_style(styles, network)
    if isinstance(styles, str | Path):
        path = written_path(styles)
        found = read_style_vectors(path)
        if found.weights_sha256 != weights_sha256:
            raise WeightsError(
                f"The style vectors of {path} were made by another network ({found.network}, its sha256 begins with "
                f"{_beginning(found.weights_sha256)}) than this one ({network.title}, {_beginning(weights_sha256)}): "
                "make them again by nst styles."
            )
        return torch.from_numpy(found.vectors)
    images = [_style_image(style, network.min_style_side, style_size) for style in styles]
    if not images:
        raise ValueError("Stylize has no styles to draw from: the list of paintings is empty")
    return torch.stack([style_vector(image, network) for image in images])


def _own_style(styles: Styles, network: TransferNetwork) -> Tensor:
    """The empty vector of a network that knows one style."""
    length = vector_length(network)
    if styles is not None:
        raise ValueError(f"the network, of the kind {network.title}, knows one style and takes no other: styles=None")
    if length:
        raise ValueError(
            f"the network, of the kind {network.title}, takes any style: give it styles, a file of nst styles, or "
            "paintings"
        )
    return torch.zeros(1, 0)


def _style_image(style: str | Path | Tensor | Image.Image, needed: int, size: int) -> Tensor:
    """A style image, (3, H, W) float32 in [0, 1]. Raises InputError for files, ValueError for others."""
    if isinstance(style, str | Path):
        path = written_path(style)
        image = to_tensor(fit_pixels(decode_image(path, ImageLimits()).pixels, Fit(size, "shorter", True)))
    else:
        path = Path("a style")
        image = to_colours(batch_of(style))[0].cpu()
    if min(image.shape[1:]) < needed:
        height, width = image.shape[1:]
        raise ImageTooSmall(path, f"the network needs {needed} pixels on each side, and it has {width} × {height}")
    return image


def _beginning(weights_sha256: str | None) -> str:
    return ";".join(part[:8] for part in weights_sha256.split(";")) if weights_sha256 else "unknown"
