"""A row of a manifest, parsed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nst_core.manifest.style_cell import StyleRef

UNSTYLIZED = "unstylized"
"""The style cell of a content that is delivered as it is; also the `artist` of such pairs."""


@dataclass(frozen=True, slots=True)
class Overrides:
    """The values of a manifest row that replace the recipe's or the run file's; None where it has none."""

    style_weight: float | None = None
    content_weight: float | None = None
    size: int | None = None
    seed: int | None = None
    strength: float | None = None


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """One row: `number` is its row in a spreadsheet; `styles` is empty if one of `artist` is to be drawn."""

    number: int
    content: str
    styles: tuple[StyleRef, ...]
    artist: str | None = None
    label: str | None = None
    split: str | None = None
    overrides: Overrides = Overrides()
    extras: Mapping[str, str] = field(default_factory=dict)
    replicate: int = 0
