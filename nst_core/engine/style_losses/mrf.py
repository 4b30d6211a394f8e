"""Patches of feature maps and their nearest ones of the style, as in a Markov random field (Li and Wand, CVPR 2016)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from nst_core.engine.losses import at_least_float32
from nst_core.engine.regions import inside
from nst_core.engine.scaling import resized
from nst_core.engine.style_losses.layerwise import LayerLoss
from nst_core.engine.style_losses.positions import drawn_positions
from nst_core.engine.style_losses.tiles import sum_of_tiles, tiles

_LEAST_NORM = 1e-12


class StylePatches(NamedTuple):
    """A style's patches, (S, D), and their lengths, (S,)."""

    patches: Tensor
    lengths: Tensor


class Neighbours(NamedTuple):
    """The index of each patch's nearest, (G, P), and the weight of each patch, (P,); None: all the same."""

    indices: Tensor
    weights: Tensor | None


class PatchLoss(LayerLoss):
    """Mean of (patch − its nearest patch of the style)², nearest by normalised cross-correlation.

    The neighbours have no gradient. They are sought at each evaluation, or every so many (`refresh`).
    """

    stacked = False

    def lifetime(self) -> int | None:
        refresh = int(self.term.option("refresh"))
        return refresh if refresh > 1 else 0

    def views(self, image: Tensor) -> tuple[Tensor, ...]:
        """The image, also turned and at other sizes, where that is wanted."""
        factor = self.term.option("other_sizes")
        shapes = [[max(1, round(side * f)) for side in image.shape[1:]] for f in (factor, 1 / factor)] if factor else []
        sized = (image, *(resized(image[None], shape)[0] for shape in shapes))
        turns = range(4) if self.term.option("rotations") else range(1)
        return tuple(each.rot90(turn, (1, 2)) if turn else each for each in sized for turn in turns)

    def layer_target(self, views: Sequence[Tensor], guides: Sequence[Tensor] | None = None) -> Tensor:
        """(S, D): at most so many patches of all views, drawn the same way whenever the shapes are the same.

        Of a region those whose centre it holds.
        """
        places: Sequence[Tensor | None] = [None] * len(views) if guides is None else guides
        found = torch.cat([self._patches_of(maps, guide) for maps, guide in zip(views, places, strict=True)])
        drawn = drawn_positions(len(found), self.term.option("positions"), torch.Generator().manual_seed(0))
        return found if drawn is None else found[drawn.to(found.device)]

    def prepared(self, targets: Tensor) -> StylePatches:
        return StylePatches(targets[0], targets[0].square().sum(dim=1).sqrt().clamp_min(_LEAST_NORM))

    def choice(
        self, maps: Tensor, target: StylePatches, generator: torch.Generator, guides: Tensor | None = None
    ) -> Neighbours:
        each = 4 * len(maps) * max(len(target.patches), target.patches.shape[1])
        strips = self._strips(maps, each)
        indices = torch.cat([nearest(self._patches(self._strip(maps, rows)), target) for rows in strips], dim=1)
        if guides is None:
            return Neighbours(indices, None)
        weights = self._inside(guides[0]).float()
        return Neighbours(indices, weights / weights.sum())

    def layer_values(self, maps: Tensor, target: StylePatches, choice: Neighbours) -> Tensor:
        maps, width = self._padded(maps), self._grid(maps)[1]
        indices, weights = choice
        values = target.patches.shape[1]

        def piece(rows: slice, features: Tensor) -> Tensor:
            own = self._patches(self._strip(features, rows))
            part = slice(rows.start * width, rows.stop * width)
            errors = (own - target.patches[indices[:, part]].mT).square()
            if weights is not None:
                return (errors.sum(dim=1) * weights[part].to(errors)).sum(dim=1) / values
            return errors.sum(dim=(1, 2)) / (indices.shape[1] * values)

        strips = self._strips(maps, 4 * len(maps) * target.patches.shape[1])
        return sum_of_tiles(maps, [partial(piece, rows) for rows in strips])

    def _padded(self, maps: Tensor) -> Tensor:
        """Maps with at least a patch's sides, at least float32."""
        missing = [max(0, self.term.option("patch") - side) for side in maps.shape[2:]]
        maps = at_least_float32(maps)
        return F.pad(maps, (0, missing[1], 0, missing[0]), mode="replicate") if any(missing) else maps

    def _grid(self, maps: Tensor) -> tuple[int, int]:
        """The numbers of rows and columns of patches."""
        patch, stride = self.term.option("patch"), self.term.option("stride")
        rows, columns = ((max(side, patch) - patch) // stride + 1 for side in maps.shape[2:])
        return rows, columns

    def _patches(self, maps: Tensor) -> Tensor:
        """The patches of maps (B, N, h, w), row by row: (B, D, P)."""
        return F.unfold(self._padded(maps), self.term.option("patch"), stride=self.term.option("stride"))

    def _patches_of(self, maps: Tensor, guide: Tensor | None) -> Tensor:
        """The patches of maps (1, N, h, w), or of a region of them: (P, D)."""
        patches = self._patches(maps)[0].T
        return patches if guide is None else patches[self._inside(guide)]

    def _inside(self, guide: Tensor) -> Tensor:
        """Whether the centre of each patch lies in the region of a guide, (h, w): (P,) bool."""
        patch, stride = self.term.option("patch"), self.term.option("stride")
        centres = (
            (torch.arange(count, device=guide.device) * stride + patch // 2).clamp_max(side - 1)
            for count, side in zip(self._grid(guide[None, None]), guide.shape, strict=True)
        )
        rows, columns = centres
        return inside(guide[rows[:, None], columns]).flatten()

    def _strips(self, maps: Tensor, patch_bytes: int) -> Iterator[slice]:
        """Rows of patches that fill a tile."""
        rows, columns = self._grid(maps)
        return tiles(rows, columns * patch_bytes)

    def _strip(self, maps: Tensor, rows: slice) -> Tensor:
        """The part of the maps that these rows of patches cover."""
        patch, stride = self.term.option("patch"), self.term.option("stride")
        return self._padded(maps)[:, :, rows.start * stride : (rows.stop - 1) * stride + patch]


def nearest(patches: Tensor, style: StylePatches) -> Tensor:
    """For each patch, (B, D, P), the style's of the largest normalised cross-correlation: its index, (B, P).

    The patch's own length is the same for all candidates, and is left out.
    """
    found: Tensor = (style.patches @ patches).div_(style.lengths[:, None]).argmax(dim=1)
    return found
