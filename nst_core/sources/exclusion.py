"""The key `exclude` of a source: glob patterns of files and folders that are left out."""

from __future__ import annotations

import fnmatch
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence

_Segment = Callable[[str], object] | None


class Exclusion:
    """Patterns as in a `.gitignore`, relative to the source's folder.

    A pattern without `/` matches the name of a file or folder at any depth, one with `/` the path from the source's
    folder on; `*` and `?` stay within one name, `**` stands for any number of folders. Whatever lies in a folder that
    matches is left out with it.

    Attributes:
        patterns: as the run file has them.
    """

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        self.patterns = tuple(patterns)
        self._segments = {pattern: _segments(pattern) for pattern in self.patterns}
        self._matched: set[str] = set()

    def matches(self, relative: str) -> bool:
        """Whether a pattern matches the relative path (with `/`) of a file or folder itself."""
        if not self.patterns:
            return False
        names = _composed(relative).split("/")
        found = {pattern for pattern, segments in self._segments.items() if _match(names, segments)}
        self._matched |= found
        return bool(found)

    def covers(self, relative: str) -> bool:
        """Whether a pattern matches the path, or a folder that it lies in."""
        if not self.patterns:
            return False
        parts = relative.split("/")
        return any(self.matches("/".join(parts[:end])) for end in range(1, len(parts) + 1))

    def unmatched(self) -> list[str]:
        """The patterns that have matched nothing so far."""
        return [pattern for pattern in self.patterns if pattern not in self._matched]


def _composed(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _segments(pattern: str) -> list[_Segment]:
    """One matcher per name of the pattern, None for any number of names."""
    pattern = _composed(pattern.strip())
    names = [name for name in pattern.split("/") if name not in ("", ".")]
    if "/" not in pattern.rstrip("/"):
        names = ["**", *names]
    segments: list[_Segment] = []
    for name in names:
        if name != "**":
            segments.append(re.compile(fnmatch.translate(name)).match)
        elif not segments or segments[-1] is not None:
            segments.append(None)
    return segments


def _match(names: Sequence[str], segments: Sequence[_Segment]) -> bool:
    if not segments:
        return not names
    first, rest = segments[0], segments[1:]
    if first is None:
        return any(_match(names[start:], rest) for start in range(len(names) + 1))
    return bool(names) and bool(first(names[0])) and _match(names[1:], rest)
