"""Whether a picture is computed tile by tile, and how large the tiles are: by the memory that there is."""

from __future__ import annotations

import logging
import math
from functools import cached_property

import torch

from nst_core.engine.features.base import Extractor
from nst_core.engine.memory import WORKING_SPACE, MemoryNeed, available_bytes, memory_need
from nst_core.engine.recipe import Recipe
from nst_core.engine.style_losses import style_loss
from nst_core.engine.terms import StyleTerm
from nst_core.engine.tiling.extractor import TiledExtractor, tile_share
from nst_core.engine.tiling.grid import least_side
from nst_core.engine.tiling.settings import Tiling

LEAST_TILE, MOST_TILE = 128, 1024
"""Sides, in pixels, between which tiles are chosen; of networks that see far no smaller than their `least_side`."""

NEVER_BELOW = 512 * 512
"""Pixels of a picture up to which its memory is not looked at, unless it is given."""

ROUNDING = 32
"""Sides of tiles are multiples of so many pixels."""

IMAGE_BYTES = 3 * 4
"""Bytes per pixel of a vector of the optimiser's: an image in float32."""

LEAST_HISTORY = 3
"""Curvature pairs with which L-BFGS still works: fewer are never advised."""

log = logging.getLogger(__name__)


class TileChoice:
    """The choice for the pictures of a recipe on a device, which is remembered by shape.

    Args:
        tiling: what is wanted.
    """

    def __init__(self, recipe: Recipe, extractor: Extractor, device: torch.device, tiling: Tiling) -> None:
        self._recipe, self._extractor, self._device, self._tiling = recipe, extractor, device, tiling
        self._chosen: dict[tuple[int, int], int | None] = {}

    def side(self, height: int, width: int) -> int | None:
        """The side of the tiles of a picture, in pixels; None: it is computed as a whole."""
        if isinstance(self._tiling.tile, int):
            return self._tiling.tile if max(height, width) > self._tiling.tile else None
        if self._tiling.tile == "none":
            return None
        shape = height, width
        if shape not in self._chosen:
            self._chosen[shape] = self._fitting(height, width)
            if self._chosen[shape]:
                log.info(
                    "%d × %d pixels are computed in tiles of %d%s.", width, height, self._chosen[shape], self._aside
                )
        return self._chosen[shape]

    def extractor(self, height: int, width: int) -> Extractor:
        """The extractor for pictures of a shape."""
        side = self.side(height, width)
        return self._extractor if side is None else TiledExtractor(self._extractor, side)

    def reduce(self, height: int, width: int) -> bool:
        """Choose smaller tiles for a shape, because memory has run out; False where there are none."""
        if self._tiling.tile != "auto":
            return False
        before = self.side(height, width) or min(2 * MOST_TILE, 2 * max(height, width))
        smaller = _rounded(before / 2)
        if before <= self._least or max(self._least, smaller) >= max(height, width):
            return False
        self._chosen[height, width] = max(self._least, smaller)
        log.warning("%d × %d pixels do not fit: trying tiles of %d.", width, height, self._chosen[height, width])
        return True

    def shortage(self, height: int, width: int) -> str:
        """What would help where even tiles do not fit: a sentence's end."""
        if self._tiling.tile == "none":
            return "set execution.tile to auto, or a smaller method.size"
        settings = self._recipe.optimiser
        if settings.name == "lbfgs" and settings.history > LEAST_HISTORY:
            held = _gib(2 * settings.history * IMAGE_BYTES * height * width)
            return f"set a smaller method.size, or method.optimiser.history: {settings.history} takes {held}"
        return "set a smaller method.size"

    def _fitting(self, height: int, width: int) -> int | None:
        pixels, given = height * width, self._tiling.memory
        if pixels <= NEVER_BELOW and given is None:
            return None
        room = available_bytes(self._device, given)
        if self._need.of(pixels) <= room or max(height, width) <= self._least:
            return None
        besides = self._need.fixed + (self._need.state + self._whole_bytes) * pixels
        side = math.sqrt(max(0.0, room - besides) / self._need.maps)
        least = besides + self._need.maps * self._least**2
        if least > room:
            log.warning(
                "%d × %d pixels need about %s even in tiles of %d, and there are %s: %s.",
                *(width, height, _gib(least), self._least, _gib(room), self.shortage(height, width)),
            )
        return max(self._least, min(MOST_TILE, _rounded(side)))

    @property
    def _aside(self) -> str:
        """Which losses need all positions of their layers at once, as the end of a sentence."""
        losses = dict.fromkeys(term.loss for term in self._recipe.style_terms(0) if not _is_summed(term))
        return f"; the maps that {' and '.join(losses)} compares are whole all the same" if losses else ""

    @cached_property
    def _least(self) -> int:
        """The smallest tiles that are chosen, in pixels."""
        stride, least = 1, float(LEAST_TILE)
        for section in self._extractor.sections(self._recipe.layer_names()):
            least = max(least, least_side(list(section.reaches.values())) / tile_share(stride))
            stride *= section.reaches[section.end].stride if section.end else 1
        return math.ceil(least / ROUNDING) * ROUNDING

    @cached_property
    def _need(self) -> MemoryNeed:
        return memory_need(self._recipe, self._extractor)

    @cached_property
    def _whole_bytes(self) -> float:
        """Bytes per pixel of maps that are whole all the same, with their gradients: ends of sections, content's, and
        those of losses that need all positions at once."""
        recipe, side = self._recipe, 1024
        images = torch.zeros(()).expand(1, 3, side, side).to(self._device)
        tiled = TiledExtractor(self._extractor, side)
        ends = [section.end for section in self._extractor.sections(recipe.layer_names()) if section.end]
        whole = [name for term in recipe.style_terms(0) if not _is_summed(term) for name, _ in term.layers]
        names = (*recipe.layer_names(), *ends)
        values = {name: shape.numel() / side**2 for name, shape in tiled.shapes(images, names).items()}
        kept = 0 if recipe.content.loss == "self_similarity" else sum(values[name] for name in recipe.content_names())
        return 4 * (2 * sum(values[name] for name in ends) + kept + 2 * WORKING_SPACE * sum(values[n] for n in whole))


def _is_summed(term: StyleTerm) -> bool:
    """Whether a style term can be had from sums, or from some positions."""
    return style_loss(term).summed


def _rounded(side: float) -> int:
    return int(side) // ROUNDING * ROUNDING


def _gib(size: float) -> str:
    return f"{size / 2**30:.1f} GiB"
