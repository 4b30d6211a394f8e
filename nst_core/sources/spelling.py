"""Names as they were meant: broken encodings mended, and spellings compared as people would."""

from __future__ import annotations

import contextlib
import unicodedata
from collections.abc import Iterable

from nst_core.errors import suggestion
from nst_core.storage.slugs import slugify

_CODECS = ("cp437", "cp850")


def repair_encoding(name: str) -> str:
    """A name in NFC whose UTF-8 was read as cp437 or cp850, however often: what unpackers do to archives of 2019.

    Example: `Albrecht_Du╠êrer`, `Albrecht_DuΓòá├¬rer` and `Albrecht_DuÔòá├¬rer` → `Albrecht_Dürer`. Names that were
    never broken stay, for an accented letter alone is no UTF-8. Where both codecs give a text (the characters ¢ and ¥
    stand in both, at different places), it is cp437, which the ZIP format prescribes.
    """
    name = unicodedata.normalize("NFC", name)
    while (earlier := _decoded_back(name)) is not None:
        name = unicodedata.normalize("NFC", earlier)
    return name


def spelling_key(name: str) -> str:
    """The same for all spellings of a name: case, accents, hyphens, `_` and runs of spaces are forgiven."""
    return slugify(" ".join(unicodedata.normalize("NFC", name).replace("_", " ").casefold().split()))


def suggest_name(word: str, names: Iterable[str]) -> str:
    """` (did you mean …?)` for the name that contains the word (`monet`) or else is most like it, or nothing."""
    by_key = {spelling_key(name): name for name in names}
    key = spelling_key(word)
    inside = next((name for known, name in by_key.items() if f"-{key}-" in f"-{known}-"), None)
    if inside is not None:
        return f" (did you mean {inside!r}?)"
    hint = suggestion(key, by_key)
    return next((f" (did you mean {name!r}?)" for known, name in by_key.items() if hint and repr(known) in hint), "")


def _decoded_back(name: str) -> str | None:
    """The name before it was last broken; None where it was not."""
    if name.isascii():
        return None
    for codec in _CODECS:
        with contextlib.suppress(UnicodeError):
            return name.encode(codec).decode("utf-8")
    return None
