"""Names that people give (artists, labels, splits, …): when two are the same, and how one is kept.

Spreadsheets, file systems and keyboards write one name in several ways: decomposed accents, no-break or double spaces,
other capitals. Compared are keys, never the names themselves; kept is the first spelling in normal form.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

Value = TypeVar("Value")

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


class Spellings:
    """The first spelling of each name, by which all others are replaced.

    Args:
        names: spellings that come before all others.
        key: what two spellings of a name have in common.
        form: the form in which a first spelling is kept.
    """

    def __init__(
        self,
        names: Iterable[str] = (),
        key: Callable[[str], str] = name_key,
        form: Callable[[str], str] = normal_name,
    ) -> None:
        self._key, self._form = key, form
        self._first: dict[str, str] = {}
        self._seen: dict[str, str] = {}
        for name in names:
            self.first(name)

    def first(self, name: str) -> str:
        """The spelling in which a name was met first; empty where its normal form is."""
        if name not in self._seen:
            shown = self._form(name)
            self._seen[name] = self._first.setdefault(self._key(shown), shown)
        return self._seen[name]


class ValuesByName(dict[str, Value]):
    """Values by names that are found in any spelling; the first value of a name stays.

    Args:
        values: by name.
        key: what two spellings of a name have in common.
    """

    def __init__(
        self, values: Mapping[str, Value] | Iterable[tuple[str, Value]] = (), key: Callable[[str], str] = name_key
    ) -> None:
        super().__init__()
        self._key = key
        self._names: dict[str, str] = {}
        for name, value in values.items() if isinstance(values, Mapping) else values:
            if self._names.setdefault(key(name), name) == name:
                self.setdefault(name, value)

    def __missing__(self, name: str) -> Value:
        known = self._names.get(self._key(name))
        if known is None:
            raise KeyError(name)
        return self[known]

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or (isinstance(name, str) and self._key(name) in self._names)

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self else default  # noqa: SIM401 (this is what `get` does)
