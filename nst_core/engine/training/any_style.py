"""Training of `quick`, the network for any style, by losses in the slim network's metric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nst_core.engine.colour import matching_map
from nst_core.engine.features.slim import metric_root
from nst_core.engine.features.slim_network import SlimNetwork
from nst_core.engine.losses import VARIANCE_FLOOR, gram_matrix
from nst_core.engine.training.crops import TrainingImages, draw_value
from nst_core.engine.training.distillation_losses import relative_distance, square_norm
from nst_core.engine.training.network_trainer import TrainingSettings, weighted_losses
from nst_core.engine.training.transfer_trainer import TransferTrainer
from nst_core.engine.transfer.quick_file import quick_bytes
from nst_core.engine.transfer.quick_network import (
    STRIDE,
    QuickNetwork,
    QuickShape,
    channels_last,
    colours_of,
    in_colours,
    told,
    vector_of,
)

CONTENT_WEIGHTS = (0.0, 0.6, 1.0, 0.3)
"""By layer: those of the recipe `fast`, and more of the fine and of the coarse, which a network loses sooner."""

SMALL_FIRST = 0.5
"""Share of the steps whose crops are a quarter smaller: more steps in the same time."""

RECOLOURED = 0.3
"""Share of the styles whose channels are shuffled: more palettes than there are paintings."""

COLOUR_WEIGHT = 3.0
"""Of the distance of colours beside those of a layer's features, in units of the palette's own spread in each of its
directions, so that hues count as much as light and dark."""

FAINT = 4e-4
"""Variance of colours below which a direction of a palette counts for less."""

DIRECTIONS, POSITIONS = 12, 512
"""Of a sliced Wasserstein distance, drawn anew each time."""

SMALL = 1e-4
"""Added to squared distances before their roots are taken."""


@dataclass(frozen=True)
class AnyStyleSettings(TrainingSettings):
    """How `quick` is trained.

    Attributes:
        batch: pairs of crops per step; every fourth step has half as many, `large_crop` wide.
        crop: a multiple of 8; `large_crop` as well.
        style_weight: of the distances of Gram matrices, beside a content loss of weight 1.
        transport_weight: of the distances of distributions.
        variation_weight: of the mean absolute difference between neighbouring pixels.
        range_weight: of the mean square by which pixels leave [0, 1].
        shape: of the network.
    """

    steps: int = 7200
    batch: int = 4
    crop: int = 128
    large_crop: int = 176
    learning_rate: float = 8e-4
    held_out: int = 16
    style_weight: float = 3.0
    transport_weight: float = 0.5
    variation_weight: float = 0.1
    range_weight: float = 100.0
    shape: QuickShape = field(default_factory=QuickShape)


class AnyStyleTrainer(TransferTrainer[AnyStyleSettings, QuickNetwork]):
    """Trains a `QuickNetwork`: a photograph and a painting drawn anew for each picture.

    Its losses, in VGG-19's metric as the slim network knows it, each image's relative to its own content or style:

    * `content`: ‖R ΔF‖² / ‖R (F − mean)‖², from the photograph in the style's colours, at relu2_1 × 0.6, relu3_1 and
      relu4_1 × 0.3;
    * `style`: ‖P ΔG Pᵀ‖² / ‖P A Pᵀ‖² of Gram matrices, the sum over the layers;
    * `transport`: the sliced Wasserstein distance of the distributions of features, and of colours, as a share of the
      style's spread, the sum over them (Heitz et al. 2021): it knows of a palette what means and products do not;
    * `variation`, `range`: of pixels.

    Args:
        metric: the slim network, encoder and measure.
    """

    kind = "quick"
    title = "A network that paints in any style in one pass"
    result_file = "quick.npz"

    def __init__(
        self,
        settings: AnyStyleSettings,
        images: TrainingImages,
        metric: SlimNetwork,
        metric_sha256: str | None,
        device: torch.device,
    ) -> None:
        self.images, self.metric_sha256 = images, metric_sha256
        self.weights = {
            name: getattr(settings, f"{name}_weight") for name in ("style", "transport", "variation", "range")
        }
        generator = torch.Generator().manual_seed(settings.seed)
        network = QuickNetwork(metric, settings.shape, generator)
        network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        _measure_styles(network, settings, images, device)
        self.projections = [each.detach() for each in network.encoder.projections()]
        self.roots = [metric_root(each)[:, :, None, None] for each in self.projections]
        super().__init__(settings, network, generator, device)

    def losses(self) -> Mapping[str, Tensor]:
        count, side = self._turn()
        contents = self.images.contents.crops(count, side, self.generator)
        styles = self.images.styles.crops(count, side, self.generator)
        styles = torch.stack([recoloured(style, self.generator) for style in styles])
        terms = self.terms(self.network, contents.to(self.device), styles.to(self.device))
        return weighted_losses({name: values.mean() for name, values in terms.items()}, self.weights)

    def _turn(self) -> tuple[int, int]:
        """How many pairs the next step has, and the side of its crops."""
        settings = self.settings
        count, side = settings.batch, settings.crop
        if self.done % 4 == 3:
            count, side = max(1, count // 2), settings.large_crop
        if self.done < settings.steps * SMALL_FIRST:
            side = max(2, 3 * side // (4 * STRIDE)) * STRIDE
        return count, side

    def paint(self, network: QuickNetwork, contents: Tensor, styles: Tensor) -> Tensor:
        return network(channels_last(contents), network.vectors(channels_last(styles)))  # type: ignore[no-any-return]

    def terms(self, network: QuickNetwork, contents: Tensor, styles: Tensor) -> Mapping[str, Tensor]:
        encoder = network.encoder
        draw = self.generator if network is self.network else torch.Generator().manual_seed(self.settings.seed)
        with torch.no_grad():
            of_styles = encoder(channels_last(styles))
            vectors = vector_of(styles, of_styles)
            matched = channels_last(in_colours(contents, vectors))
            targets = encoder(matched)
        pictures = network.painted(matched, targets, vectors)
        own = encoder(pictures)
        content = style = transport = pictures.new_zeros(len(pictures))
        layers = zip(own, targets, of_styles, self.projections, self.roots, CONTENT_WEIGHTS, strict=True)
        for maps, target, of_style, projection, root, weight in layers:
            if weight:
                change = square_norm(F.conv2d(maps - target, root))
                spread = square_norm(F.conv2d(target - target.mean(dim=(2, 3), keepdim=True), root))
                content = content + weight * change / (spread + VARIANCE_FLOOR * square_norm(target))
            style = style + relative_distance(gram_matrix(maps), gram_matrix(of_style), projection)
            transport = transport + transport_distance(maps, of_style, root[:, :, 0, 0], draw)
        whitened = matching_map(colours_of(vectors)[1].cpu() + FAINT * torch.eye(3), torch.eye(3))
        transport = transport + COLOUR_WEIGHT * transport_distance(pictures, styles, whitened.to(pictures), draw)
        across, down = (pictures.diff(dim=axis).abs().flatten(1).mean(dim=1) for axis in (2, 3))
        outside = (pictures - pictures.clamp(0, 1)).square().flatten(1).mean(dim=1)
        return {
            "content": content,
            "style": style,
            "transport": transport,
            "variation": across + down,
            "range": outside,
        }

    def facts(self) -> Mapping[str, Any]:
        settings = asdict(self.settings)
        shape = {f"shape.{key}": value for key, value in settings.pop("shape").items()}
        return {**settings, **shape, "metric": "slim", "metric_sha256": self.metric_sha256}

    def result(self) -> bytes:
        return quick_bytes(self.averaged_network())


def transport_distance(maps: Tensor, targets: Tensor, root: Tensor, generator: torch.Generator) -> Tensor:
    """The sliced Wasserstein distance of R F, (B, C, …), from that of targets, over the targets' spread: (B,).

    Along random directions, at random positions.

    Args:
        root: R, (C, C) or (B, C, C).
    """
    channels = root.shape[-1]
    directions = F.normalize(torch.randn(DIRECTIONS, channels, generator=generator), dim=1).to(root) @ root
    count = min(POSITIONS, maps[0, 0].numel(), targets[0, 0].numel())
    ranked = []
    for each in (maps, targets):
        flat = each.flatten(2)
        places = torch.randperm(flat.shape[2], generator=generator)[:count].to(flat.device)
        ranked.append((directions @ flat[:, :, places]).sort(dim=2).values)
    spread = ranked[1].var(dim=2, correction=0).mean(dim=1)
    return _root((ranked[0] - ranked[1]).square().mean(dim=(1, 2)) / (spread + SMALL))


def recoloured(style: Tensor, generator: torch.Generator) -> Tensor:
    """A style, (3, H, W), some of the time with its channels shuffled."""
    if draw_value(0, 1, generator) >= RECOLOURED:
        return style
    return style[torch.randperm(3, generator=generator)]


@torch.no_grad()
def _measure_styles(
    network: QuickNetwork, settings: AnyStyleSettings, images: TrainingImages, device: torch.device
) -> None:
    """Mean and deviation of what the network is told of styles."""
    crops = images.styles.crops(64, settings.crop, torch.Generator().manual_seed(settings.seed + 2))
    found = torch.cat([told(network.vectors(each.to(device))) for each in torch.split(crops, 8)])
    network.centre.copy_(found.mean(dim=0))
    network.spread.copy_(found.std(dim=0) + 0.02)


def _root(squares: Tensor) -> Tensor:
    return (squares.clamp_min(0) + SMALL).sqrt()
