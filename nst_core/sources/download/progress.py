"""What a download tells and asks while it works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from nst_core.errors import Interrupted

Unit = Literal["bytes", "files"]
DownloadProgress = Callable[[str, int, int, Unit], None]
"""Takes a title (`Downloading val2017.zip`), what is done, the total (0 while unknown) and the unit of both."""


@dataclass(frozen=True)
class DownloadWatch:
    """Where progress goes, and where the wish to stop comes from."""

    show: DownloadProgress
    should_stop: Callable[[], bool]

    def step(self, title: str, done: int, total: int, unit: Unit = "bytes") -> None:
        """Tell how far a step is. Raises Interrupted where a stop was asked for."""
        self.check()
        self.show(title, done, total, unit)

    def check(self) -> None:
        """Raises Interrupted where a stop was asked for."""
        if self.should_stop():
            raise Interrupted("Stopped as asked. What has arrived is kept; the same command goes on from here.")


def no_progress(_title: str, _done: int, _total: int, _unit: Unit) -> None:
    """Progress that nobody looks at."""
