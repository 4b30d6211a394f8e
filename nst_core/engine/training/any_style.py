"""Training of `quick`, the network for any style, by losses in the slim network's metric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nst_core.engine.features.slim import metric_root
from nst_core.engine.features.slim_network import LAYERS, SlimNetwork
from nst_core.engine.losses import VARIANCE_FLOOR, gram_matrix
from nst_core.engine.training.crops import draw_number, draw_value
from nst_core.engine.training.distillation import TrainingImages, relative_distance
from nst_core.engine.training.trainer import AveragedWeights, Trainer, learning_rate
from nst_core.engine.transfer.quick_file import quick_bytes
from nst_core.engine.transfer.quick_network import (
    STRIDE,
    QuickNetwork,
    QuickShape,
    in_colours,
    told,
    vector_of,
)

CONTENT_WEIGHTS = (0.0, 0.3, 1.0, 0.0)
"""By layer, those of the recipe `fast`."""

RECOLOURED = 0.3
"""Share of the styles whose channels are shuffled: more palettes than there are paintings."""


@dataclass(frozen=True)
class AnyStyleSettings:
    """How `quick` is trained.

    Attributes:
        steps: in all.
        batch: pairs of crops per step.
        crop: their side in pixels, a multiple of 8; every fourth batch has fewer and larger ones.
        learning_rate: the highest, after `warm_up` steps.
        average: decay of the average of the weights.
        style_weight: of the distances of Gram matrices, beside a content loss of weight 1.
        moments_weight: of the distances of means and deviations.
        variation_weight: of the mean absolute difference between neighbouring pixels.
        range_weight: of the mean square by which pixels leave [0, 1].
        held_out: pairs that it is measured on.
    """

    steps: int = 6000
    batch: int = 4
    crop: int = 128
    learning_rate: float = 2e-3
    warm_up: int = 100
    average: float = 0.998
    style_weight: float = 2.0
    moments_weight: float = 1.0
    variation_weight: float = 0.1
    range_weight: float = 100.0
    held_out: int = 16
    seed: int = 0
    shape: QuickShape = QuickShape()


class AnyStyleTrainer(Trainer):
    """Trains a `QuickNetwork`: a photograph and a painting drawn anew for each picture.

    Its losses, in VGG-19's metric as the slim network knows it, each image's relative to its own content or style:

    * `content`: ‖R ΔF‖² / ‖R (F − mean)‖², from the photograph in the style's colours, at relu2_1 × 0.3 and relu3_1;
    * `style`: ‖P ΔG Pᵀ‖ / ‖P A Pᵀ‖ of Gram matrices, not squared, the sum over the layers: squared, the few styles that
      are hard to paint in would decide everything;
    * `moments`: the same distance of means and deviations, the sum over the layers;
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
        self.settings, self.images, self.device = settings, images, device
        self.steps, self.done, self.metric_sha256 = settings.steps, 0, metric_sha256
        self.generator = torch.Generator().manual_seed(settings.seed)
        self.network = self._made(metric.requires_grad_(False))
        self.projections = [each.detach() for each in self.network.encoder.projections()]
        self.roots = [metric_root(each)[:, :, None, None] for each in self.projections]
        self._measure_styles()
        self.average = AveragedWeights(self.network, settings.average)
        trained = [each for each in self.network.parameters() if each.requires_grad]
        self.optimiser = torch.optim.Adam(trained, lr=settings.learning_rate)

    def step(self) -> Mapping[str, float]:
        settings = self.settings
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.done, self.steps, settings.learning_rate, settings.warm_up)
        count, side = settings.batch, settings.crop
        if self.done % 4 == 3:
            count, side = max(1, count // 2), _multiple(side * 1.4)
        contents = self.images.contents.crops(count, side, self.generator)
        styles = torch.stack([self._recoloured(each) for each in self.images.styles.crops(count, side, self.generator)])
        noise = [torch.randn(count, 1, side >> n, side >> n, generator=self.generator) for n in range(len(LAYERS))]
        losses, _ = self._losses(self.network, contents, styles, [each.to(self.device) for each in noise])
        means = {name: values.mean() for name, values in losses.items()}
        total = self._total(means)
        self.optimiser.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimiser.step()
        self.done += 1
        self.average.update(self.network, self.done)
        return {"loss": total.item(), **{name: loss.item() for name, loss in means.items()}}

    def evaluate(self) -> Mapping[str, float]:
        """The losses of held-out pairs, `quick.…`, and of their photographs in the styles' colours, `recoloured.…`."""
        contents, styles = self._held_out()
        network = self.averaged_network()
        found: dict[str, float] = {}
        with torch.no_grad():
            for kind, painted in (("quick", True), ("recoloured", False)):
                rows = [
                    self._losses(network, *pair, painted=painted)[0]
                    for pair in zip(contents.split(4), styles.split(4), strict=True)
                ]
                means = {name: torch.cat([row[name] for row in rows]).mean() for name in rows[0]}
                found |= {f"{kind}.{name}": value.item() for name, value in means.items()}
                found[f"{kind}.loss"] = self._total(means).item()
        return found

    def previews(self) -> Tensor:
        """Held-out photographs, paintings, and the pictures."""
        contents, styles = (each[:4] for each in self._held_out())
        with torch.no_grad():
            network = self.averaged_network()
            pictures = network(contents.to(self.device), network.vectors(styles.to(self.device)))
        return torch.cat([contents, styles, pictures.cpu().clamp(0, 1)])

    def state(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "done": self.done,
            "network": self.network.state_dict(),
            "average": self.average.average,
            "optimiser": self.optimiser.state_dict(),
            "generator": self.generator.get_state(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.done = state["done"]
        self.network.load_state_dict(state["network"])
        self.average.average = {key: value.to(self.device) for key, value in state["average"].items()}
        self.optimiser.load_state_dict(state["optimiser"])
        self.generator.set_state(state["generator"].cpu())

    def facts(self) -> Mapping[str, Any]:
        shape = {f"shape.{key}": value for key, value in asdict(self.settings.shape).items()}
        settings = {key: value for key, value in asdict(self.settings).items() if key != "shape"}
        return {**settings, **shape, "metric": "slim", "metric_sha256": self.metric_sha256}

    def result(self) -> bytes:
        return quick_bytes(self.averaged_network())

    def averaged_network(self) -> QuickNetwork:
        """The network with the average of its weights."""
        network = self._made(self.network.encoder)
        network.load_state_dict(self.average.average)
        return network.requires_grad_(False).eval()

    def _made(self, encoder: SlimNetwork) -> QuickNetwork:
        network = QuickNetwork(encoder, self.settings.shape, torch.Generator().manual_seed(self.settings.seed))
        return network.to(self.device, memory_format=torch.channels_last)

    @torch.no_grad()
    def _measure_styles(self) -> None:
        """Mean and deviation of what the network is told of styles."""
        draw = torch.Generator().manual_seed(self.settings.seed + 2)
        crops = self.images.styles.crops(64, self.settings.crop, draw).to(self.device)
        found = torch.cat([told(self.network.vectors(each)) for each in crops.split(8)])
        self.network.centre.copy_(found.mean(dim=0))
        self.network.spread.copy_(found.std(dim=0) + 0.02)

    def _recoloured(self, style: Tensor) -> Tensor:
        if draw_value(0, 1, self.generator) >= RECOLOURED:
            return style
        return style[torch.randperm(3, generator=self.generator)]

    def _held_out(self) -> tuple[Tensor, Tensor]:
        draw = torch.Generator().manual_seed(self.settings.seed + 1)
        side = _multiple(self.settings.crop)
        sources = (self.images.held_out_contents, self.images.held_out_styles)
        contents, styles = (each.crops(self.settings.held_out, side, draw) for each in sources)
        return contents, styles

    def _total(self, losses: Mapping[str, Tensor]) -> Tensor:
        s = self.settings
        weights = {"style": s.style_weight, "moments": s.moments_weight, "variation": s.variation_weight, "range": s.range_weight}
        return losses["content"] + sum(weight * losses[name] for name, weight in weights.items())

    def _losses(
        self,
        network: QuickNetwork,
        contents: Tensor,
        styles: Tensor,
        noise: list[Tensor] | None = None,
        painted: bool = True,
    ) -> tuple[dict[str, Tensor], Tensor]:
        """The losses of pairs, (B,) each, and their pictures; of the photographs in the styles' colours if not painted."""
        encoder = network.encoder
        with torch.no_grad():
            styles, contents = (_last(each.to(self.device)) for each in (styles, contents))
            of_styles = encoder(styles)
            vectors = vector_of(styles, of_styles)
            matched = _last(in_colours(contents, vectors))
            targets = encoder(matched)
            grams = [gram_matrix(maps) for maps in of_styles]
        pictures = network.painted(matched, targets, vectors, noise) if painted else matched
        own = encoder(pictures)
        zero = pictures.new_zeros(len(pictures))
        losses = {"content": zero, "style": zero, "moments": zero}
        for number, (maps, target) in enumerate(zip(own, targets, strict=True)):
            if CONTENT_WEIGHTS[number]:
                change = _square(F.conv2d(maps - target, self.roots[number]))
                spread = _square(F.conv2d(target - target.mean(dim=(2, 3), keepdim=True), self.roots[number]))
                floor = VARIANCE_FLOOR * _square(target)
                losses["content"] = losses["content"] + CONTENT_WEIGHTS[number] * change / (spread + floor)
            distance = relative_distance(gram_matrix(maps), grams[number], self.projections[number])
            losses["style"] = losses["style"] + (distance.clamp_min(0) + 1e-4).sqrt()
        moments = zip(vector_of(pictures, own).split(self._lengths(), 1), vectors.split(self._lengths(), 1), strict=True)
        for of_picture, of_style in list(moments)[: len(LAYERS)]:
            distance = (of_picture - of_style).square().sum(dim=1) / of_style.square().sum(dim=1)
            losses["moments"] = losses["moments"] + (distance + 1e-4).sqrt()
        steps = [(pictures.diff(dim=d)).abs().flatten(1).mean(dim=1) for d in (2, 3)]
        losses["variation"] = steps[0] + steps[1]
        losses["range"] = (pictures - pictures.clamp(0, 1)).square().flatten(1).mean(dim=1)
        return losses, pictures

    def _lengths(self) -> list[int]:
        return [*(2 * width for width in self.network.encoder.widths), 12]


def _square(values: Tensor) -> Tensor:
    return values.square().flatten(1).sum(dim=1)


def _last(images: Tensor) -> Tensor:
    return images.contiguous(memory_format=torch.channels_last)


def _multiple(side: float) -> int:
    """The nearest multiple of 8, at least 16."""
    return max(2 * STRIDE, STRIDE * round(side / STRIDE))
