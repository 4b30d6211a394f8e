"""Artists by name, however their names are spelled."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

UNKNOWN_ARTIST = "Unknown artist"
"""What stands where the results name nobody."""


def artist_lookup(artists: Iterable[str]) -> dict[str, str]:
    """Artists by a spelling that forgives case and `_` for spaces: `vincent van gogh` → `Vincent van Gogh`."""
    return {artist_key(name): name for name in artists}


def artist_key(name: str) -> str:
    """The spelling that a lookup knows a name by."""
    return " ".join(name.replace("_", " ").casefold().split())


def meant(name: str, known: Mapping[str, str]) -> str:
    """` (did you mean …?)` with the name of the nearest one in a lookup, as it is really spelled; or nothing."""
    nearest = difflib.get_close_matches(artist_key(name), list(known), n=1)
    return f" (did you mean {known[nearest[0]]!r}?)" if nearest else ""
