"""Neural neighbours as style losses: against targets chosen once per scale, and chosen anew, layer by layer.

Kolkin et al. 2022 (arXiv 2203.13215).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

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
from nst_core.engine.regions import guides_at, region_positions
from nst_core.engine.style_losses.base import LayerMaps, LossBlend
from nst_core.engine.style_losses.feature_sets import FeatureSetLoss, FeatureSetStyle, counts_by_share, generator


class NeighbourLoss(FeatureSetLoss):
    """`cosine_distance` of hypercolumns to the style's nearest to those of the content, blended with the start."""

    targets: Tensor
    weights: Tensor | None = None

    @torch.no_grad()
    def begin(self, start: Tensor) -> None:
        share = 1.0 if self.setting.coarsest else self.setting.content_shares(self.term.option("content_share"))
        queries = self._columns(blended_queries(self.setting.contents, start, share))
        labels = self.labels(*queries.shape[2:])
        self.weights = self.place_weights(labels) if self.guided else None
        self.targets = queries.clone()
        for row, number, candidates in self.per_style(self._candidates):
            inside = labels[row] == number
            if bool(inside.any()):
                indices = nearest_indices(queries[row][:, inside].T, candidates)
                self.targets[row][:, inside] = candidates[indices].T
        if self.setting.strengths is not None and self.setting.weak_contents is not None:
            own = self._columns(self.setting.weak_contents)
            self.targets = self.setting.strengths.blended(own, self.targets)

    def values(self, images: Tensor, maps: LayerMaps) -> Tensor:
        return cosine_distance(self._of_maps(maps, images.shape[2:]), self.targets, self.weights)

    def scale(self, images: Tensor, maps: LayerMaps) -> Tensor:
        return self.setting.contents.new_full((len(self.setting.contents),), 2.0)

    def kept_bytes(self) -> int:
        return int(self.targets.nbytes)

    def _columns(self, images: Tensor) -> Tensor:
        return self._of_maps(self.maps(images), images.shape[2:])

    def _of_maps(self, maps: LayerMaps, shape: Sequence[int]) -> Tensor:
        whole = cast("Mapping[str, Tensor]", maps)  # no readings are asked for
        layers = [whole[name] if weight == 1 else weight * whole[name] for name, weight in self.term.layers]
        return hypercolumns(layers, quarter(*shape))

    def _candidates(self, blend: LossBlend) -> Tensor:
        """The hypercolumns of a style, (K, N): of each picture as many as its share."""
        sets = [self._candidates_of(target["image"], target.get("guide")) for _, target in blend]
        if len(sets) == 1:
            return sets[0]
        counts = counts_by_share(max(map(len, sets)), blend)
        places = [torch.linspace(0, len(x) - 1, n).round().long() for x, n in zip(sets, counts, strict=True)]
        return torch.cat([x[at.to(x.device)] for x, at in zip(sets, places, strict=True)])

    def _candidates_of(self, image: Tensor, guide: Tensor | None) -> Tensor:
        turns = range(4) if self.term.option("rotations") else range(1)
        columns = [self._columns(image.rot90(turn, (1, 2))[None]) for turn in turns]
        if guide is None:
            return torch.cat([self._thinned(part)[0].flatten(1).T for part in columns])
        guides = [guides_at(guide.rot90(turn), *part.shape[2:]) for turn, part in zip(turns, columns, strict=True)]
        pairs = zip(columns, guides, strict=True)
        return torch.cat([part[0].flatten(1).T[self._thinned_set(region_positions(g))] for part, g in pairs])

    def _thinned(self, columns: Tensor) -> Tensor:
        """Those of the hypercolumns of a style, (1, N, h, w), that are candidates."""
        return columns

    def _thinned_set(self, positions: Tensor) -> Tensor:
        """Those of the positions of a region, (M,), that are candidates."""
        return positions


