"""What losses read of a layer that is computed tile by tile: sums over its positions, some of them, or the whole map.

A reading is a function of the whole map (B, N, h, w) to which each tile contributes a part, added up where the part
belongs. So its gradient with respect to a tile's map is that of the tile's part alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nst_core.engine.losses import at_least_float32, gram_matrix
from nst_core.engine.tiling.grid import Place

Index = Any
"""What indexes the result of a reading."""

EVERYWHERE: Index = ...


class Reading(ABC):
    """What is read of a layer."""

    @abstractmethod
    def empty(self, maps: Tensor, shape: torch.Size) -> Tensor:
        """The reading of a map of zeros of this shape, (B, N, h, w); `maps`, (B, N, …), say dtype and device."""

    @abstractmethod
    def part(self, maps: Tensor, place: Place) -> tuple[Index, Tensor]:
        """What the positions at a place contribute, from their maps (B, N, h', w'), and where it is added."""


class WholeMap(Reading):
    """The map itself, for what needs all positions at once: it is kept as a whole, and so is its gradient."""

    def empty(self, maps: Tensor, shape: torch.Size) -> Tensor:
        return maps.new_zeros(shape)

    def part(self, maps: Tensor, place: Place) -> tuple[Index, Tensor]:
        return (..., *place.whole), maps


class GramSum(Reading):
    """The Gram matrix over the number of positions, (B, N, N), as `gram_matrix` gives it."""

    def empty(self, maps: Tensor, shape: torch.Size) -> Tensor:
        return at_least_float32(maps.new_zeros(shape[0], shape[1], shape[1]))

    def part(self, maps: Tensor, place: Place) -> tuple[Index, Tensor]:
        return EVERYWHERE, gram_matrix(maps) * (place.count / place.positions)


class PowerSums(Reading):
    """Means of the channels' values and of their squares, (B, 2, N) in float64, from which moments come exactly."""

    def empty(self, maps: Tensor, shape: torch.Size) -> Tensor:
        return maps.new_zeros((shape[0], 2, shape[1]), dtype=torch.float64)

    def part(self, maps: Tensor, place: Place) -> tuple[Index, Tensor]:
        flat = at_least_float32(maps).flatten(2)
        mean = flat.mean(dim=2)
        variance = (flat - mean[:, :, None]).square().mean(dim=2)
        powers = torch.stack([mean.double(), variance.double() + mean.double().square()], dim=1)
        return EVERYWHERE, powers * (place.count / place.positions)


@dataclass(frozen=True)
class VectorsAt(Reading):
    """The feature vectors at some positions, which are the same for all images: (B, N, K).

    Attributes:
        positions: (K,), each once, counted row by row.
    """

    positions: Tensor

    def empty(self, maps: Tensor, shape: torch.Size) -> Tensor:
        return at_least_float32(maps.new_zeros(shape[0], shape[1], len(self.positions)))

    def part(self, maps: Tensor, place: Place) -> tuple[Index, Tensor]:
        rows, columns = self.positions // place.shape[1], self.positions % place.shape[1]
        inside, local = _inside(rows, columns, place)
        chosen = inside.nonzero()[:, 0]
        return (..., chosen), at_least_float32(maps.flatten(2).index_select(2, local[chosen]))


@dataclass(frozen=True)
class SamplesAt(Reading):
    """The feature vectors at places between positions, read bilinearly as `F.grid_sample` does: (B, N, M).

    Attributes:
        places: (B, M, 2) of x, y in [−1, 1], or (1, M, 2).
    """

    places: Tensor

    def empty(self, maps: Tensor, shape: torch.Size) -> Tensor:
        return at_least_float32(maps.new_zeros(shape[0], shape[1], self.places.shape[1]))

    def part(self, maps: Tensor, place: Place) -> tuple[Index, Tensor]:
        maps = at_least_float32(maps)
        places = self.places.to(maps).expand(len(maps), -1, -1)
        height, width = place.shape
        (x, right), (y, lower) = (_between(places[..., axis], side) for axis, side in ((0, width), (1, height)))
        flat = maps.flatten(2)
        total = flat.new_zeros(*flat.shape[:2], places.shape[1])
        for rows, down in ((y, 1 - lower), (y + 1, lower)):
            for columns, across in ((x, 1 - right), (x + 1, right)):
                inside, local = _inside(rows, columns, place)
                weight = (down * across * inside)[:, None]
                total = total + weight * flat.gather(2, local[:, None].expand(-1, flat.shape[1], -1))
        return EVERYWHERE, total


@dataclass(frozen=True)
class ErrorSums(Reading):
    """Σ (F − P)² and, where they are wanted, Σ |F − P|, over all values: (B, 1) or (B, 2).

    Attributes:
        target: P, (B, N, h, w).
    """

    target: Tensor
    absolute: bool = False

    def empty(self, maps: Tensor, shape: torch.Size) -> Tensor:
        return at_least_float32(maps.new_zeros(shape[0], 2 if self.absolute else 1))

    def part(self, maps: Tensor, place: Place) -> tuple[Index, Tensor]:
        error = at_least_float32(maps) - at_least_float32(self.target[..., place.whole[0], place.whole[1]])
        sums = [error.square().sum(dim=(1, 2, 3))]
        if self.absolute:
            sums.append(error.abs().sum(dim=(1, 2, 3)))
        return EVERYWHERE, torch.stack(sums, dim=1)


@dataclass(frozen=True)
class LayerReading:
    """What was read of a layer, in place of its map.

    Attributes:
        values: the reading, (B, …).
        shape: of the map, (B, N, h, w).
    """

    values: Tensor
    shape: torch.Size

    @property
    def positions(self) -> int:
        """The number of positions of the map."""
        return self.shape[2] * self.shape[3]

    @property
    def values_each(self) -> int:
        """The number of values of an image's map."""
        return self.shape[1] * self.positions

    def __rmul__(self, weight: float) -> LayerReading:
        """That of the map times a weight, for readings that are linear."""
        return LayerReading(weight * self.values, self.shape)

    def of_rows(self, rows: Tensor) -> LayerReading:
        """That of some images of the batch."""
        return LayerReading(self.values.index_select(0, rows), torch.Size((len(rows), *self.shape[1:])))


def _inside(rows: Tensor, columns: Tensor, place: Place) -> tuple[Tensor, Tensor]:
    """Whether positions are a tile's own, and where in its part of the map; 0 for the others."""
    (own_rows, own_columns) = place.whole
    inside = (rows >= own_rows.start) & (rows < own_rows.stop)
    inside &= (columns >= own_columns.start) & (columns < own_columns.stop)
    local = (rows - own_rows.start) * (own_columns.stop - own_columns.start) + columns - own_columns.start
    return inside, torch.where(inside, local, 0)


def _between(coordinates: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """The position before a coordinate in [−1, 1], and how far it is from there to the next: corners unaligned."""
    places = (((coordinates + 1) * side - 1) / 2).clamp(0, side - 1)
    before = places.floor()
    return before.long(), places - before
