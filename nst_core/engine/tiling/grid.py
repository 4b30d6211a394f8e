"""Tiles of a picture: each owns a part of the positions of every map, and is cut out with what these positions see."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nst_core.engine.features.geometry import Reach

Box = tuple[slice, slice]
"""Rows and columns."""


@dataclass(frozen=True)
class Place:
    """Where a part of a map is.

    Attributes:
        own: in the map of the tile.
        whole: in the map of the whole picture.
        shape: (h, w) of that.
    """

    own: Box
    whole: Box
    shape: tuple[int, int]

    @property
    def count(self) -> int:
        """The number of positions."""
        rows, columns = self.whole
        count: int = (rows.stop - rows.start) * (columns.stop - columns.start)
        return count

    @property
    def positions(self) -> int:
        """The number of positions of the whole map."""
        return self.shape[0] * self.shape[1]


@dataclass(frozen=True)
class Tile:
    """A tile of a picture, or of the map that a section of a network takes.

    Attributes:
        crop: what has to be computed.
        places: by map, the positions that are this tile's: exactly those of the whole map.
    """

    crop: Box
    places: Mapping[str, Place]


@dataclass(frozen=True)
class _Span:
    """A tile along one side: what is cut out, and the part of it whose positions it owns."""

    crop: slice
    core: slice
    last: bool

    def place(self, reach: Reach, count: int) -> tuple[slice, slice]:
        """Its positions among the `count` of a map: in the tile's map, and in the whole one."""
        start = self.core.start // reach.stride
        stop = count if self.last else min(count, self.core.stop // reach.stride)
        before = self.crop.start // reach.stride
        return slice(start - before, stop - before), slice(start, stop)


def tiles(height: int, width: int, side: int, reaches: Mapping[str, Reach]) -> list[Tile]:
    """Tiles that cover an input of `height` × `width`, cut out with at most about `side` × `side`, or `least_side`.

    Cuts lie on multiples of the largest stride, so that every window lies as in the whole picture; what a tile sees
    beyond its own part is cut out with it, up to the border of the picture, where padding is padding. Every position of
    every map is some tile's own, once.
    """
    rows, columns = (_spans(length, side, list(reaches.values())) for length in (height, width))
    shapes = {name: (reach.side(height), reach.side(width)) for name, reach in reaches.items()}
    found = []
    for row, column in itertools.product(rows, columns):
        places = {}
        for name, reach in reaches.items():
            h, w = shapes[name]
            (own_rows, whole_rows), (own_columns, whole_columns) = row.place(reach, h), column.place(reach, w)
            places[name] = Place((own_rows, own_columns), (whole_rows, whole_columns), (h, w))
        found.append(Tile((row.crop, column.crop), places))
    return found


def margins(reaches: Sequence[Reach]) -> tuple[int, int, int]:
    """(stride, before, after): the largest stride, which the others divide, and what a tile needs around its own."""
    stride = max(reach.stride for reach in reaches)
    before = max(reach.before for reach in reaches)
    after = max(reach.after - reach.stride + 1 for reach in reaches)
    return stride, _up(before, stride), _up(max(0, after), stride)


def least_side(reaches: Sequence[Reach]) -> int:
    """The least side that tiles are cut out with: half of it their own, or most would be computed over and over."""
    _, before, after = margins(reaches)
    return 2 * (before + after)


def _spans(length: int, side: int, reaches: Sequence[Reach]) -> list[_Span]:
    stride, before, after = margins(reaches)
    if length <= side:
        return [_Span(slice(0, length), slice(0, length), True)]
    core = max(stride, before + after, (side - before - after) // stride * stride)
    count = -(-length // core)
    cuts = [min(length, _up(-(-length * number // count), stride)) for number in range(count + 1)]
    cuts = sorted({cut for cut in cuts if all(cut // r.stride < r.side(length) for r in reaches)} | {length})
    return [
        _Span(slice(max(0, start - before), min(length, stop + after)), slice(start, stop), stop == length)
        for start, stop in itertools.pairwise(cuts)
    ]


def _up(value: int, step: int) -> int:
    return -(-value // step) * step
