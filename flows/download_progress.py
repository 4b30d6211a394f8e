"""Progress of downloads: bytes with rate and time left, as bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from flows.progress import PLAIN_INTERVAL, console
from nst_core.sources.download.progress import Unit
from nst_core.storage.disk import format_bytes

_REFRESH = 0.1


class DownloadReporter:
    """Shows one step after the other (fetching, checking, unpacking), each identified by its title."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._title = ""
        self._first = 0
        self._started = self._last = 0.0

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Show progress until the block ends."""
        self._title = ""
        if not console.is_terminal:
            yield
            return
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[count]}"),
                   TextColumn("left"), TimeRemainingColumn())  # fmt: skip
        with Progress(*columns, console=console, transient=True) as self._bar:
            try:
                yield
            finally:
                self._bar = self._task = None

    def show(self, title: str, done: int, total: int, unit: Unit) -> None:
        """Show progress, unless it was shown a moment ago."""
        now = time.monotonic()
        if title != self._title:
            self._begin(title, done, now)
        elif now - self._last < (_REFRESH if self._bar else PLAIN_INTERVAL):
            return
        self._last = now
        rate = (done - self._first) / (now - self._started) if now > self._started else 0.0
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, total=total or None, count=counted(done, total, rate, unit))
        elif now > self._started:
            console.print(line(title, done, total, rate, unit), markup=False, soft_wrap=True)

    def _begin(self, title: str, done: int, now: float) -> None:
        self._title, self._first, self._started = title, done, now
        if self._bar is not None:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(title, total=None, completed=done, count="")


def line(title: str, done: int, total: int, rate: float, unit: Unit) -> str:
    """`Downloading val2017.zip: 35 % done, 285.5 MB of 815.6 MB, 12.3 MB/s, about 43 s left`."""
    share = f"{done / total:.0%} done, " if total else ""
    left = f", about {(total - done) / rate:.0f} s left" if rate and total else ""
    return f"{title}: {share}{counted(done, total, rate, unit)}{left}"


def counted(done: int, total: int, rate: float, unit: Unit) -> str:
    """The amount done, the total and the rate, as text."""
    if unit == "files":
        return f"{done} of {total} files, {rate:.1f}/s"
    return f"{format_bytes(done)}{f' of {format_bytes(total)}' if total else ''}, {format_bytes(rate)}/s"
