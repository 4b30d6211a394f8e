"""Distillation of VGG-19 into the slim network (after Hinton, Vinyals, Dean 2015, and FitNets, Romero et al. 2015)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from nst_core.engine.features.base import Extractor
from nst_core.engine.features.slim import network_bytes
from nst_core.engine.features.slim_network import LAYERS, WIDTHS, SlimNetwork
from nst_core.engine.losses import gram_matrix
from nst_core.engine.training.channel_selection import select_channels
from nst_core.engine.training.crops import ImageSet
from nst_core.engine.training.iterates import IteratePool, take_step
from nst_core.engine.training.trainer import AveragedWeights, Trainer, learning_rate

GRAM_WEIGHT, DIFFERENCE_WEIGHT = 3.0, 2.0
SMALL_DIFFERENCE = 0.02
"""A difference of Gram matrices is compared relative to itself, or to this share of the style's, if that is more."""

CONTENT_LAYER = 2
"""`relu3_1`, by which the images of the pool keep to their contents."""


@dataclass(frozen=True)
class DistillationSettings:
    """How the slim network is trained.

    Attributes:
        steps: in all.
        batch: crops of photographs and paintings per step, half of each.
        crop: their side, in pixels; every fourth batch has fewer and larger ones (`large_crop`).
        iterates: images on their way through an optimisation per step; `pool` are on their way at a time.
        learning_rate: the highest, after `warm_up` steps.
        average: decay of the average of the weights.
        held_out: crops of each kind that it is measured on.
        from_teacher: begin with channels of the teacher, chosen on `start_crops` crops, not at random.
        optimised_steps: steps by which held-out images are optimised before it is measured on them.
    """

    steps: int = 6000
    batch: int = 4
    crop: int = 96
    large_crop: int = 128
    iterates: int = 3
    pool: int = 12
    learning_rate: float = 1e-3
    warm_up: int = 100
    average: float = 0.998
    held_out: int = 48
    optimised_steps: int = 40
    from_teacher: bool = True
    start_crops: int = 32
    seed: int = 0
    widths: tuple[int, ...] = WIDTHS


@dataclass(frozen=True)
class TrainingImages:
    """Photographs and paintings, those that the training sees and those that it does not."""

    contents: ImageSet
    styles: ImageSet
    held_out_contents: ImageSet
    held_out_styles: ImageSet


