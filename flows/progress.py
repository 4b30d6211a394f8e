"""Progress of long work: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from rich.console import Console

from nst_core.errors import printable

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

PLAIN_INTERVAL = 10.0
"""Seconds between two plain lines."""


class _Console(Console):
    """Rich's console, but names in texts cannot command the terminal."""

    def print(self, *objects: Any, **options: Any) -> None:
        shown = (printable(one, lines=True) if isinstance(one, str) else one for one in objects)
        super().print(*shown, **options)


console: Console = _Console(stderr=True, highlight=False)


class Reporter:
    """Shows one stage of work at a time, counted in whole units (images, files); parts of one move the bar only.

    Attributes:
        interval: seconds between two plain lines.
        ended: called with a sentence when a stage ends.
    """

    def __init__(self) -> None:
        self.interval = PLAIN_INTERVAL
        self.ended: Callable[[str], None] | None = None
        self._lock = threading.Lock()
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._title, self._total, self._unit, self._done, self._parts = "", 0, "", 0, 0.0
        self._started = self._last_line = 0.0

    @contextlib.contextmanager
    def stage(self, title: str, total: int, unit: str) -> Iterator[Reporter]:
        """Show progress over `total` units until the block ends."""
        with self._shown(title, total, unit):
            try:
                yield self
            except BaseException:
                self._report_end("stopped, ")
                raise
            self._report_end()

    def _report_end(self, how: str = "") -> None:
        if self.ended is not None:
            count = f"{self._count()} in " if self._total else ""
            self.ended(f"{self._title}: {how}{count}{time.monotonic() - self._started:.1f} s")

    @contextlib.contextmanager
    def _shown(self, title: str, total: int, unit: str) -> Iterator[None]:
        self._title, self._total, self._unit, self._done, self._parts = title, total, unit, 0, 0.0
        self._started = self._last_line = time.monotonic()
        if not console.is_terminal:
            yield
            return
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[count]}"),
                   TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())  # fmt: skip
        with Progress(*columns, console=console, transient=True) as self._bar:
            self._task = self._bar.add_task(title, total=total, count=self._count())
            try:
                yield
            finally:
                self._bar = None

    def at_least(self, done: int, total: int) -> None:
        """Set the count (and a total that became known late)."""
        with self._lock:
            self._total, self._done, self._parts = total, done, float(done)
        self._show()

    def advance(self, units: int) -> None:
        """Count units that are finished."""
        with self._lock:
            self._done += units
            self._parts = max(self._parts, float(self._done))
        self._show()

    def advance_part(self, fraction: float) -> None:
        """Move the bar by parts of a unit."""
        with self._lock:
            self._parts = min(self._parts + fraction, float(self._total))
        self._show()

    def _count(self) -> str:
        return f"{self._done}/{self._total} {self._unit}"

    def _show(self) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self._parts, total=self._total, count=self._count())
        elif time.monotonic() - self._last_line >= self.interval:
            self._last_line = time.monotonic()
            console.print(f"{self._title}: {self._share_done():.0%} done, {self._count()} finished{self._left()}")

    def _share_done(self) -> float:
        return self._parts / self._total if self._total else 0.0

    def _left(self) -> str:
        """The time left at the present pace; empty at first."""
        share = self._share_done()
        if not 0.02 < share < 1:
            return ""
        return f", about {(time.monotonic() - self._started) * (1 - share) / share:.0f} s left"


reporter = Reporter()
"""The reporter of this process."""
