"""The entries of a COCO annotation file: what is read of each, and for which faults one is left out.

Files come from many tools. What is meant without doubt is understood (`64.0`, a licence by name, ids as text, a missing
annotation id); an entry whose meaning is lost is left out, with a reason, and the others count.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from nst_core.sources.licenses import license_id
from nst_core.sources.wording import quantity

_LARGEST = 2**62
_EXAMPLES = 5
NO_ID = -(2**63)
"""The code of an id that is not there."""

Identifier = int | str


class EntryFault(ValueError):
    """An entry cannot be used. `reason` is the same for all entries with the fault; `shown` is what this one has."""

    def __init__(self, reason: str, shown: Any = ...) -> None:
        super().__init__(reason if shown is ... else f"{reason}: {_short(shown)}")
        self.reason = reason
        self.shown = None if shown is ... else _short(shown)


@dataclass(frozen=True)
class FaultGroup:
    """Entries of one list with the same fault: how many, and a few of them as `images[3] 'x'`."""

    section: str
    reason: str
    count: int
    examples: tuple[str, ...]

    def __str__(self) -> str:
        noun = _NOUNS.get(self.section, self.section.removesuffix("s"))
        more = f" and {self.count - len(self.examples)} more" if self.count > len(self.examples) else ""
        return f"{quantity(self.count, noun, self.section)} {self.reason}: {', '.join(self.examples)}{more}"


_NOUNS = {"categories": "category"}


@dataclass
class EntryFaults:
    """Faults of entries, by list and reason."""

    _found: dict[tuple[str, str], tuple[int, list[str]]] = field(default_factory=dict)

    def __len__(self) -> int:
        return sum(count for count, _ in self._found.values())

    def add(self, section: str, place: str, fault: EntryFault) -> None:
        count, examples = self._found.get((section, fault.reason), (0, []))
        if count < _EXAMPLES:
            examples.append(place if fault.shown is None else f"{place} {fault.shown}")
        self._found[section, fault.reason] = count + 1, examples

    def groups(self) -> tuple[FaultGroup, ...]:
        return tuple(FaultGroup(*key, count, tuple(shown)) for key, (count, shown) in sorted(self._found.items()))


class ImageEntry(NamedTuple):
    """An image; `width` and `height` are 0 where the file gives no size, `license` None where it gives none.

    `file_name` is as in the file, but with `/` and in Unicode's NFC; it may lead outside the folder of images.
    """

    id: Identifier
    file_name: str
    width: int
    height: int
    license: Identifier | None
    coco_url: str | None
    flickr_url: str | None


class AnnotationEntry(NamedTuple):
    """What places an annotation: `id`, `category_id` and `area` are None where they are missing or unusable."""

    id: Identifier | None
    image_id: Identifier
    category_id: Identifier | None
    area: float | None


def image_entry(entry: Any) -> ImageEntry:
    """Read an image. Raises EntryFault: it has no usable id or file name."""
    found = _mapping(entry)
    width, height = (_positive(found.get(key)) for key in ("width", "height"))
    return ImageEntry(
        required_id(found, "id"),
        _file_name(found),
        width if height else 0,
        height if width else 0,
        identifier(found.get("license")),
        _text(found.get("coco_url")),
        _text(found.get("flickr_url")),
    )


def annotation_entry(entry: Any) -> AnnotationEntry:
    """Read an annotation. Raises EntryFault: it is none, or of no image."""
    found = _mapping(entry)
    area = found.get("area")
    return AnnotationEntry(
        identifier(found.get("id")),
        required_id(found, "image_id"),
        identifier(found.get("category_id")),
        float(found["area"]) if is_number(area) else None,
    )


def category_entry(entry: Any) -> tuple[Identifier, str]:
    """The id and the name of a category. Raises EntryFault: it lacks one."""
    found = _mapping(entry)
    number, name = required_id(found, "id"), _text(found.get("name"))
    if name is None:
        raise EntryFault("without a name")
    return number, name


def license_entry(entry: Any) -> tuple[Identifier, str | None]:
    """The id of a licence and its SPDX-like name. Raises EntryFault: it has no id."""
    found = _mapping(entry)
    return required_id(found, "id"), license_id(_text(found.get("url")), _text(found.get("name")))


def identifier(value: Any) -> Identifier | None:
    """An id: a whole number (also as `64.0` or `"64"`) or text; None for anything else, and for blank text."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) < _LARGEST else str(value)
    text = _text(value.strip()) if isinstance(value, str) else None
    if text is not None and len(text) < 18 and text.isascii() and text.isdecimal() and str(int(text)) == text:
        return int(text)
    return text


def required_id(entry: Mapping[str, Any], key: str) -> Identifier:
    """The id under `key`. Raises EntryFault: there is none."""
    found = identifier(entry.get(key))
    if found is None:
        raise EntryFault(f"without {key}") if entry.get(key) is None else EntryFault(f"with a wrong {key}", entry[key])
    return found


def is_number(value: Any) -> bool:
    """Whether a value is a number that is finite."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond all floats
        return False


@dataclass
class Codes:
    """Ids as numbers of 64 bits, so that a million of them are one array: numbers as they are, texts below them."""

    texts: list[str] = field(default_factory=list)
    _codes: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, texts: Sequence[str]) -> Codes:
        return cls(list(texts), {text: NO_ID + 1 + number for number, text in enumerate(texts)})

    def code(self, value: Identifier | None) -> int:
        if isinstance(value, int):
            return value
        if value is None:
            return NO_ID
        if value not in self._codes:
            self.texts.append(value)
            self._codes[value] = NO_ID + len(self.texts)
        return self._codes[value]

    def find(self, value: Identifier) -> int | None:
        """The code of an id, None for a text that has none."""
        return value if isinstance(value, int) else self._codes.get(value)

    def value(self, code: int) -> Identifier | None:
        if code == NO_ID:
            return None
        return code if code > -_LARGEST else self.texts[code - NO_ID - 1]


def _mapping(entry: Any) -> Mapping[str, Any]:
    if not isinstance(entry, dict):
        raise EntryFault("not an object of JSON", entry)
    return entry


def _file_name(entry: Mapping[str, Any]) -> str:
    """The file name, or where there is none that of `coco_url`, as in LVIS's files."""
    name = entry.get("file_name")
    if name is None and isinstance(entry.get("coco_url"), str):
        name = entry["coco_url"].partition("?")[0].rpartition("/")[2]
    if name is None:
        raise EntryFault("without file_name")
    text = _text(name) if isinstance(name, str) else None
    if text is None or not text.strip():
        raise EntryFault("whose file_name names no file", name)
    if not text.isprintable() and any(unicodedata.category(c) in ("Cc", "Zl", "Zp") for c in text):
        raise EntryFault("whose file_name has control characters", name)
    posix = PurePosixPath(text.replace("\\", "/")).as_posix()
    return posix if posix.isascii() else unicodedata.normalize("NFC", posix)


def _positive(value: Any) -> int:
    """A whole number from 1 on, else 0."""
    return int(value) if is_number(value) and value == int(value) and 0 < value < 2**31 else 0


def _text(value: Any) -> str | None:
    """A text; None for what is none, is empty, or has lone surrogates, which no table holds."""
    if not isinstance(value, str) or not value:
        return None
    try:
        value.encode()
    except UnicodeEncodeError:
        return None
    return value


def _short(value: Any) -> str:
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
