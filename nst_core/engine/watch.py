"""Callbacks of an optimisation: progress, previews, and the questions whether it should stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from nst_core.errors import ChunkTimeout, Interrupted


@dataclass(frozen=True)
class Watch:
    """Callbacks during the optimisation.

    Evaluations are counted over all scales of a schedule. Reports (every `report_every` evaluations), previews and
    checks for divergence are the only times that the host waits for the device.

    Attributes:
        progress: called with the number of evaluations done and the mean total of the batch.
        should_stop: polled at each evaluation; true ends the optimisation with `Interrupted`.
        past_deadline: polled at each evaluation; true ends it with `ChunkTimeout`.
        preview: called with the number of evaluations done, a pair's row and its image then, (3, H, W) in [0, 1] on the
            CPU, at the delivered size, every `preview_every` evaluations, from the initial image on.
    """

    report_every: int = 10
    progress: Callable[[int, float], None] | None = None
    should_stop: Callable[[], bool] | None = None
    past_deadline: Callable[[], bool] | None = None
    preview_every: int | None = None
    preview: Callable[[int, int, Tensor], None] | None = None

    def poll(self, evaluation: int) -> None:
        """Raise Interrupted or ChunkTimeout where a callback asks for it. Does not wait for the device."""
        if self.should_stop and self.should_stop():
            raise Interrupted
        if self.past_deadline and self.past_deadline():
            raise ChunkTimeout(f"The deadline passed after {evaluation} evaluations.")

    def report(self, evaluation: int, totals: Tensor) -> None:
        """Report the progress where it is due; totals (B,)."""
        if self.progress and evaluation % self.report_every == 0:
            self.progress(evaluation, float(totals.mean()))
