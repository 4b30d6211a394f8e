"""Small catalogues for the tests of pairing; their files need not exist."""

from __future__ import annotations

from pathlib import Path

from nst_core.manifest.pairing import Pair
from nst_core.sources.base import Catalogue, Item


def contents(count: int) -> Catalogue:
    return Catalogue.of(
        Item(f"photo-{i:04d}.jpg", Path(f"photos/{i}.jpg"), label=f"class {i % 3}") for i in range(count)
    )


def styles(**works: int) -> Catalogue:
    """So many works of each artist; genres alternate."""
    return Catalogue.of(
        Item(f"{artist}/{i}.jpg", Path(f"art/{artist}/{i}.jpg"), artist=artist, genre=("oil", "print")[i % 2])
        for artist, count in works.items()
        for i in range(count)
    )


def drawn(pairs: list[Pair]) -> set[tuple[str, str]]:
    return {(pair.content.id, pair.styles[0].item.id) for pair in pairs}
