"""What a sweep's page shows: axes, pairs, and a run folder per combination of values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from nst_core.run_folder.finished_pairs import display_name


@dataclass(frozen=True)
class SweptKey:
    """An axis: a key of the run file and its values as texts."""

    key: str
    values: tuple[str, ...]

    @property
    def label(self) -> str:
        """The key without the section that most have."""
        return self.key.removeprefix("method.")


@dataclass(frozen=True)
class ShownPair:
    """A pair that every variant makes; the paths are those of its inputs."""

    content: Path
    styles: tuple[Path, ...]

    @property
    def content_name(self) -> str:
        return display_name(str(self.content))

    @property
    def style_name(self) -> str:
        return " + ".join(display_name(str(style)) for style in self.styles)

    @property
    def title(self) -> str:
        return f"{self.content_name} in the style of {self.style_name}"


@dataclass(frozen=True)
class ShownVariant:
    """A combination of values.

    Attributes:
        place: on each axis, the index of its value.
        pair_ids: of each pair of the sweep; empty where the variant has not begun.
        options, lines: what sets the values: options of a command, lines of a run file.
    """

    place: tuple[int, ...]
    run_folder: Path
    pair_ids: tuple[str, ...]
    options: str
    lines: str


@dataclass(frozen=True)
class SweepTable:
    """A sweep as its page shows it.

    Attributes:
        folder: where the page is written; the variants' run folders lie in it.
        judge: the network that judges all variants; None where there is none.
        judge_is_maker: whether it made pictures of some variants itself.
    """

    name: str
    folder: Path
    axes: tuple[SweptKey, ...]
    pairs: tuple[ShownPair, ...]
    variants: tuple[ShownVariant, ...]
    judge: str | None
    judge_is_maker: bool = False

    def texts(self, place: Sequence[int]) -> tuple[str, ...]:
        """The values at a place, one per axis."""
        return tuple(axis.values[at] for axis, at in zip(self.axes, place, strict=True))

    def label(self, place: Sequence[int]) -> str:
        """`beta 10, style_scale 2`."""
        return ", ".join(f"{axis.label} {text}" for axis, text in zip(self.axes, self.texts(place), strict=True))

    @property
    def rows(self) -> SweptKey | None:
        """The axis of a grid's rows; None with a single axis, whose values stand in one row."""
        return self.axes[0] if len(self.axes) > 1 else None

    @property
    def columns(self) -> SweptKey:
        return self.axes[1] if len(self.axes) > 1 else self.axes[0]

    def groups(self) -> Iterator[Group]:
        """The grids, one per combination of the values of further axes."""
        index = {variant.place: number for number, variant in enumerate(self.variants)}
        further = self.axes[2:]
        for rest in product(*(range(len(axis.values)) for axis in further)):
            rows = []
            for row in range(len(self.rows.values)) if self.rows else (None,):
                start = () if row is None else (row,)
                cells = tuple(index[*start, column, *rest] for column in range(len(self.columns.values)))
                rows.append(GridRow(self.rows.values[row] if self.rows and row is not None else "", cells))
            label = ", ".join(f"{axis.label} {axis.values[at]}" for axis, at in zip(further, rest, strict=True))
            yield Group(label, tuple(rows))


@dataclass(frozen=True)
class GridRow:
    """A row of a grid: its value, and the indices of its variants."""

    value: str
    variants: tuple[int, ...]


@dataclass(frozen=True)
class Group:
    """A grid of rows and columns; `label` has the values of the further axes."""

    label: str
    rows: tuple[GridRow, ...]
