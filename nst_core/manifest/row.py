"""What a row of a manifest says: its values, without the reading and checking of files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nst_core.manifest.style_cell import StyleRef

UNSTYLIZED = "unstylized"
"""In place of a style: the content is delivered as it is. Also the `artist` of such pairs."""


@dataclass(frozen=True, slots=True)
class Overrides:
    """What a row of the manifest asks for in place of the recipe's own; None where it does not."""

    style_weight: float | None = None
    content_weight: float | None = None
    size: int | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """One row: `number` is its line in a spreadsheet, `styles` is empty where one of `artist` is to be drawn."""

    number: int
    content: str
    styles: tuple[StyleRef, ...]
    artist: str | None = None
    label: str | None = None
    split: str | None = None
    overrides: Overrides = Overrides()
    extras: Mapping[str, str] = field(default_factory=dict)
    replicate: int = 0
