"""Distillation of VGG-19 into the slim network (after Hinton, Vinyals, Dean 2015, and FitNets, Romero et al. 2015)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nst_core.engine.features.base import Extractor
from nst_core.engine.features.slim import network_bytes
from nst_core.engine.features.slim_network import LAYERS, WIDTHS, SlimNetwork
from nst_core.engine.losses import gram_matrix
from nst_core.engine.training.channel_selection import select_channels
from nst_core.engine.training.crops import ImageSet, TrainingImages
from nst_core.engine.training.distillation_losses import feature_error, gram_error, project, square_norm, style_distance
from nst_core.engine.training.iterates import IteratePool, take_step
from nst_core.engine.training.network_trainer import NetworkTrainer, TrainingSettings, weighted_losses

WEIGHTS = {"grams": 3.0, "differences": 2.0}
"""Of the losses."""

SMALL_DIFFERENCE = 0.02
"""A difference of Gram matrices is compared relative to itself, or to this share of the style's, if that is more."""


@dataclass(frozen=True)
class DistillationSettings(TrainingSettings):
    """How the slim network is trained.

    Attributes:
        batch: crops of photographs and paintings per step, half of each.
        crop: their side, in pixels; every fourth batch has fewer and larger ones (`large_crop`).
        iterates: images on their way through an optimisation per step; `pool` are on their way at a time.
        from_teacher: begin with channels of the teacher, chosen on `start_crops` crops, not at random.
        optimised_steps: steps by which held-out images are optimised before it is measured on them.
    """

    steps: int = 6000
    batch: int = 4
    crop: int = 96
    large_crop: int = 128
    iterates: int = 3
    pool: int = 12
    optimised_steps: int = 40
    from_teacher: bool = True
    start_crops: int = 32
    widths: tuple[int, ...] = WIDTHS


class SlimTrainer(NetworkTrainer[DistillationSettings, SlimNetwork]):
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
        generator = torch.Generator().manual_seed(settings.seed)
        network = SlimNetwork(settings.widths, generator).to(device)
        self.pool = _pool(settings, settings.pool, settings.iterates, images.contents, images.styles, generator)
        self.images, self.teacher = images, teacher.to(device)
        maps = _teacher_maps(self.teacher, _start_crops(settings, images, 16).to(device))
        network.scales.copy_(torch.stack([each.square().mean().sqrt() for each in maps]))
        if settings.from_teacher:
            crops = _start_crops(settings, images, settings.start_crops).to(device)
            select_channels(network, self.teacher, crops, generator)
        super().__init__(settings, network, generator, device)

    def step(self) -> Mapping[str, float]:
        losses = super().step()
        self.pool.advance(lambda *given: style_distance(self.network, *given))
        return losses

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
        return torch.stack([each.image for each in self.pool.iterates[:8]]).clamp(0, 1)[None]

    def state(self) -> dict[str, Any]:
        return {**super().state(), "pool": self.pool.state()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        super().load_state(state)
        self.pool.load_state(state["pool"])

    def facts(self) -> Mapping[str, Any]:
        teacher = {"teacher": self.teacher.name, "teacher_sha256": self.teacher.weights_sha256}
        return {**super().facts(), "widths": list(self.settings.widths), **teacher}

    def result(self) -> bytes:
        return network_bytes(self.averaged_network())

    def _crops(self) -> Tensor:
        """Of photographs and paintings in turn; every fourth batch has fewer, larger ones."""
        settings, draw = self.settings, self.generator
        count, side = settings.batch, settings.crop
        if self.done % 4 == 3:
            count, side = max(1, round(count * (side / settings.large_crop) ** 2)), settings.large_crop
        sources = (self.images.contents, self.images.styles)
        return torch.stack([sources[(self.done + k) % 2].crop(side, draw) for k in range(count)]).to(self.device)

    def losses(self) -> dict[str, Tensor]:
        crops, iterates = self._crops(), self.pool.present()
        present = torch.stack([each.image for each in iterates]).to(self.device)
        styles = torch.stack([each.style for each in iterates]).to(self.device)
        for each in iterates:
            if not each.notes:
                each.notes = [
                    gram[0].cpu()
                    for gram in map(gram_matrix, _teacher_maps(self.teacher, each.style[None].to(self.device)))
                ]
        losses = {name: present.new_zeros(()) for name in ("features", "grams", "differences")}
        projections = self.network.projections()
        for images in (crops, present):
            share = len(images) / (len(crops) + len(present))
            grams, true_grams = [], []
            for maps, p, target in zip(
                self.network(images), projections, _teacher_maps(self.teacher, images), strict=True
            ):
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
        return weighted_losses(losses, WEIGHTS)

    def _optimised(self, network: SlimNetwork, draw: torch.Generator) -> Tensor:
        """Held-out images, optimised by half as far as they would be, in the metric of the network."""
        images, count = self.images, self.settings.held_out // 2
        pool = _pool(self.settings, count, count, images.held_out_contents, images.held_out_styles, draw)
        for _ in range(self.settings.optimised_steps):
            take_step(pool.iterates, lambda *given: style_distance(network, *given))
        return torch.stack([each.image for each in pool.iterates])

    @torch.no_grad()
    def _explained(self, network: SlimNetwork, crops: Tensor) -> list[tuple[str, float]]:
        features, grams = torch.zeros(2, len(LAYERS)), torch.zeros(2, len(LAYERS))
        projections = network.projections()
        for images in torch.split(crops.to(self.device), 8):
            layers = zip(network(images), projections, _teacher_maps(self.teacher, images), strict=True)
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


def _pool(
    settings: DistillationSettings,
    count: int,
    at_once: int,
    contents: ImageSet,
    styles: ImageSet,
    generator: torch.Generator,
) -> IteratePool:
    return IteratePool(contents, styles, count, settings.crop, at_once, generator)


def _start_crops(settings: DistillationSettings, images: TrainingImages, count: int) -> Tensor:
    """Crops of the images that are trained with, half of photographs, half of paintings."""
    draw = torch.Generator().manual_seed(settings.seed + 2)
    return torch.cat([each.crops(count // 2, settings.crop, draw) for each in (images.contents, images.styles)])


@torch.no_grad()
def _teacher_maps(teacher: Extractor, images: Tensor) -> list[Tensor]:
    maps = teacher(images, LAYERS)
    return [maps[layer] for layer in LAYERS]
