"""Slugs: arbitrary names as safe path components (ASCII, at most 60 bytes, never empty, no separators)."""

from __future__ import annotations

import hashlib
import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator

MAX_LENGTH = 60
UNKNOWN = "unknown"
_HASH_LENGTH = 8
# Letters that Unicode does not decompose into a base letter and a mark.
TRANSLITERATE = str.maketrans({"ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l",
                                "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "þ": "th", "Þ": "Th", "ı": "i"})  # fmt: skip


def slugify(name: str | None) -> str:
    """An ASCII slug of `name`: letters, digits and `_`, everything else folded to single hyphens.

    Lossy slugs (truncated, or of letters that ASCII lacks) end in a hash of the whole name, so that different names
    rarely share a slug. Examples: `Vincent van Gogh` → `vincent-van-gogh`, `Dürer` → `durer`,
    `北斎` → `unknown-` and eight hex digits, None → `unknown`.
    """
    if name is None or not name.strip():
        return UNKNOWN
    text = unicodedata.normalize("NFKD", name.translate(TRANSLITERATE))
    text = "".join(c for c in text if not unicodedata.combining(c))
    lossy = any(not c.isascii() and (c.isalnum() or unicodedata.category(c) == "So") for c in text)
    text = text.encode("ascii", "replace" if lossy else "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9_]+", "-", text).strip("-")
    if not slug:
        slug, lossy = UNKNOWN, True
    return _with_hash(slug, name) if lossy or len(slug) > MAX_LENGTH or slug == UNKNOWN else slug


def short_hash(name: str) -> str:
    """Eight hex digits of the sha256 of the name in NFC (both encodings of an accent give the same hash)."""
    return hashlib.sha256(unicodedata.normalize("NFC", name).encode("utf-8", "surrogatepass")).hexdigest()[
        :_HASH_LENGTH
    ]


def unique_slugs(names: Iterable[str | None], taken: dict[str | None, str] | None = None) -> dict[str | None, str]:
    """One distinct slug per distinct name, in the order given; those already in `taken` keep theirs.

    The second name with the same slug (`A b`, `a-B`) gets a short hash of itself appended.
    """
    slugs = dict(taken or {})
    used = set(slugs.values())
    for name in names:
        if name in slugs:
            continue
        slugs[name] = next(slug for slug in _candidates(name) if slug not in used)
        used.add(slugs[name])
    return slugs


def _candidates(name: str | None) -> Iterator[str]:
    """The slug of `name`, then the slug with different hashes appended: NFC and NFD spellings share the first hash."""
    slug = slugify(name)
    yield slug
    yield _with_hash(slug, name or "")
    for count in itertools.count(2):
        yield _with_hash(slug, f"{name or ''}\0{count}")


def _with_hash(slug: str, name: str) -> str:
    return f"{slug[: MAX_LENGTH - _HASH_LENGTH - 1].rstrip('-')}-{short_hash(name)}"
