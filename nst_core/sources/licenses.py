"""Licences of images: a normalised name for each, its terms, and the exclusion of licences by a run file.

Names follow SPDX (`CC-BY-NC-SA-2.0`) where a Creative Commons address or spelling is recognised; any other licence
keeps the name that its source states.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Iterable

from nst_core.errors import ConfigError, suggestion

TERMS = ("by", "nc", "nd", "sa")
"""Attribution, non-commercial, no derivatives, share alike."""

UNKNOWN_TERM = "unknown"
NO_LICENSE = "no licence is stated"

_LICENSE_URL = re.compile(
    r"creativecommons\.org/licenses/(?P<terms>[a-z]{2}(?:-[a-z]{2})*)(?![\w+-])"
    r"(?:/(?P<version>\d\.\d)(?:/(?P<port>[a-z]{2,3})(?=/|$))?)?",
    re.IGNORECASE,
)
_DOMAIN_URL = re.compile(r"creativecommons\.org/publicdomain/(?P<kind>zero|mark)/(?P<version>\d\.\d)", re.IGNORECASE)
_SHORT_NAME = re.compile(
    r"(?:CC|Creative Commons)[ _-](?P<terms>by(?:[ _-](?:nc|nd|sa))*)"
    r"(?:[ _-]v?(?P<version>\d\.\d)(?:[ _-](?P<port>[a-z]{2,3}))?)?",
    re.IGNORECASE,
)
_TERMS_WITHIN = re.compile(
    r"(?<![a-z0-9])(?:(?:cc|creative commons)[ _-]*by(?:[ _-](?:nc|nd|sa))*|by(?:-(?:nc|nd|sa))+)(?![a-z0-9])",
    re.IGNORECASE,
)
_ZERO_NAME = re.compile(r"CC[ _-]?(?:0|zero)(?:[ _-]v?1\.0)?", re.IGNORECASE)
_OTHER_URLS = {
    "flickr.com/commons/usage": "No known copyright restrictions",
    "usa.gov/copyright": "United States Government Work",
    "usa.gov/government-works": "United States Government Work",
}
_SPELLED = {"attribution": "by", "noncommercial": "nc", "noderiv": "nd", "sharealike": "sa"}
_COMMON = [
    f"CC-{terms}-{version}"
    for terms in ("BY", "BY-SA", "BY-NC", "BY-ND", "BY-NC-SA", "BY-NC-ND")
    for version in ("1.0", "2.0", "2.5", "3.0", "4.0")
]


@functools.lru_cache(1024)  # datasets state a few licences many times
def license_id(url: str | None, name: str | None = None) -> str | None:
    """The normalised name of a licence, from its address or else its name; None where neither is given.

    Examples: `http://creativecommons.org/licenses/by-nc-sa/2.0/` and `CC BY-NC-SA 2.0` → `CC-BY-NC-SA-2.0`;
    `https://creativecommons.org/publicdomain/zero/1.0/` → `CC0-1.0`; `Public domain (NASA)` → as it is.
    """
    url, name = (url or "").strip(), " ".join((name or "").split())
    return _of_url(url) or _of_url(name) or _of_name(name) or name or url or None


def license_terms(license: str | None) -> frozenset[str]:
    """The terms of a licence: any of `by`, `nc`, `nd`, `sa`; `unknown` alone where there is no licence.

    Names that only spell the terms out (`Attribution-NonCommercial License`), or have words around them
    (`(CC BY-NC 4.0)`), are understood as well. Several licences, joined by `;`, have the terms of them all.
    """
    if not license or not license.strip():
        return frozenset({UNKNOWN_TERM})
    if ";" in license:
        return frozenset[str]().union(*map(license_terms, license.split(";")))
    if license.strip() == UNKNOWN_TERM:
        return frozenset({UNKNOWN_TERM})
    known = license_id(None, license) or license
    words = re.split(r"[^a-z0-9]+", known.casefold())
    if words[0] == "cc":
        return frozenset(words) & frozenset(TERMS)
    if within := _TERMS_WITHIN.findall(known):
        return frozenset(re.split(r"[ _-]", "-".join(within).casefold())) & frozenset(TERMS)
    return frozenset(term for word, term in _SPELLED.items() if word in "".join(words))


def license_url(name: str) -> str | None:
    """The address of a Creative Commons licence by its normalised name; None for any other."""
    if match := re.fullmatch(r"CC0-(\d\.\d)", name):
        return f"https://creativecommons.org/publicdomain/zero/{match[1]}/"
    if match := re.fullmatch(r"CC-PDM-(\d\.\d)", name):
        return f"https://creativecommons.org/publicdomain/mark/{match[1]}/"
    match = re.fullmatch(r"CC-(BY(?:-(?:NC|ND|SA))*)-(\d\.\d)(?:-([A-Z]+))?", name)
    parts = "/".join(part.lower() for part in match.groups() if part) if match else ""
    return f"https://creativecommons.org/licenses/{parts}/" if parts else None


def publication_obstacle(*licenses: str | None) -> str | None:
    """Why an adaptation of works under these licences may not be published; None where nothing stated forbids it.

    Adaptations may not be shared at all (`nd`), nothing is stated, or a licence wants adaptations under its own terms
    (`sa`) that lack a restriction of another one: CC BY-SA (anybody may sell it) and CC BY-NC (nobody may). Each may
    be several licences, joined by `;`.
    """
    names = [part.strip() for license in licenses for part in (license or "").split(";")]
    terms = [license_terms(name) for name in names]
    if any("nd" in found for found in terms):
        return f"{_first(names, terms, 'nd')} forbids adaptations"
    if reserved := next((name for name in names if "rights reserved" in name.casefold()), None):
        return f"{reserved!r} permits nothing"
    if any(UNKNOWN_TERM in found for found in terms):
        return NO_LICENSE
    alike = [name for name, found in zip(names, terms, strict=True) if "sa" in found and "nc" not in found]
    if alike and any("nc" in found for found in terms):
        return f"{alike[0]} and {_first(names, terms, 'nc')} do not go together"
    return None


def _first(names: list[str], terms: list[frozenset[str]], term: str) -> str:
    return next(name for name, found in zip(names, terms, strict=True) if term in found)


def is_excluded(license: str | None, exclude: Collection[str]) -> bool:
    """Whether a licence has any of the terms, or is one of the whole names, in `exclude` (in any case)."""
    terms = license_terms(license)
    names = {_fold(part) for part in (license, *(license or "").split(";"))} - {None}
    return any(_word(word) in terms or _fold(word) in names for word in exclude)


def check_exclusions(exclude: Iterable[str], key: str = "exclude_licenses", found: Iterable[str | None] = ()) -> None:
    """Check that each word can match: a term, a licence that was `found`, or what has the form of a licence's name.

    Raises:
        ConfigError: a word cannot; the message suggests the nearest one that can.
    """
    names = sorted({name for name in found if name})
    folded = {_fold(name) for name in names}
    for word in exclude:
        if _word(word) in (*TERMS, UNKNOWN_TERM) or _fold(word) in folded or _looks_like_a_license(word):
            continue
        nearest = _spelled_term(word) or suggestion(word, [*TERMS, UNKNOWN_TERM, *names, *_COMMON])
        raise ConfigError(
            f"{key}: {word!r} is neither a term ({', '.join((*TERMS, UNKNOWN_TERM))}) nor a licence such as "
            f"CC-BY-4.0{nearest}."
        )


def _of_url(text: str) -> str | None:
    if match := _LICENSE_URL.search(text):
        return _join(match)
    if match := _DOMAIN_URL.search(text):
        return f"CC0-{match['version']}" if match["kind"].lower() == "zero" else f"CC-PDM-{match['version']}"
    if "://" not in text:
        return None
    return next((name for part, name in _OTHER_URLS.items() if part in text.lower()), None)


def _of_name(text: str) -> str | None:
    if _ZERO_NAME.fullmatch(text):
        return "CC0-1.0"
    match = _SHORT_NAME.fullmatch(text)
    return _join(match) if match else None


def _join(match: re.Match[str]) -> str:
    """`nc-by`, `2.0`, `de` → `CC-BY-NC-2.0-DE`; terms in SPDX's order, which is the alphabet's."""
    terms = sorted(set(re.split(r"[ _-]", match["terms"].upper())))
    return "-".join(["CC", *terms, *(part.upper() for part in (match["version"], match["port"]) if part)])


def _looks_like_a_license(word: str) -> bool:
    """Whether a word is a licence's address or a hyphenated name (`GPL-3.0`), of Creative Commons an existing one."""
    if _of_name(word.strip()) or _of_url(word):
        return True
    return "-" in word and not re.match(r"cc[ _-](?!pd)", _word(word)) and not _spelled_term(word)


def _spelled_term(word: str) -> str:
    """The hint for a term that is written out: `non-commercial` → ` (did you mean 'nc'?)`; else empty."""
    plain = re.sub(r"[^a-z]", "", word.casefold())
    short = next((term for spelled, term in _SPELLED.items() if plain.rstrip("s").startswith(spelled)), None)
    return f" (did you mean {short!r}?)" if short else ""


def _word(word: str) -> str:
    return word.strip().casefold()


def _fold(name: str | None) -> str | None:
    known = license_id(None, name)
    return known.casefold() if known else None
