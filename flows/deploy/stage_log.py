"""The progress of stages as lines of a Prefect log: one per stage, and one a minute."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Callable, Iterator
from typing import TextIO, cast

from flows import progress

INTERVAL = 60.0
"""Seconds between two lines about one stage."""


class LineWriter(io.TextIOBase):
    """A text file of which each line that is not empty goes to `write_line`."""

    def __init__(self, write_line: Callable[[str], None]) -> None:
        self._write_line, self._rest = write_line, ""

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in filter(str.strip, lines):
            self._write_line(line.rstrip())
        return len(text)


@contextlib.contextmanager
def console_in_log(write_line: Callable[[str], None]) -> Iterator[None]:
    """Send the console's lines and the end of each stage to `write_line`, and silence the logs of successful chunks."""
    console, reporter, chunks = progress.console, progress.reporter, logging.getLogger("prefect.task_runs")
    # What the console was made with, not what it writes to now: that is None, for whatever sys.stderr is at the time.
    before = console._file, console.width, reporter.interval, reporter.ended, chunks.level
    console.file, console.width = cast(TextIO, LineWriter(write_line)), 10_000  # a log wraps by itself
    reporter.interval, reporter.ended = INTERVAL, write_line
    chunks.setLevel(logging.WARNING)
    try:
        yield
    finally:
        console._file, console.width, reporter.interval, reporter.ended, _ = before
        chunks.setLevel(before[-1])
