"""Whose entries give way where there are too many: those of whoever has the most."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import TypeVar

Entry = TypeVar("Entry")


def of_largest_holder(entries: Iterable[Entry], holder: Callable[[Entry], tuple[str, ...]]) -> list[Entry]:
    """The entries of the address that has the most, and of them those of the client that has the most, in their order.

    So whoever fills the space, under however many names, loses entries of their own.

    Args:
        holder: address and client of an entry.
    """
    found = list(entries)
    levels = len(holder(found[0])) if found else 0
    for level in range(levels):
        groups: defaultdict[str, list[Entry]] = defaultdict(list)
        for entry in found:
            groups[holder(entry)[level]].append(entry)
        found = max(groups.values(), key=len)
    return found
