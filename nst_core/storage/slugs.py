"""Slugs: arbitrary names as safe path components (ASCII, at most 60 bytes, never empty, no separators)."""

from __future__ import annotations

import hashlib
import itertools
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping

from nst_core.storage.names import name_key

MAX_LENGTH = 60
UNKNOWN = "unknown"
GALLERY_NAMES = frozenset(
    {"contact-sheet.png", "index.html", "map.html", "originals", "records.json", "search.json", "thumbs"}
)
"""What a gallery has itself in the folder where the folders of its artists lie."""

_PREFIX = "name-"
_HASH_LENGTH = 8
_OF_WINDOWS = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))})
_VALUE_WORDS = frozenset({
    "null", "none", "nil", "na", "n-a", "nan", "nat", "inf", "infinity", "true", "false", "t", "f", "yes", "no",
    "y", "n", "on", "off", "now", "today", "tomorrow", "yesterday", "epoch", "allballs", "__hive_default_partition__",
})  # fmt: skip
_VALUE = re.compile(
    r"[\d_-]+"  # 001, 1_000, 2020-01-01
    r"|[\d_-]+e[\d_-]*\d[dflj]?"  # 1e5, 1e-05
    r"|[\d_-]+[dfljz]"  # 10f: a number to Java and Spark
    r"|0x[\da-f_]+|0b[01_]+|0o[0-7_]+"
    r"|\d[\d-]*[t-][\d-]+(z|utc|gmt)?"  # 2020-01-01t00-00-00z
)
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


def folder_slug(name: str | None) -> str:
    """The slug of a name that a folder is called after: `con`, which Windows keeps for itself, becomes `name-con`."""
    slug = slugify(name)
    return f"{_PREFIX}{slug}" if slug in _OF_WINDOWS else slug


def artist_slug(name: str | None) -> str:
    """The slug of an artist: the value of a partition (`artist_slug=…`), and a folder of a gallery's.

    Whoever reads the partitions guesses the type of their values, so none looks like a number, a date or an empty cell;
    and none is the name of what a gallery has itself there. Such names get a word before them: `001` → `name-001`,
    `null` → `name-null`, `thumbs` → `name-thumbs`.
    """
    slug = folder_slug(name)
    return f"{_PREFIX}{slug}"[:MAX_LENGTH] if looks_like_a_value(slug) or slug in GALLERY_NAMES else slug


def looks_like_a_value(text: str) -> bool:
    """Whether a reader of tables may take a slug for a number, a date, a truth value or an empty cell."""
    return text in _VALUE_WORDS or _VALUE.fullmatch(text) is not None


def short_hash(name: str) -> str:
    """Eight hex digits of the sha256 of the name in NFC (both encodings of an accent give the same hash)."""
    return hashlib.sha256(unicodedata.normalize("NFC", name).encode("utf-8", "surrogatepass")).hexdigest()[
        :_HASH_LENGTH
    ]


def unique_slugs(
    names: Iterable[str | None],
    taken: Mapping[str | None, str] | None = None,
    slug_of: Callable[[str | None], str] = folder_slug,
) -> dict[str | None, str]:
    """One distinct slug per distinct name, in the order given; those already in `taken` keep theirs.

    Spellings of one name (`name_key`) share a slug. The second name with the same slug (`A b`, `a-B`) gets a short hash
    of itself appended.
    """
    slugs = dict(taken or {})
    used = set(slugs.values())
    by_key: dict[str | None, str] = {}
    for name, slug in slugs.items():
        by_key.setdefault(name and name_key(name), slug)
    for name in names:
        if name in slugs:
            continue
        key = name and name_key(name)
        if key not in by_key:
            by_key[key] = next(slug for slug in _candidates(name, slug_of) if slug not in used)
            used.add(by_key[key])
        slugs[name] = by_key[key]
    return slugs


def _candidates(name: str | None, slug_of: Callable[[str | None], str]) -> Iterator[str]:
    """The slug of `name`, then the slug with different hashes appended."""
    slug = slug_of(name)
    yield slug
    yield _with_hash(slug, name or "")
    for count in itertools.count(2):
        yield _with_hash(slug, f"{name or ''}\0{count}")


def _with_hash(slug: str, name: str) -> str:
    return f"{slug[: MAX_LENGTH - _HASH_LENGTH - 1].rstrip('-')}-{short_hash(name)}"