class SplitNeighbourLoss(NeighbourLoss):
    """`split_cosine_distance` on a random grid, to neighbours of the images' own features, sought at each evaluation.

    The last phase of their method ("feature splitting"): each layer may find another place of the style. With
    `split_share` what looks for neighbours are not the images' features alone, but blended with the content's.
    """

    changes = True
    candidates: list[list[Tensor]]
    grids: list[tuple[slice, slice]]
    content: Tensor | None
    weak: Tensor | None

    @torch.no_grad()
    def begin(self, start: Tensor) -> None:
        self.candidates = [[start] * len(regions) for regions in self.pairs]
        for row, number, candidates in self.per_style(self._candidates):
            self.candidates[row][number] = candidates
        self.labels_there = self.labels(*quarter(*self.setting.contents.shape[2:]))
        maps = self.maps(start[:1])
        self.channels = [maps[name].shape[1] for name in self.layers()]
        weak = self.setting.weak_contents
        self.content = self._columns(self.setting.contents) if self.term.option("split_share") else None
        self.weak = None if weak is None else self._columns(weak)
        self.draw(0)

    def draw(self, evaluation: int) -> None:
        shape = quarter(*self.setting.contents.shape[2:])
        self.grids = [random_grid(*shape, generator(seed, evaluation)) for seed in self.setting.seeds]

    def values(self, images: Tensor, maps: LayerMaps) -> Tensor:
        own = self._on_grids(self._of_maps(maps, images.shape[2:]))
        with torch.no_grad():
            pairs = zip(self.labels_there, self.grids, strict=True)
            labels = [each[rows, across] for each, (rows, across) in pairs]
            rows = zip(self._queries(own), self.candidates, labels, strict=True)
            targets = torch.stack([self._targets(*row) for row in rows])
            if self.setting.strengths is not None and self.weak is not None:
                targets = self.setting.strengths.blended(self._on_grids(self.weak), targets)
            weights = self.place_weights(labels) if self.guided else None
        return split_cosine_distance(own, targets, self.channels, weights)

    def _targets(self, queries: Tensor, candidates: Sequence[Tensor], labels: Tensor) -> Tensor:
        """The targets of an image, (N, h, w), region by region."""
        targets = queries.clone()
        for number, among in enumerate(candidates):
            inside = labels == number
            if bool(inside.any()):
                targets[:, inside] = split_targets(queries[:, inside][:, None], among, self.channels)[:, 0]
        return targets

    def _queries(self, own: Tensor) -> Tensor:
        if self.content is None:
            return own
        share = self.setting.content_shares(self.term.option("split_share"))
        return share * self._on_grids(self.content) + (1 - share) * own

    def _on_grids(self, columns: Tensor) -> Tensor:
        return torch.stack([each[:, rows, across] for each, (rows, across) in zip(columns, self.grids, strict=True)])

    def kept_bytes(self) -> int:
        each_once = {id(one): one for of_row in self.candidates for one in of_row}
        candidates = sum(one.nbytes for one in each_once.values())
        return candidates + sum(each.nbytes for each in (self.content, self.weak) if each is not None)

    def _thinned(self, columns: Tensor) -> Tensor:
        """At most a grid's worth of places, evenly."""
        steps = [-(-side // GRID) for side in columns.shape[2:]]
        return columns[:, :, :: steps[0], :: steps[1]]

    def _thinned_set(self, positions: Tensor) -> Tensor:
        """As many at most as a grid has, evenly."""
        most = min(GRID**2, len(positions))
        return positions[torch.arange(most, device=positions.device) * len(positions) // most]


class NeighbourStyle(FeatureSetStyle):
    """Neighbours chosen at the start of a scale."""

    batch_loss = NeighbourLoss


class SplitNeighbourStyle(FeatureSetStyle):
    """Neighbours chosen anew at each evaluation, layer by layer."""

    batch_loss = SplitNeighbourLoss


def blended_queries(contents: Tensor, start: Tensor, share: float | Tensor) -> Tensor:
    """What looks for neighbours: `share·content + (1 − share)·start`, the start with the content's finest details.

    All (B, 3, H, W), the share one number or (B, 1, 1, 1). Their section 3.3; the finest details are the first part of
    the Laplacian pyramid.
    """
    if not isinstance(share, Tensor) and share == 1:
        return contents
    finest = laplacian_pyramid(contents, 2)[0]
    sharp = from_pyramid([finest, *laplacian_pyramid(start, 2)[1:]]) if min(contents.shape[2:]) >= 4 else start
    return share * contents + (1 - share) * sharp
