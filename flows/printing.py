"""What commands print: names of files and people cannot break a line, or send commands to the terminal."""

from __future__ import annotations

import builtins
import logging
from typing import Any

from nst_core.errors import printable


def print_text(*values: object, sep: str = " ", end: str = "\n", flush: bool = False) -> None:
    """Print to stdout as Python's `print`, with all that controls escaped but line breaks and tabs."""
    builtins.print(printable(sep.join(map(str, values)), lines=True), end=end, flush=flush)


class PrintableRecords(logging.Filter):
    """Escapes what controls in the messages of a logger, line breaks too."""

    def filter(self, record: Any) -> bool:
        record.msg, record.args = printable(record.getMessage()), ()
        return True
