"""Names that people give (artists, labels, splits, …): when two are the same, and how one is kept.

Spreadsheets, file systems and keyboards write one name in several ways: decomposed accents, no-break or double spaces,
other capitals. Compared are keys, never the names themselves; kept is the first spelling in normal form.
"""

from __future__ import annotations

import unicodedata

_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u2060\ufeff"))  # soft hyphen, spaces and joiner without width


def name_key(text: str) -> str:
    """What two spellings of a name have in common: the normal form without regard to case.

    Examples: `Claude  Monet`, `claude\\u00a0monet` → `claude monet`; `Du\\u0308rer` → `dürer`.
    """
    return normal_name(normal_name(text).casefold())


def normal_name(text: str) -> str:
    """A name as it is kept and shown: in Unicode's NFC, each run of spaces of any kind one plain space, none around it.

    Invisible characters (soft hyphens, spaces of no width) are left out.
    """
    if text.isascii() and text.isalnum():
        return text
    return " ".join(unicodedata.normalize("NFC", text.translate(_INVISIBLE)).split())
