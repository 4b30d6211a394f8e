"""Files of a source that are left out: counted by reason while it is listed, and told in a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from nst_core.sources.base import Catalogue, LeftOut, path_text
from nst_core.sources.wording import quantity

HIDDEN = "hidden"
SYSTEM = "system"
OTHER_KIND = "other kinds"
EXCLUDED = "exclude"
BEYOND_LIMIT = "limit"
"""The reasons: a name that begins with a dot; a file that a system or program keeps for itself; no image, by name and
content; the run file's keys `exclude` and `limit`."""

UNREADABLE_FOLDERS = "unreadable folders"

_WORDS = {
    HIDDEN: ("hidden file", "hidden files"),
    SYSTEM: ("file that systems keep for themselves", "files that systems keep for themselves"),
    OTHER_KIND: ("file of another kind", "files of other kinds"),
    EXCLUDED: ("file by {role}.exclude", "files by {role}.exclude"),
    BEYOND_LIMIT: ("image beyond {role}.limit", "images beyond {role}.limit"),
    UNREADABLE_FOLDERS: ("folder that cannot be read", "folders that cannot be read"),
}
_KINDS_SHOWN = 5


class LeftOutFiles:
    """A count that is kept while a source is listed.

    Attributes:
        unreadable: a sentence for each folder that cannot be read.
    """

    def __init__(self) -> None:
        self.unreadable: list[str] = []
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, reason: str, kind: str, files: int = 1) -> None:
        """Count files that are left out for one of the reasons; `kind`: a suffix or a name that they share."""
        self._counts[reason, kind] += files

    def add_unreadable(self, error: OSError) -> None:
        """Take note of a folder that the system does not let us list."""
        self.unreadable.append(unreadable_folder(error))

    def counts(self) -> tuple[LeftOut, ...]:
        return tuple(LeftOut(reason, kind, files) for (reason, kind), files in sorted(self._counts.items()) if files)


def unreadable_folder(error: OSError) -> str:
    """The sentence for a folder that cannot be listed."""
    return f"The folder {path_text(str(error.filename))} cannot be read: {error.strerror}."


def catalogue_notes(catalogue: Catalogue, role: str) -> list[str]:
    """All that is to be said about a source: its notes, what was left out, and folders that cannot be read."""
    sentence = left_out_sentence(role, count_by_reason(catalogue), catalogue.left_out)
    return [*catalogue.notes, *([sentence] if sentence else []), *catalogue.unreadable]


def count_by_reason(catalogue: Catalogue) -> dict[str, int]:
    """The number of files left out, and of unreadable folders, by reason; without reasons that did not occur."""
    counts: Counter[str] = Counter()
    for one in catalogue.left_out:
        counts[one.reason] += one.files
    counts[UNREADABLE_FOLDERS] = len(catalogue.unreadable)
    return {reason: counts[reason] for reason in _WORDS if counts[reason]}


def left_out_sentence(role: str, counts: Mapping[str, int], left_out: Iterable[LeftOut] = ()) -> str | None:
    """`Left out of content: 2 hidden files, 5 files of other kinds (.txt 3, .xml 2).`; None where nothing is.

    Args:
        counts: by reason.
        left_out: the same with their kinds, of which the most frequent are named.
    """
    kinds = list(left_out)
    parts = [f"{_quantity(role, reason, count)}{_named(reason, kinds)}" for reason, count in counts.items() if count]
    return f"Left out of {role}: {', '.join(parts)}." if parts else None


def _quantity(role: str, reason: str, count: int) -> str:
    one, several = _WORDS.get(reason, (f"file ({reason})", f"files ({reason})"))
    return quantity(count, one.format(role=role), several.format(role=role))


def _named(reason: str, left_out: Iterable[LeftOut]) -> str:
    kinds = Counter({one.kind: one.files for one in left_out if one.reason == reason and one.kind})
    if not kinds or reason not in (SYSTEM, OTHER_KIND):
        return ""
    shown = [f"{kind if kind.isprintable() else repr(kind)} {count}" for kind, count in kinds.most_common(_KINDS_SHOWN)]
    return f" ({', '.join(shown)}{', …' if len(kinds) > _KINDS_SHOWN else ''})"
