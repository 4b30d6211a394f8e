"""Wording of messages: counted nouns, short lists, lists of faults, advice to download."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nst_core.errors import printable

if TYPE_CHECKING:
    from nst_core.config.sources import DownloadedSource


def quantity(count: int, noun: str, plural: str | None = None) -> str:
    """A number and its noun: `1 image`, `2 images`, `8 446 images`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}".replace(",", " ")


def short_list(names: Sequence[str], most: int = 5) -> str:
    """At most `most` of the names, separated by commas, and the number of the others; unprintable ones are escaped."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    shown = (unicodedata.normalize("NFC", name) for name in names[:most])
    return ", ".join(name if name.isprintable() else repr(name) for name in shown) + more


def fault_list(subject: str, faults: Sequence[str], most: int = 50) -> str:
    """An error message that lists at most `most` of the faults of `subject`, one per line."""
    more = [f"  … and {len(faults) - most} more"] if len(faults) > most else []
    lines = [f"  {printable(fault)}" for fault in faults[:most]]
    return "\n".join([f"{subject} has {quantity(len(faults), 'fault')}; nothing was started:", *lines, *more])


def download_advice(command: str, config: DownloadedSource, role: str) -> str:
    """The advice on how to get a dataset that is missing: `fetch it with …, or set style.download: true`."""
    alternative = "" if config.download else f", or set {role}.download: true"
    return f"fetch it with `{command}`{alternative}"
