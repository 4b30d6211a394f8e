"""The style cell of a manifest: one style, or a blend of several with their shares."""

from __future__ import annotations

import math
import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass

_NUMBER = re.compile(r"\+?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,2})?")
_FILE_ENDING = re.compile(r"[/\\]|\.[^\W\d]")
_MOST_PIECES = 8  # of a style's name with `;` in it


@dataclass(frozen=True, slots=True)
class StyleRef:
    """One style of a row, by path or source id, with its share of a blend."""

    name: str
    share: float = 1.0


def parse_styles(text: str, ids: Container[str] = ()) -> tuple[StyleRef, ...]:
    """`a.jpg@0.7;b.jpg@0.3` → two styles with shares; a text in `ids` is one style. Raises ValueError."""
    if text in ids:
        return (StyleRef(text),)
    return tuple(_style_ref(part, ids) for part in _blended(text, ids) if part.strip())


def format_styles(styles: Iterable[StyleRef]) -> str:
    """The inverse of `parse_styles`; styles of share 1 stand without it where no `@` in a name could mislead."""
    styles = list(styles)
    plain = all(s.share == 1 and not _has_share(s.name) for s in styles)
    return ";".join(s.name if plain else f"{s.name}@{number_text(s.share)}" for s in styles)


def parses_as_styles(value: str, ids: Container[str]) -> bool:
    """Whether `parse_styles` finds a style in a cell."""
    try:
        return bool(parse_styles(value, ids))
    except ValueError:
        return False


def is_number(value: str) -> bool:
    """Whether a text is a finite decimal number, 0 or more."""
    return _NUMBER.fullmatch(value) is not None and math.isfinite(float(value))


def number_text(value: float) -> str:
    """The shortest text that parses as `value`."""
    return str(int(value)) if value.is_integer() and value < 1e15 else repr(value)


def _blended(text: str, ids: Container[str]) -> Iterator[str]:
    """The parts of a blend; a `;` within a name in `ids` separates nothing."""
    pieces = text.split(";")
    at = 0
    while at < len(pieces):
        ends = range(min(at + _MOST_PIECES, len(pieces)), at + 1, -1)
        end = next((end for end in ends if _names_one(";".join(pieces[at:end]), ids)), at + 1)
        yield ";".join(pieces[at:end])
        at = end


def _names_one(part: str, ids: Container[str]) -> bool:
    """Whether a part is one name in `ids`, with a share or without."""
    for text in (part, part.strip()):
        name, _, share = text.rpartition("@")
        if text in ids or (name in ids and ";" not in share):
            return True
    return False


def _style_ref(part: str, ids: Container[str]) -> StyleRef:
    for name in (part, part.strip()):
        if name in ids:
            return StyleRef(name)
    if not _has_share(part.strip()):
        return StyleRef(part.strip())
    name, _, share = part.rstrip().rpartition("@")
    name = name if name in ids else name.lstrip()
    if not is_number(share) or float(share) <= 0:
        raise ValueError(f"the share {share!r} of {name!r} must be a number above 0")
    return StyleRef(name, float(share))


def _has_share(part: str) -> bool:
    """Whether what follows the last `@` is meant as a share: it is not the rest of a path (`logo@2x.png`)."""
    name, _, share = part.rpartition("@")
    return bool(name) and not _FILE_ENDING.search(share)
