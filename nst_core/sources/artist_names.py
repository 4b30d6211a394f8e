"""Names of artists, genres and nationalities: comparison, suggestions, and repair of broken encodings."""

from __future__ import annotations

import contextlib
import unicodedata
from collections.abc import Iterable

from nst_core.errors import suggestion
from nst_core.storage.names import name_key
from nst_core.storage.slugs import slugify

UNKNOWN_ARTIST = "Unknown artist"
"""The displayed name where a painting's artist is not known."""

_CODECS = ("cp437", "cp850")


def artist_lookup(artists: Iterable[str]) -> dict[str, str]:
    """Artists by their `artist_key`, in the first spelling: `vincent van gogh` → `Vincent van Gogh`."""
    lookup: dict[str, str] = {}
    for name in artists:
        lookup.setdefault(artist_key(name), name)
    return lookup


def artist_key(name: str) -> str:
    """The `name_key` of an artist, genre or nationality: in file names, `_` stands for a space."""
    return name_key(name.replace("_", " "))


def spelling_key(name: str) -> str:
    """The name without differences of case, accents, hyphens, `_` and runs of spaces."""
    return slugify(artist_key(name))


def suggest_name(word: str, names: Iterable[str]) -> str:
    """` (did you mean …?)` with the name that contains the word (`monet`), or else with the nearest; may be empty."""
    by_key = {spelling_key(name): name for name in names}
    key = spelling_key(word)
    if key.isdecimal():  # spreadsheets take the zeros away from `007`
        same = next((name for known, name in by_key.items() if known.isdecimal() and int(known) == int(key)), None)
        return f" (did you mean {same!r}?)" if same is not None else ""
    containing = next((name for known, name in by_key.items() if f"-{key}-" in f"-{known}-"), None)
    if containing is not None:
        return f" (did you mean {containing!r}?)"
    hint = suggestion(key, by_key)
    return next((f" (did you mean {name!r}?)" for known, name in by_key.items() if hint and repr(known) in hint), "")


def repair_encoding(name: str) -> str:
    """The name in NFC, repaired where its UTF-8 was decoded as cp437 or cp850 once or more, as old unzip tools do.

    Example: `Albrecht_Du╠êrer`, `Albrecht_DuΓòá├¬rer` and `Albrecht_DuÔòá├¬rer` → `Albrecht_Dürer`. Other names stay
    as they are, since an accented letter alone is not valid UTF-8. Where both codecs give a text (¢ and ¥ are in both,
    at different places), cp437 is taken, which the ZIP format prescribes.
    """
    name = unicodedata.normalize("NFC", name)
    while (earlier := _decode_back(name)) is not None:
        name = unicodedata.normalize("NFC", earlier)
    return name


def _decode_back(name: str) -> str | None:
    """The name before it was last decoded with the wrong codec; None where it was not."""
    if name.isascii():
        return None
    for codec in _CODECS:
        with contextlib.suppress(UnicodeError):
            return name.encode(codec).decode("utf-8")
    return None
