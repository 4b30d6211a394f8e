"""The two networks of ArtFID: an Inception-v3 trained on paintings, and LPIPS on AlexNet.

Wright, Ommer 2022, "ArtFID: Quantitative Evaluation of Neural Style Transfer" (arXiv 2207.12280), and Zhang, Isola,
Efros, Shechtman, Wang 2018, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric" (LPIPS 0.1).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from nst_core.engine.features.weights import Weights, file_weights, imagenet_file, imagenet_weights
from nst_core.errors import WeightsError

SMALLEST = 75
"""The shortest side, in pixels, that Inception-v3 accepts."""

FEATURES = 2048

_HEADS = re.compile(r"(AuxLogits[12]|fc[12])\.")  # ArtFID's network has learned two tasks at once
_TAPS = (1, 4, 7, 9, 11)  # the ReLUs of AlexNet
_LINEAR_SHA256 = "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0"
_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)


class ArtInception(nn.Module):
    """The trunk of Inception-v3 up to its average pooling.

    Attributes:
        weights_sha256: of the file of its weights.
    """

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        from torchvision.models import Inception3

        with torch.device("meta"):
            trunk = Inception3(aux_logits=False, init_weights=False)
        trunk.fc = nn.Identity()
        trunk.load_state_dict(_trunk_state(weights, trunk.state_dict()), assign=True)
        self.trunk = trunk.requires_grad_(False)
        self.weights_sha256 = weights.sha256
        self.eval()

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Features (B, 2048) of images (B, 3, H, W) in [0, 1], which its source does not normalise."""
        features: Tensor = self.trunk(images)
        return features


def art_inception(path: Path) -> ArtInception:
    """The network in a file `art_inception.pth`, loaded without running code from it.

    Its names are those of torchvision's Inception-v3 but for the heads, of which it has two (`fc1`, `fc2`,
    `AuxLogits1`, `AuxLogits2`).

    Raises:
        WeightsError: the file cannot be read or holds another network, such as ImageNet's Inception.
    """
    return ArtInception(file_weights(path))


def _trunk_state(weights: Weights, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    given = {key: value for key, value in weights.state.items() if not _HEADS.match(key)}
    foreign = sorted(given.keys() - expected.keys())
    state = {}
    for key, tensor in expected.items():
        if key.endswith("num_batches_tracked"):  # counts of the training, which older files do not have
            state[key] = torch.zeros((), dtype=torch.long)
        elif key not in given:
            raise _another(weights, f"it has no tensor {key}")
        elif given[key].shape != tensor.shape:
            raise _another(weights, f"{key} has the shape {tuple(given[key].shape)}, not {tuple(tensor.shape)}")
        else:
            state[key] = given[key].float()
    if foreign:
        raise _another(weights, f"it has the tensor {foreign[0]} too")
    return state


def _another(weights: Weights, reason: str) -> WeightsError:
    return WeightsError(f"{weights.origin} is not ArtFID's network: {reason}. It wants art_inception.pth.")


class Lpips(nn.Module):
    """LPIPS 0.1 on AlexNet: the distance of two pictures as people see it.

    Args:
        backbone: the state of AlexNet's convolutional part, under torchvision's names.
        linear: `lin0.model.1.weight` to `lin4…`, each (1, N, 1, 1).
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, backbone: Weights, linear: Weights) -> None:
        super().__init__()
        from torchvision.models import AlexNet

        with torch.device("meta"):
            body = AlexNet().features
        body.load_state_dict(backbone.state_for(body.state_dict()), assign=True)
        self.body = body.requires_grad_(False)
        for number in range(len(_TAPS)):
            self.register_buffer(f"linear{number}", linear.state[f"lin{number}.model.1.weight"].float())
        self.register_buffer("shift", torch.tensor(_SHIFT).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(_SCALE).view(1, 3, 1, 1))
        self.eval()

    @torch.no_grad()
    def forward(self, images: Tensor, others: Tensor) -> Tensor:
        """The distance of each image to its counterpart, (B,); both (B, 3, H, W) in [0, 1]."""
        distance = images.new_zeros(len(images))
        pairs = zip(self._directions(images), self._directions(others), strict=True)
        for number, (own, other) in enumerate(pairs):
            weights: Tensor = getattr(self, f"linear{number}")
            distance += ((own - other).square() * weights).sum(dim=1).mean(dim=(1, 2))
        return distance

    def _directions(self, images: Tensor) -> list[Tensor]:
        """The maps of the five ReLUs, each position's features scaled to a length of 1."""
        x, found = (2 * images - 1 - self.shift) / self.scale, []
        for index, module in enumerate(self.body):
            x = module(x)
            if index in _TAPS:
                found.append(x / (x.square().sum(dim=1, keepdim=True).sqrt() + 1e-10))
        return found


def lpips() -> Lpips:
    """LPIPS with the linear weights of the package `lpips` and torchvision's AlexNet.

    Raises:
        WeightsError: the package is not installed or another, or AlexNet's weights are not to be had.
    """
    linear = file_weights(_linear_file(), _LINEAR_SHA256)
    try:
        return Lpips(imagenet_weights("alexnet"), linear)
    except WeightsError as error:
        path = imagenet_file("alexnet")
        raise WeightsError(
            f"ArtFID needs torchvision's AlexNet, which is not to be had: put {path.name} (from "
            f"https://download.pytorch.org/models/{path.name}) into {path.parent}."
        ) from error


def _linear_file() -> Path:
    spec = find_spec("lpips")  # finds the package without importing it
    for folder in (spec.submodule_search_locations if spec else None) or ():
        path = Path(folder) / "weights" / "v0.1" / "alex.pth"
        if path.is_file():
            return path
    raise WeightsError("ArtFID needs the weights in the package lpips: install it (pip install lpips).")


def frechet_distance(features: Tensor, others: Tensor) -> float:
    """The Fréchet distance of two Gaussians with the means and covariances of two samples, (n, D) and (m, D).

    `|µ₁ − µ₂|² + tr(Σ₁ + Σ₂ − 2 (Σ₁Σ₂)^½)` (Heusel et al. 2017). With Σ₁ = XᵀX and Σ₂ = YᵀY the last trace is the sum
    of the singular values of XYᵀ, which no matrix root is needed for.

    Raises:
        ValueError: a sample has fewer than two rows.
    """
    if min(len(features), len(others)) < 2:
        raise ValueError("a covariance needs two pictures")
    means = features.double().mean(dim=0), others.double().mean(dim=0)
    own, other = _factor(features), _factor(others)
    root = torch.linalg.svdvals(own @ other.T).sum()
    distance = (means[0] - means[1]).square().sum() + own.square().sum() + other.square().sum() - 2 * root
    return max(0.0, float(distance))


def _factor(features: Tensor) -> Tensor:
    """X with XᵀX the (unbiased) covariance of the rows of `features`; at most D rows."""
    centred = features.double() - features.double().mean(dim=0)
    if len(centred) > centred.shape[1]:
        centred = torch.linalg.qr(centred, mode="r").R
    factor: Tensor = centred / (len(features) - 1) ** 0.5
    return factor
