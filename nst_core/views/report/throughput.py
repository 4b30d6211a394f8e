"""Throughput over time: the sessions in which a run was worked on, and images per minute within them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

GAP = 120.0
"""Seconds without any work that part two sessions; a stop parts them at once."""

_STOPPING = 5.0
_BINS = 60
_PER_BIN = 6
_WIDTHS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)


@dataclass(frozen=True)
class WorkSession:
    """A session: a time of work without a break.

    Attributes:
        start: in seconds since 1970.
        seconds: its duration.
        gap: seconds since the end of the session before; 0 of the first.
        images: made in it (images that were made again count in the later session).
    """

    start: float
    seconds: float
    gap: float
    images: int

    @property
    def per_minute(self) -> float | None:
        return 60 * self.images / self.seconds if self.seconds > 0 else None


@dataclass(frozen=True)
class Bin:
    """A part of a session: `start` in seconds of work since the run began, gaps left out."""

    session: int
    start: float
    seconds: float
    per_minute: float


@dataclass(frozen=True)
class RunThroughput:
    """The sessions of a run, and the bins of all of them."""

    sessions: tuple[WorkSession, ...] = ()
    bins: tuple[Bin, ...] = ()

    @property
    def seconds(self) -> float:
        """Seconds of work on the wall clock, gaps left out."""
        return sum(session.seconds for session in self.sessions)

    @property
    def images(self) -> int:
        return sum(session.images for session in self.sessions)

    @property
    def per_minute(self) -> float | None:
        return 60 * self.images / self.seconds if self.seconds > 0 else None


def throughput_of(
    times: NDArray[np.float64], intervals: Sequence[tuple[float, float]] = (), stops: Sequence[float] = ()
) -> RunThroughput:
    """The sessions of a run.

    Args:
        times: of the images, when they were made, in seconds since 1970.
        intervals: times of the tries of chunks, as (start, end). Without them the first image has no duration.
        stops: times at which the run was stopped.
    """
    times = np.sort(times)
    starts = np.concatenate([times, [start for start, _ in intervals]])
    ends = np.concatenate([times, [end for _, end in intervals]])
    if not len(starts):
        return RunThroughput()
    sessions = _sessions(starts, ends, np.sort(np.asarray(stops, np.float64)), times)
    return RunThroughput(tuple(sessions), tuple(_bins(sessions, times)))


def _sessions(
    starts: NDArray[np.float64], ends: NDArray[np.float64], stops: NDArray[np.float64], times: NDArray[np.float64]
) -> list[WorkSession]:
    order = np.argsort(starts, kind="stable")
    starts, reached = starts[order], np.maximum.accumulate(ends[order])
    gaps = starts[1:] - reached[:-1]
    stopped = np.searchsorted(stops, starts[1:], "right") > np.searchsorted(stops, reached[:-1] - _STOPPING, "left")
    cuts = np.flatnonzero((gaps > GAP) | ((gaps > 0) & stopped))
    firsts, lasts = starts[[0, *(cuts + 1)]], reached[[*cuts, len(reached) - 1]]
    images = np.searchsorted(times, lasts, "right") - np.searchsorted(times, firsts, "left")
    before = np.concatenate([[firsts[0]], lasts[:-1]])
    return [
        WorkSession(float(first), float(last - first), float(first - earlier), int(count))
        for first, last, earlier, count in zip(firsts, lasts, before, images, strict=True)
    ]


def _bins(sessions: Sequence[WorkSession], times: NDArray[np.float64]) -> list[Bin]:
    worked = sum(session.seconds for session in sessions)
    images = sum(session.images for session in sessions)
    if worked <= 0 or not images:
        return []
    least = max(worked / _BINS, _PER_BIN * worked / images)
    width = next((width for width in _WIDTHS if width >= least), least)
    bins, offset = [], 0.0
    for number, session in enumerate(sessions):
        count = max(1, round(session.seconds / width))  # the last one takes what is left over
        edges = [*(width * np.arange(count)), session.seconds]
        counts = np.diff(np.searchsorted(times, session.start + np.array(edges[:-1]), "left"),
                         append=np.searchsorted(times, session.start + session.seconds, "right"))  # fmt: skip
        for start, end, found in zip(edges[:-1], edges[1:], counts, strict=True):
            if end > start:
                bins.append(Bin(number, float(offset + start), float(end - start), float(60 * found / (end - start))))
        offset += session.seconds
    return bins
