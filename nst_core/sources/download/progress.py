"""Progress of a download, and requests to stop it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from nst_core.errors import Interrupted

Unit = Literal["bytes", "files"]
DownloadProgress = Callable[[str, int, int, Unit], None]
"""Takes a title (`Downloading val2017.zip`), the amount done, the total (0 while unknown) and the unit of both."""


@dataclass(frozen=True)
class DownloadWatch:
    """The callbacks of a download: one that takes its progress, one that says whether it should stop."""

    show: DownloadProgress
    should_stop: Callable[[], bool]

    def step(self, title: str, done: int, total: int, unit: Unit = "bytes") -> None:
        """Report the progress of a step. Raises Interrupted if the download should stop."""
        self.check()
        self.show(title, done, total, unit)

    def check(self) -> None:
        """Raise Interrupted if the download should stop."""
        if self.should_stop():
            raise Interrupted("Stopped as asked. What has arrived is kept; the same command goes on from here.")


def no_progress(_title: str, _done: int, _total: int, _unit: Unit) -> None:
    """Progress that is not shown."""
