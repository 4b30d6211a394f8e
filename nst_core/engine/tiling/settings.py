"""What a run file says about tiles."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tiling:
    """When pictures are computed tile by tile.

    Attributes:
        tile: `auto`, `none`, or the side of tiles in pixels.
        memory: bytes that the process may take; by default a share of what is free.
    """

    tile: int | str = "auto"
    memory: int | None = None


AUTOMATIC = Tiling()
"""Tiles where a picture does not fit into the memory that is free."""
