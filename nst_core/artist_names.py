"""Artists by name, however their names are spelled."""

from __future__ import annotations

from collections.abc import Iterable


def artist_lookup(artists: Iterable[str]) -> dict[str, str]:
    """Artists by a spelling that forgives case and `_` for spaces: `vincent van gogh` → `Vincent van Gogh`."""
    return {artist_key(name): name for name in artists}


def artist_key(name: str) -> str:
    return " ".join(name.replace("_", " ").casefold().split())
