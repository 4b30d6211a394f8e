"""Style losses that are weighted sums over layers: rows of a batch, styles and shares sorted out for all of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from nst_core.engine.style_losses.base import (
    BatchLoss,
    LayerMaps,
    LossBlend,
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
    def layer_target(self, views: Sequence[Tensor]) -> Tensor:
        """What is kept of a layer of the style, from the maps of its views, each (1, N, h, w)."""

    def prepared(self, targets: Tensor) -> Any:
        """What is made of targets, (G, …) or (1, …) for all, once per scale of a batch."""
        return targets

    def lifetime(self) -> int | None:
        """For how many evaluations a choice is kept: 0, it is made whenever values are; `NEVER`, it is not remade."""
        return 0

    def choice(self, maps: Tensor, target: Any, generator: torch.Generator) -> Any:
        """The choice for maps (G, N, h, w), without gradient; the generator is on the CPU."""
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

    def target_reading(self, shape: torch.Size, device: torch.device) -> Reading:
        """What is read of a layer of the style, of this shape, for the target."""
        return WholeMap()

    def reading_target(self, own: LayerReading) -> Tensor:
        """The target by what was read of a layer of the style."""
        raise NotImplementedError

    def tiled_target(self, image: Tensor, extractor: TiledExtractor) -> LossTarget:
        if not self.summed:
            return super().tiled_target(image, extractor)
        names = [name for name, _ in self.term.layers]
        shapes = extractor.shapes(image[None], names)
        readings = [self.target_reading(shapes[name], image.device) for name in names]
        found = extractor.read(image[None], list(zip(names, readings, strict=True)))
        target = {}
        for name, reading, values in zip(names, readings, found, strict=True):
            whole = isinstance(reading, WholeMap)
            own = self.layer_target([values]) if whole else self.reading_target(LayerReading(values, shapes[name]))
            target[name] = own.to(torch.promote_types(image.dtype, torch.float32))
        return target

    def target(self, image: Tensor, maps: Maps) -> LossTarget:
        views = [maps(view) for view in self.views(image)] if self.term.layers else []
        return {name: self.layer_target([of[name] for of in views]) for name, _ in self.term.layers}

    def of_batch(self, blends: Sequence[LossBlend], setting: LossSetting) -> BatchLoss:
        return LayerBatchLoss(self, [_mean(blend) for blend in blends] if self.linear else blends)


@dataclass
class _PartGroup:
    """Parts of a batch that are computed together.

    Attributes:
        parts: their places among all parts of the batch, in order.
        rows: the image of each, (G,); None where that is every image once.
        targets: (G, …), or (1, …) where all have the same.
        kept: the choice and its evaluation.
    """

    parts: list[int]
    rows: Tensor | None
    targets: Tensor
    prepared: Any
    kept: list[Any] = field(default_factory=list)


class LayerBatchLoss(BatchLoss):
    """The loss of a batch: each image has one part, or, with several styles, one for each with its share."""

    def __init__(self, loss: LayerLoss, blends: Sequence[LossBlend]) -> None:
        self.loss, self.count = loss, len(blends)
        self.lifetime = loss.lifetime()
        self.changes = bool(self.lifetime)
        self.period = 0
        self.part_rows = [row for row, blend in enumerate(blends) for _ in blend]
        self.shares = self._shares(blends)
        targets = [target for blend in blends for _, target in blend]
        with torch.no_grad():
            self.groups = {name: self._grouped([t[name] for t in targets]) for name, _ in loss.term.layers}
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

    def _shares(self, blends: Sequence[LossBlend]) -> Tensor | None:
        """(B, parts): the share of each part in each image; None where every image has one part."""
        if all(len(blend) == 1 for blend in blends):
            return None
        shares = torch.zeros(len(blends), len(self.part_rows))
        for part, (row, share) in enumerate(zip(self.part_rows, (s for b in blends for s, _ in b), strict=True)):
            shares[row, part] = share
        return shares.to(next(iter(blends[0][0][1].values()), shares).device)

    def _grouped(self, targets: Sequence[Tensor]) -> list[_PartGroup]:
        found: dict[Any, list[int]] = {}
        for part, target in enumerate(targets):
            found.setdefault(target.shape if self.loss.stacked else id(target), []).append(part)
        return [self._group(parts, [targets[part] for part in parts]) for parts in found.values()]

    def _group(self, parts: list[int], targets: list[Tensor]) -> _PartGroup:
        same = all(target is targets[0] for target in targets)
        tensor = targets[0][None] if same else torch.stack(targets)
        rows = [self.part_rows[part] for part in parts]
        index = None if rows == list(range(self.count)) else torch.tensor(rows, device=tensor.device)
        return _PartGroup(parts, index, tensor, self.loss.prepared(tensor))

    def _order(self, groups: Sequence[_PartGroup]) -> Tensor | None:
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

    def _of_group(self, number: int, group: _PartGroup, maps: Tensor | LayerReading) -> Tensor:
        if isinstance(maps, LayerReading):
            read = maps if group.rows is None else maps.of_rows(group.rows)
            choice = self._choice(number, group, _stand_in(read.shape, read.values))
            return self.loss.reading_values(read, group.prepared, choice)
        own = maps if group.rows is None else maps.index_select(0, group.rows)
        return self.loss.layer_values(own, group.prepared, self._choice(number, group, own))

    @torch.no_grad()
    def _choice(self, number: int, group: _PartGroup, maps: Tensor) -> Any:
        if group.kept:
            return group.kept[0]
        generator = torch.Generator().manual_seed(1_000_003 * self.period + number)
        choice = self.loss.choice(maps, group.prepared, generator)
        if self.lifetime != 0:
            group.kept.append(choice)
        return choice


def _stand_in(shape: torch.Size, like: Tensor) -> Tensor:
    """Maps of a shape that take no memory, for a choice that looks at nothing else."""
    return like.new_zeros(()).expand(shape)


def _mean(blend: LossBlend) -> LossBlend:
    """A single target in place of those of several styles."""
    if len(blend) == 1:
        return blend
    names = blend[0][1]
    return ((1.0, {name: torch.stack([share * target[name] for share, target in blend]).sum(dim=0) for name in names}),)