class SlimTrainer(Trainer):
    """Trains a `SlimNetwork` to explain the activations of VGG-19, and its Gram matrices.

    A step sees random crops of photographs and paintings, and images that are being optimised in the network's own
    metric as it is at that step. Its losses, each the sum over the layers:

    * `features`: ‖P F − T‖² / ‖T‖² with the network's features F, VGG-19's T, and the linear map P of the layer;
    * `grams`: ‖P G Pᵀ − V‖² / ‖V‖² with their Gram matrices G and V;
    * `differences`: of the images that are optimised towards a style, ‖P ΔG Pᵀ − ΔV‖² / ‖ΔV‖², with the difference of
      Gram matrices that a style loss measures.

    Args:
        teacher: VGG-19.
        device: of the networks; images are drawn on the CPU.
    """

    kind = "slim"
    title = "A slim network that stands for VGG-19"
    result_file = "slim.npz"

    def __init__(
        self, settings: DistillationSettings, images: TrainingImages, teacher: Extractor, device: torch.device
    ) -> None:
        self.settings, self.images, self.device = settings, images, device
        self.steps, self.done = settings.steps, 0
        self.teacher = teacher.to(device)
        self.generator = torch.Generator().manual_seed(settings.seed)
        self.network = SlimNetwork(settings.widths, self.generator).to(device)
        self.pool = self._pool(settings.pool, settings.iterates, images.contents, images.styles, self.generator)
        self.network.scales.copy_(self._scales())
        if settings.from_teacher:
            select_channels(self.network, self.teacher, self._start_crops(settings.start_crops), self.generator)
        self.average = AveragedWeights(self.network, settings.average)
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=settings.learning_rate)

    def step(self) -> Mapping[str, float]:
        settings = self.settings
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.done, self.steps, settings.learning_rate, settings.warm_up)
        losses = self._losses()
        total = losses["features"] + GRAM_WEIGHT * losses["grams"] + DIFFERENCE_WEIGHT * losses["differences"]
        self.optimiser.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimiser.step()
        self.pool.advance(self._distance)
        self.done += 1
        self.average.update(self.network, self.done)
        return {"loss": total.item(), **{name: loss.item() for name, loss in losses.items()}}

    def evaluate(self) -> Mapping[str, float]:
        """Shares of each layer's energy that are explained, `photographs.relu1_1` …, and of Gram matrices' as well.

        For the three kinds of held-out images: 1 − Σ‖P F − T‖² / Σ‖T‖², and `….grams.…` 1 − Σ‖P G Pᵀ − V‖² / Σ‖V‖².
        """
        network = self.averaged_network()
        draw = torch.Generator().manual_seed(self.settings.seed + 1)
        count, side, images = self.settings.held_out, self.settings.crop, self.images
        kinds = {
            "photographs": images.held_out_contents.crops(count, side, draw),
            "paintings": images.held_out_styles.crops(count, side, draw),
            "optimised": self._optimised(network, draw),
        }
        return {
            f"{kind}.{name}": value for kind, crops in kinds.items() for name, value in self._explained(network, crops)
        }

    def previews(self) -> Tensor:
        """Images of the pool."""
        return torch.stack([each.image for each in self.pool.iterates[:8]]).clamp(0, 1)

    def state(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "done": self.done,
            "network": self.network.state_dict(),
            "average": self.average.average,
            "optimiser": self.optimiser.state_dict(),
            "generator": self.generator.get_state(),
            "pool": self.pool.state(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.done = state["done"]
        self.network.load_state_dict(state["network"])
        self.average.average = {key: value.to(self.device) for key, value in state["average"].items()}
        self.optimiser.load_state_dict(state["optimiser"])
        self.generator.set_state(state["generator"].cpu())
        self.pool.load_state(state["pool"])

    def facts(self) -> Mapping[str, Any]:
        teacher = {"teacher": self.teacher.name, "teacher_sha256": self.teacher.weights_sha256}
        return {**asdict(self.settings), "widths": list(self.settings.widths), **teacher}

    def result(self) -> bytes:
        return network_bytes(self.averaged_network())

    def averaged_network(self) -> SlimNetwork:
        """The network with the average of its weights."""
        network = SlimNetwork(self.settings.widths).to(self.device)
        network.load_state_dict(self.average.average)
        return network.requires_grad_(False).eval()

    def _pool(
        self, count: int, at_once: int, contents: ImageSet, styles: ImageSet, generator: torch.Generator
    ) -> IteratePool:
        return IteratePool(contents, styles, count, self.settings.crop, at_once, generator)

    def _crops(self) -> Tensor:
        """Of photographs and paintings in turn; every fourth batch has fewer, larger ones."""
        settings, draw = self.settings, self.generator
        count, side = settings.batch, settings.crop
        if self.done % 4 == 3:
            count, side = max(1, round(count * (side / settings.large_crop) ** 2)), settings.large_crop
        sources = (self.images.contents, self.images.styles)
        return torch.stack([sources[(self.done + k) % 2].crop(side, draw) for k in range(count)]).to(self.device)

    def _losses(self) -> dict[str, Tensor]:
        crops, iterates = self._crops(), self.pool.present()
        present = torch.stack([each.image for each in iterates]).to(self.device)
        styles = torch.stack([each.style for each in iterates]).to(self.device)
        for each in iterates:
            if not each.notes:
                each.notes = [gram[0].cpu() for gram in map(gram_matrix, self._teacher_maps(each.style[None]))]
        losses = {name: present.new_zeros(()) for name in ("features", "grams", "differences")}
        projections = self.network.projections()
        for images in (crops, present):
            share = len(images) / (len(crops) + len(present))
            grams, true_grams = [], []
            for maps, p, target in zip(self.network(images), projections, self._teacher_maps(images), strict=True):
                own, true = gram_matrix(maps), gram_matrix(target)
                grams.append(p @ own @ p.T)
                true_grams.append(true)
                losses["features"] = losses["features"] + share * feature_error(maps, own, p, target, true).mean()
                losses["grams"] = losses["grams"] + share * gram_error(grams[-1], true).mean()
        style_grams = [p @ gram_matrix(maps) @ p.T for maps, p in zip(self.network(styles), projections, strict=True)]
        style_targets = [torch.stack(each).to(self.device) for each in zip(*(i.notes for i in iterates), strict=True)]
        for gram, target, style, style_target in zip(grams, true_grams, style_grams, style_targets, strict=True):
            least = SMALL_DIFFERENCE * square_norm(style_target)
            error = gram_error(gram - style, target - style_target, least)
            losses["differences"] = losses["differences"] + error.mean()
        return losses

    @torch.no_grad()
    def _teacher_maps(self, images: Tensor) -> list[Tensor]:
        maps = self.teacher(images.to(self.device), LAYERS)
        return [maps[layer] for layer in LAYERS]

    def _start_crops(self, count: int) -> Tensor:
        """Crops of the images that are trained with, half of photographs, half of paintings."""
        draw, sources = (
            torch.Generator().manual_seed(self.settings.seed + 2),
            (self.images.contents, self.images.styles),
        )
        return torch.cat([each.crops(count // 2, self.settings.crop, draw) for each in sources]).to(self.device)

    def _scales(self) -> Tensor:
        """The root mean square of each layer of the teacher."""
        return torch.stack([maps.square().mean().sqrt() for maps in self._teacher_maps(self._start_crops(16))])

    def _distance(self, images: Tensor, contents: Tensor, styles: Tensor, weights: Tensor) -> Tensor:
        return style_distance(self.network, images, contents, styles, weights)

    def _optimised(self, network: SlimNetwork, draw: torch.Generator) -> Tensor:
        """Held-out images, optimised by half as far as they would be, in the metric of the network."""
        images, count = self.images, self.settings.held_out // 2
        pool = self._pool(count, count, images.held_out_contents, images.held_out_styles, draw)
        for _ in range(self.settings.optimised_steps):
            take_step(pool.iterates, lambda *given: style_distance(network, *given))
        return torch.stack([each.image for each in pool.iterates])

    @torch.no_grad()
    def _explained(self, network: SlimNetwork, crops: Tensor) -> list[tuple[str, float]]:
        features, grams = torch.zeros(2, len(LAYERS)), torch.zeros(2, len(LAYERS))
        projections = network.projections()
        for images in torch.split(crops.to(self.device), 8):
            layers = zip(network(images), projections, self._teacher_maps(images), strict=True)
            for number, (maps, p, target) in enumerate(layers):
                true_gram = gram_matrix(target)
                features[0, number] += (project(maps, p) - target).square().sum().item()
                features[1, number] += target.square().sum().item()
                grams[0, number] += (p @ gram_matrix(maps) @ p.T - true_gram).square().sum().item()
                grams[1, number] += true_gram.square().sum().item()
        of_features, of_grams = ((1 - error / whole).tolist() for error, whole in (features, grams))
        return [
            *zip(LAYERS, of_features, strict=True),
            *((f"grams.{layer}", value) for layer, value in zip(LAYERS, of_grams, strict=True)),
        ]


def project(maps: Tensor, projection: Tensor) -> Tensor:
    """P F: (B, C, H, W) and (N, C) -> (B, N, H, W)."""
    return torch.nn.functional.conv2d(maps, projection[:, :, None, None])


def square_norm(values: Tensor) -> Tensor:
    """Σ of the squares of each, (B, …) -> (B,)."""
    return values.square().flatten(1).sum(dim=1)


def feature_error(maps: Tensor, gram: Tensor, projection: Tensor, target: Tensor, target_gram: Tensor) -> Tensor:
    """‖P F − T‖² / ‖T‖² per image, (B,), of maps F with Gram matrices G and a target T with V.

    As (tr P G Pᵀ − 2 tr P F Tᵀ + tr V) / tr V: nothing of the target's size is made, nor kept for the gradient.
    """
    cross = target.flatten(2) @ maps.flatten(2).mT / (maps.shape[2] * maps.shape[3])
    energy = target_gram.diagonal(dim1=1, dim2=2).sum(dim=1)
    own = (gram * (projection.T @ projection)).sum(dim=(1, 2))
    return (own - 2 * (projection * cross).sum(dim=(1, 2)) + energy) / energy.clamp_min(1e-6)


def gram_error(gram: Tensor, target: Tensor, least: Tensor | float = 1e-6) -> Tensor:
    """‖G − V‖² / ‖V‖² per image, (B,), or over `least` if that is more."""
    return square_norm(gram - target) / square_norm(target).clamp_min(least)


def style_distance(network: SlimNetwork, images: Tensor, contents: Tensor, styles: Tensor, weights: Tensor) -> Tensor:
    """A style loss in the network's metric, relative as that of the recipe `fast`, and a content loss: (B,)."""
    device = network.scales.device
    projections = [p.detach() for p in network.projections()]
    with torch.no_grad():
        targets = [gram_matrix(maps) for maps in network(styles.to(device))]
        wanted = network(contents.to(device), CONTENT_LAYER + 1)[CONTENT_LAYER]
    own = network(images.to(device))
    style = sum(
        (
            relative_distance(gram_matrix(maps), target, p)
            for maps, target, p in zip(own, targets, projections, strict=True)
        ),
        start=images.new_zeros(()).to(device),
    )
    metric = projections[CONTENT_LAYER]
    changes = square_norm(project(own[CONTENT_LAYER] - wanted, metric))
    spread = square_norm(project(wanted - wanted.mean(dim=(2, 3), keepdim=True), metric))
    return style + weights.to(device) * changes / (spread + 1e-4)


def relative_distance(gram: Tensor, target: Tensor, projection: Tensor) -> Tensor:
    """‖P ΔG Pᵀ‖² / ‖P A Pᵀ‖² per image, (B,), as tr(M ΔG M ΔG) with M = PᵀP."""
    metric = projection.T @ projection
    difference, whole = metric @ (gram - target), metric @ target
    distance, scale = ((each * each.mT).sum(dim=(1, 2)) for each in (difference, whole))
    return distance / scale.clamp_min(1e-12)
