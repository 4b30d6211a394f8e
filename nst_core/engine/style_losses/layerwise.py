"""Style losses that are weighted sums over layers: rows of a batch, styles and shares sorted out for all of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from nst_core.engine.regions import guides_at
from nst_core.engine.style_losses.base import (
    BatchLoss,
    LayerMaps,
    LossBlend,
    LossRegion,
    LossSetting,
    LossTarget,
    Maps,
    StyleLoss,
)
from nst_core.engine.tiling.extractor import TiledExtractor
from nst_core.engine.tiling.readings import LayerReading, Reading, WholeMap

NEVER = None
"""The lifetime of a choice that lasts for the whole scale."""


class LayerLoss(StyleLoss):
    """Σ weight · loss over the term's layers.

    Besides its target, the loss of a layer may depend on a choice (directions, positions, neighbours), which may be
    random, may depend on the present maps, and lasts for some evaluations. Random choices depend on the evaluation and
    the layer alone and are the same for all images: so an image has the same ones in every batch.

    Attributes:
        linear: whether the target of several styles is the mean of theirs. If not, their losses are averaged.
        stacked: whether the targets of different styles are made one tensor; else images of one style are taken
            together, one style after the other, and a target that many pairs share is kept once.
    """

    linear = False
    stacked = True

    def views(self, image: Tensor) -> tuple[Tensor, ...]:
        """The pictures of a style image, (3, H, W), whose maps the target is made of: by default the image itself."""
        return (image,)

    @abstractmethod
    def layer_target(self, views: Sequence[Tensor], guides: Sequence[Tensor] | None = None) -> Tensor:
        """What is kept of a layer of the style, from the maps of its views, each (1, N, h, w).

        A view's guide, (h, w) in [0, 1], says where the region is that the target is of; without any, everywhere.
        """

    def prepared(self, targets: Tensor) -> Any:
        """What is made of targets, (G, …) or (1, …) for all, once per scale of a batch."""
        return targets

    def lifetime(self) -> int | None:
        """For how many evaluations a choice is kept: 0, it is made whenever values are; `NEVER`, it is not remade."""
        return 0

    def choice(self, maps: Tensor, target: Any, generator: torch.Generator, guides: Tensor | None = None) -> Any:
        """The choice for maps (G, N, h, w), without gradient; the generator is on the CPU.

        With guides, (G, h, w) in [0, 1], it says where to look: at the positions of a region, or how much each counts.
        If losses are not `stacked`, G is then 1.
        """
        return None

    @abstractmethod
    def layer_values(self, maps: Tensor, target: Any, choice: Any) -> Tensor:
        """The loss of maps (G, N, h, w), (G,)."""

    def reading(self, choice: Any) -> Reading:
        """What is read of a layer whose maps are computed in tiles."""
        return WholeMap()

    def reading_values(self, own: LayerReading, target: Any, choice: Any) -> Tensor:
        """The loss of maps by what was read of them, (G,)."""
        raise NotImplementedError

    def target_reading(self, maps: Tensor) -> Reading:
        """What is read of a layer of the style for the target; of the maps, (1, N, h, w), only the shape matters."""
        return WholeMap()

    def reading_target(self, own: LayerReading) -> Tensor:
        """The target by what was read of a layer of the style."""
        raise NotImplementedError

    def tiled_target(self, image: Tensor, extractor: TiledExtractor) -> LossTarget:
        if not self.summed:
            return super().tiled_target(image, extractor)
        names = [name for name, _ in self.term.layers]
        shapes = extractor.shapes(image[None], names)
        readings = [self.target_reading(_stand_in(shapes[name], image)) for name in names]
        found = extractor.read(image[None], list(zip(names, readings, strict=True)))
        target = {}
        for name, reading, values in zip(names, readings, found, strict=True):
            whole = isinstance(reading, WholeMap)
            own = self.layer_target([values]) if whole else self.reading_target(LayerReading(values, shapes[name]))
            target[name] = own.to(torch.promote_types(image.dtype, torch.float32))
        return target

    def target(self, image: Tensor, maps: Maps, guide: Tensor | None = None) -> LossTarget:
        if not self.term.layers:
            return {}
        views = [maps(view) for view in self.views(image)]
        guides = None if guide is None else [one[0] for one in self.views(guide[None])]
        return {name: self._layer_target([of[name] for of in views], guides) for name, _ in self.term.layers}

    def _layer_target(self, views: Sequence[Tensor], guides: Sequence[Tensor] | None) -> Tensor:
        if guides is None:
            return self.layer_target(views)
        return self.layer_target(views, [guides_at(g, *of.shape[2:]) for of, g in zip(views, guides, strict=True)])

    def of_batch(self, pairs: Sequence[Sequence[LossRegion]], setting: LossSetting) -> BatchLoss:
        return LayerBatchLoss(self, pairs)


@dataclass(frozen=True)
class _StylePart:
    """A style of a region of an image of a batch, with its share of the image's loss.

    Attributes:
        region: the number of the region in the image; None: all of it.
    """

    row: int
    share: float
    target: LossTarget
    region: int | None
    guide: Tensor | None


@dataclass
class _StyleGroup:
    """Parts of a batch that are computed together.

    Attributes:
        parts: their places among all parts of the batch, in order.
        rows: the image of each, (G,); None where that is every image once.
        targets: (G, …), or (1, …) where all have the same.
        guides: (G, H, W), or None for parts that are whole images; `guide_maps`: the same at the layer.
        kept: the choice and its evaluation.
    """

    parts: list[int]
    rows: Tensor | None
    targets: Tensor
    prepared: Any
    guides: Tensor | None = None
    guide_maps: Tensor | None = None
    kept: list[Any] = field(default_factory=list)


class LayerBatchLoss(BatchLoss):
    """The loss of a batch: each image has one part, or, with several styles or regions, one for each with its share."""

    def __init__(self, loss: LayerLoss, pairs: Sequence[Sequence[LossRegion]]) -> None:
        self.loss, self.count = loss, len(pairs)
        self.lifetime = loss.lifetime()
        self.changes = bool(self.lifetime)
        self.period = 0
        self.parts = _style_parts(pairs, loss.linear)
        self.shares = self._shares()
        with torch.no_grad():
            self.groups = {name: self._grouped(name) for name, _ in loss.term.layers}
        self.orders = {name: self._order(groups) for name, groups in self.groups.items()}

    def begin(self, start: Tensor) -> None:
        self._forget()

    def draw(self, evaluation: int) -> None:
        period = evaluation // self.lifetime if self.lifetime else 0
        if period != self.period:
            self.period = period
            self._forget()

    def readings(self, shapes: Mapping[str, torch.Size]) -> Mapping[str, Reading]:
        return dict(self._readings(shapes)) if self.loss.summed else {}

    def values(self, images: Tensor, maps: LayerMaps) -> Tensor:
        layers = enumerate(self.loss.term.layers)
        losses = (weight * self._layer(number, name, maps[name]) for number, (name, weight) in layers)
        return sum(losses, start=images.new_zeros(self.count))

    def kept_bytes(self) -> int:
        return sum(group.targets.nbytes for groups in self.groups.values() for group in groups)

    def _readings(self, shapes: Mapping[str, torch.Size]) -> Iterator[tuple[str, Reading]]:
        for number, (name, _) in enumerate(self.loss.term.layers):
            group = self.groups[name][0]  # positions are the same for all images
            yield name, self.loss.reading(self._choice(number, group, _stand_in(shapes[name], group.targets)))

    def _forget(self) -> None:
        for groups in self.groups.values():
            for group in groups:
                group.kept.clear()

    def _shares(self) -> Tensor | None:
        """(B, parts): the share of each part in each image; None where every image is one part."""
        if len(self.parts) == self.count and all(part.guide is None for part in self.parts):
            return None
        shares = torch.zeros(self.count, len(self.parts))
        for number, part in enumerate(self.parts):
            shares[part.row, number] = part.share
        return shares.to(next(iter(self.parts[0].target.values()), shares).device)

    def _grouped(self, layer: str) -> list[_StyleGroup]:
        """Parts of whole images by their targets; of regions each alone, or, stacked, one of each image."""
        found: dict[Any, list[int]] = {}
        for number, part in enumerate(self.parts):
            target = part.target[layer]
            alone = target.shape if self.loss.stacked else id(target) if part.guide is None else number
            found.setdefault((alone, part.region), []).append(number)
        return [self._group(numbers, layer) for numbers in found.values()]

    def _group(self, parts: list[int], layer: str) -> _StyleGroup:
        own = [self.parts[number] for number in parts]
        targets = [part.target[layer] for part in own]
        same = all(target is targets[0] for target in targets)
        tensor = targets[0][None] if same else torch.stack(targets)
        rows = [part.row for part in own]
        index = None if rows == list(range(self.count)) else torch.tensor(rows, device=tensor.device)
        guides = [part.guide for part in own if part.guide is not None]
        return _StyleGroup(parts, index, tensor, self.loss.prepared(tensor), torch.stack(guides) if guides else None)

    def _order(self, groups: Sequence[_StyleGroup]) -> Tensor | None:
        """Where each part is among the parts of all groups; None where a single group has all of them, in order."""
        if len(groups) == 1:
            return None
        parts = [part for group in groups for part in group.parts]
        order = sorted(range(len(parts)), key=parts.__getitem__)
        return torch.tensor(order, device=groups[0].targets.device)

    def _layer(self, number: int, name: str, maps: Tensor | LayerReading) -> Tensor:
        groups = self.groups[name]
        each = [self._of_group(number, group, maps) for group in groups]
        order = self.orders[name]
        losses = each[0] if order is None else torch.cat(each).index_select(0, order)
        if self.shares is None:
            return losses
        return torch.where(self.shares > 0, self.shares * losses, 0.0).sum(dim=1)  # no image touches another's NaN

    def _guides(self, group: _StyleGroup, maps: Tensor) -> Tensor | None:
        """The guides of a group at the layer, (G, h, w)."""
        if group.guides is not None and group.guide_maps is None:
            group.guide_maps = guides_at(group.guides, *maps.shape[2:])
        return group.guide_maps

    def _of_group(self, number: int, group: _StyleGroup, maps: Tensor | LayerReading) -> Tensor:
        if isinstance(maps, LayerReading):
            read = maps if group.rows is None else maps.of_rows(group.rows)
            choice = self._choice(number, group, _stand_in(read.shape, read.values))
            return self.loss.reading_values(read, group.prepared, choice)
        own = maps if group.rows is None else maps.index_select(0, group.rows)
        return self.loss.layer_values(own, group.prepared, self._choice(number, group, own))

    @torch.no_grad()
    def _choice(self, number: int, group: _StyleGroup, maps: Tensor) -> Any:
        if group.kept:
            return group.kept[0]
        generator = torch.Generator().manual_seed(1_000_003 * self.period + number)
        choice = self.loss.choice(maps, group.prepared, generator, self._guides(group, maps))
        if self.lifetime != 0:
            group.kept.append(choice)
        return choice


def _stand_in(shape: torch.Size, like: Tensor) -> Tensor:
    """Maps of a shape that take no memory, for a choice that looks at nothing else."""
    return like.new_zeros(()).expand(shape)


def _style_parts(pairs: Sequence[Sequence[LossRegion]], linear: bool) -> list[_StylePart]:
    """The parts of a batch, image by image; with `linear`, one for each region, of the mean of its styles."""
    return [
        _StylePart(row, region.share * share, target, None if region.guide is None else number, region.guide)
        for row, regions in enumerate(pairs)
        for number, region in enumerate(regions)
        for share, target in (_mean(region.blend) if linear else region.blend)
    ]


def _mean(blend: LossBlend) -> LossBlend:
    """A single target in place of those of several styles."""
    if len(blend) == 1:
        return blend
    names = blend[0][1]
    return ((1.0, {name: torch.stack([share * target[name] for share, target in blend]).sum(dim=0) for name in names}),)
