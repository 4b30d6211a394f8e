"""What commands print: names of files and people cannot break a line, or send commands to the terminal."""

from __future__ import annotations

import builtins
import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from nst_core.errors import printable

SHOWN = 20
"""The most lines of a list that are printed."""

Item = TypeVar("Item")


def print_text(*values: object, sep: str = " ", end: str = "\n", flush: bool = False) -> None:
    """Print to stdout as Python's `print`, with all that controls escaped but line breaks and tabs."""
    builtins.print(printable(sep.join(map(str, values)), lines=True), end=end, flush=flush)


def print_first(items: Sequence[Item], line: Callable[[Item], str], beyond: str = "more") -> None:
    """Print a line for each of the first items of a list, and the number of those `beyond`: `… and 7 more`."""
    for item in items[:SHOWN]:
        print_text(line(item))
    if len(items) > SHOWN:
        print_text(f"  … and {len(items) - SHOWN} {beyond}")


class PrintableRecords(logging.Filter):
    """Escapes what controls in the messages of a logger, line breaks too."""

    def filter(self, record: Any) -> bool:
        record.msg, record.args = printable(record.getMessage()), ()
        return True
