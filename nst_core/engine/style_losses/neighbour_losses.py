"""Neural neighbours as style losses: against targets chosen once per scale, and chosen anew, layer by layer.

Kolkin et al. 2022 (arXiv 2203.13215).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nst_core.engine.laplacian import from_pyramid, laplacian_pyramid
from nst_core.engine.neighbours import (
    GRID,
    cosine_distance,
    hypercolumns,
    nearest_indices,
    quarter,
    random_grid,
    split_cosine_distance,
    split_targets,
)
from nst_core.engine.style_losses.base import LayerMaps, LossBlend
from nst_core.engine.style_losses.feature_sets import FeatureSetLoss, FeatureSetStyle, counts_by_share, generator


class NeighbourLoss(FeatureSetLoss):
    """`cosine_distance` of hypercolumns to the style's nearest to those of the content, blended with the start."""

    targets: Tensor

    @torch.no_grad()
    def begin(self, start: Tensor) -> None:
        share = 1.0 if self.setting.coarsest else self.term.option("content_share")
        queries = self._columns(blended_queries(self.setting.contents, start, share))
        targets: list[Tensor] = [queries[:0]] * len(queries)
        for row, candidates in self.per_style(self._candidates):
            indices = nearest_indices(queries[row].flatten(1).T, candidates)
            targets[row] = candidates[indices].T.reshape(queries.shape[1:])
        self.targets = torch.stack(targets)

    def values(self, images: Tensor, maps: LayerMaps) -> Tensor:
        return cosine_distance(self._of_maps(maps, images.shape[2:]), self.targets)

    def scale(self, images: Tensor, maps: LayerMaps) -> Tensor:
        return self.setting.contents.new_full((len(self.setting.contents),), 2.0)

    def kept_bytes(self) -> int:
        return int(self.targets.nbytes)

    def _columns(self, images: Tensor) -> Tensor:
        return self._of_maps(self.maps(images), images.shape[2:])

    def _of_maps(self, maps: LayerMaps, shape: Sequence[int]) -> Tensor:
        layers = [maps[name] if weight == 1 else weight * maps[name] for name, weight in self.term.layers]
        return hypercolumns(layers, quarter(*shape))

    def _candidates(self, blend: LossBlend) -> Tensor:
        """The hypercolumns of a style, (K, N): of each picture as many as its share."""
        sets = [self._candidates_of(target["image"]) for _, target in blend]
        if len(sets) == 1:
            return sets[0]
        counts = counts_by_share(max(map(len, sets)), blend)
        places = [torch.linspace(0, len(x) - 1, n).round().long() for x, n in zip(sets, counts, strict=True)]
        return torch.cat([x[at.to(x.device)] for x, at in zip(sets, places, strict=True)])

    def _candidates_of(self, image: Tensor) -> Tensor:
        turns = range(4) if self.term.option("rotations") else range(1)
        parts = [self._thinned(self._columns(image.rot90(turn, (1, 2))[None])) for turn in turns]
        return torch.cat([part[0].flatten(1).T for part in parts])

    def _thinned(self, columns: Tensor) -> Tensor:
        return columns


class SplitNeighbourLoss(NeighbourLoss):
    """`split_cosine_distance` on a random grid, to neighbours of the images' own features, sought at each evaluation.

    The last phase of their method ("feature splitting"): each layer may find another place of the style. With
    `split_share` what looks for neighbours are not the images' features alone, but blended with the content's.
    """

    changes = True
    candidates: list[Tensor]
    grids: list[tuple[slice, slice]]
    content: Tensor | None

    @torch.no_grad()
    def begin(self, start: Tensor) -> None:
        self.candidates = [start] * len(start)
        for row, candidates in self.per_style(self._candidates):
            self.candidates[row] = candidates
        maps = self.maps(start[:1])
        self.channels = [maps[name].shape[1] for name in self.layers()]
        self.content = self._columns(self.setting.contents) if self.term.option("split_share") else None
        self.draw(0)

    def draw(self, evaluation: int) -> None:
        shape = quarter(*self.setting.contents.shape[2:])
        self.grids = [random_grid(*shape, generator(seed, evaluation)) for seed in self.setting.seeds]

    def values(self, images: Tensor, maps: LayerMaps) -> Tensor:
        own = self._on_grids(self._of_maps(maps, images.shape[2:]))
        with torch.no_grad():
            pairs = zip(self._queries(own), self.candidates, strict=True)
            targets = torch.stack([split_targets(each, among, self.channels) for each, among in pairs])
        return split_cosine_distance(own, targets, self.channels)

    def _queries(self, own: Tensor) -> Tensor:
        if self.content is None:
            return own
        share = float(self.term.option("split_share"))
        return share * self._on_grids(self.content) + (1 - share) * own

    def _on_grids(self, columns: Tensor) -> Tensor:
        return torch.stack([each[:, rows, across] for each, (rows, across) in zip(columns, self.grids, strict=True)])

    def kept_bytes(self) -> int:
        candidates = sum(each.nbytes for each in {id(c): c for c in self.candidates}.values())
        return candidates + (0 if self.content is None else self.content.nbytes)

    def _thinned(self, columns: Tensor) -> Tensor:
        """At most a grid's worth of places, evenly."""
        steps = [-(-side // GRID) for side in columns.shape[2:]]
        return columns[:, :, :: steps[0], :: steps[1]]


class NeighbourStyle(FeatureSetStyle):
    """Neighbours chosen at the start of a scale."""

    batch_loss = NeighbourLoss


class SplitNeighbourStyle(FeatureSetStyle):
    """Neighbours chosen anew at each evaluation, layer by layer."""

    batch_loss = SplitNeighbourLoss


def blended_queries(contents: Tensor, start: Tensor, share: float) -> Tensor:
    """What looks for neighbours: `share·content + (1 − share)·start`, the start with the content's finest details.

    All (B, 3, H, W). Their section 3.3; the finest details are the first part of the Laplacian pyramid.
    """
    if share == 1:
        return contents
    finest = laplacian_pyramid(contents, 2)[0]
    sharp = from_pyramid([finest, *laplacian_pyramid(start, 2)[1:]]) if min(contents.shape[2:]) >= 4 else start
    return share * contents + (1 - share) * sharp
