"""Feature maps computed tile by tile: a first walk over the tiles gives what losses read, a second the gradient.

The first walk keeps nothing but the readings. The loss is a function of these; its gradient with respect to them goes
back through each tile, which is computed again. So memory holds the intermediate maps of one tile at a time, and the
result is that of the whole picture: the loss is computed once, from sums over all of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from nst_core.engine.features.base import Extractor
from nst_core.engine.features.geometry import NetworkSection
from nst_core.engine.tiling.grid import Tile, tiles
from nst_core.engine.tiling.readings import Reading, WholeMap

Wanted = Sequence[tuple[str, Reading]]
"""Layers, and what is read of them; a layer may occur more than once."""


class TiledExtractor(Extractor):
    """An extractor that runs on tiles of at most about `tile` × `tile` pixels.

    A network is run in sections (`Extractor.sections`): all tiles up to a small map, which is kept whole, and from
    there on all tiles of that. Without sections each tile would have to be cut out with all that the deepest layer
    sees.
    """

    def __init__(self, extractor: Extractor, tile: int) -> None:
        super().__init__()
        self.extractor, self.tile = extractor, tile
        self.name, self.layers = extractor.name, extractor.layers
        self.weights_sha256, self.precision = extractor.weights_sha256, extractor.precision
        self.channel_shares = extractor.channel_shares

    def forward(self, images: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        names = list(dict.fromkeys(layers))
        return dict(zip(names, self.read(images, [(name, WholeMap()) for name in names]), strict=True))

    def read(self, images: Tensor, wanted: Wanted) -> list[Tensor]:
        """What is wanted of the layers of `images`, (B, 3, H, W): differentiable."""
        found: dict[int, Tensor] = {}
        x = images
        for section in self.extractor.sections([name for name, _ in wanted]):
            own = [number for number, (name, _) in enumerate(wanted) if name in section.reaches and number not in found]
            of_section = [wanted[number] for number in own]
            if section.end is not None:
                of_section.append((section.end, WholeMap()))
            side = max(1, round(self.tile * tile_share(images.shape[2] / x.shape[2])))
            results = _Readings.apply(x, section, side, of_section)
            found |= dict(zip(own, results, strict=False))
            x = results[-1]
        return [found[number] for number in range(len(wanted))]

    def shapes(self, images: Tensor, layers: Sequence[str]) -> dict[str, torch.Size]:
        """The shapes of the maps of images, (B, 3, H, W), by layer; of the images only shape and type matter."""
        (batch, _, height, width), names = images.shape, tuple(dict.fromkeys(layers))
        side = self.extractor.min_side(names)
        with torch.no_grad():
            small = self.extractor(images.new_zeros(1, 3, side, side), names)
        sides: dict[str, tuple[int, int]] = {}
        for section in self.extractor.sections(names):
            sides |= {name: (reach.side(height), reach.side(width)) for name, reach in section.reaches.items()}
            if section.end is not None:
                height, width = sides[section.end]
        return {name: torch.Size((batch, small[name].shape[1], *sides[name])) for name in names}

    def min_side(self, layers: Sequence[str]) -> int:
        return self.extractor.min_side(layers)

    def sections(self, layers: Sequence[str]) -> tuple[NetworkSection, ...]:
        return self.extractor.sections(layers)


def tile_share(stride: float) -> float:
    """The side of tiles in positions of a map, over that in pixels, for a map with so many pixels per position.

    Deep maps have fewer values, about by the stride: so tiles are larger there, and overlap less.
    """
    return math.sqrt(max(1.0, stride / 2)) / stride


class _Readings(torch.autograd.Function):
    """Readings of the maps of one section, from its input."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, section: NetworkSection, side: int, wanted: Wanted) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x)
        ctx.section, ctx.wanted = section, wanted
        ctx.tiles = tiles(x.shape[2], x.shape[3], side, section.reaches)
        results: list[Tensor] = []
        for tile in ctx.tiles:
            maps = section.run(x[_crop(tile)])
            for number, (name, reading) in enumerate(wanted):
                own, place = _own(maps[name], tile, name), tile.places[name]
                if len(results) == number:
                    results.append(reading.empty(own, torch.Size((*own.shape[:2], *place.shape))))
                index, part = reading.part(own, place)
                results[number][index] += part
        return tuple(results)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor, None, None, None]:
        (x,) = ctx.saved_tensors
        total = torch.zeros_like(x)
        for tile in ctx.tiles:
            total[_crop(tile)] += _tile_gradient(x[_crop(tile)], tile, ctx.section, ctx.wanted, gradients)
        return total, None, None, None


def _tile_gradient(
    crop: Tensor, tile: Tile, section: NetworkSection, wanted: Wanted, gradients: Sequence[Tensor | None]
) -> Tensor:
    """The gradient of `Σ ⟨gradient, reading⟩` with respect to what a tile was cut out of."""
    crop = crop.detach().requires_grad_(True)
    parts, outer = [], []
    with torch.enable_grad():
        maps = section.run(crop)
        for (name, reading), gradient in zip(wanted, gradients, strict=True):
            if gradient is not None:
                index, part = reading.part(_own(maps[name], tile, name), tile.places[name])
                parts.append(part)
                outer.append(gradient[index])
    del maps
    return torch.autograd.grad(parts, crop, outer)[0]


def _crop(tile: Tile) -> tuple[Any, ...]:
    return (..., *tile.crop)


def _own(maps: Tensor, tile: Tile, name: str) -> Tensor:
    rows, columns = tile.places[name].own
    return maps[..., rows, columns]
