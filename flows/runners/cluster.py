"""What the crews of all clusters share: workers that come and go, found in the background, handed out one by one."""

from __future__ import annotations

import contextlib
import queue
import re
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from flows.progress import console
from flows.runners.base import GRACE, Order, PairProgress, Stop, packed
from flows.runners.node import Answer
from flows.runners.process import START_TIMEOUT
from nst_core.chunks.work import ChunkReport
from nst_core.errors import ConfigError, Interrupted, NoWorkers, WorkerLost

LOOK = 0.5
"""Seconds between two looks at a worker: how late progress and the wish to stop arrive."""

PATIENCE = 600.0
"""Seconds that a run waits for any worker at all: a cluster that grows by itself takes minutes."""

_PAUSE = 15.0
"""Seconds before a node is asked again that did not see what it should, or could not start a worker."""


class Gone(Exception):
    """A worker does not answer any more; the message says what is known of why."""


class Post(Protocol):
    """A line to one `Outpost`."""

    host: str

    def begin(self, order: Order) -> None:
        """Send an order off. Raises Gone."""

    def answer(self, seconds: float) -> Answer | None:
        """What came of it; None where nothing did in so many seconds. Raises Gone."""

    def look(self, stop: bool) -> int:
        """As `Outpost.look`. Raises Gone."""

    def close(self) -> None:
        """End the worker, by force if need be. Raises nothing."""


Hire = Callable[[Stop], Post | None]
"""Finds a worker, however long it takes; None where told to give up. Raises ConfigError, Gone."""


@dataclass
class _At:
    """What a worker is at."""

    post: Post
    number: int
    order: Order
    since: float = field(default_factory=time.monotonic)


class ClusterCrew:
    """A crew on a cluster: one that is lost is replaced, wherever there is room, while the others go on."""

    def __init__(self, name: str, size: int, hire: Hire, should_stop: Stop) -> None:
        self.name, self.size = name, size
        self._hire, self._should_stop = hire, should_stop
        self._free: queue.LifoQueue[tuple[int, Post]] = queue.LifoQueue()
        self._at: dict[int, _At] = {}
        self._over, self._refusals = threading.Event(), queue.SimpleQueue[ConfigError | Gone]()
        self._recruiters: list[threading.Thread] = []
        self._ready = threading.Event()

    def make(self, order: Order, progress: PairProgress) -> ChunkReport:
        """As `Crew.make`. Raises NoWorkers, too."""
        number, post = self._next()
        self._at[number] = _At(post, number, order)
        try:
            return _made(post, order, progress, self._should_stop)
        except Gone as gone:
            post.close()
            self._at.pop(number)
            self._recruit(number)
            raise WorkerLost(f"The worker on {post.host} was lost: {gone}.") from gone
        finally:
            if self._at.pop(number, None):
                self._free.put((number, post))

    def now(self) -> list[dict[str, object]]:
        """As `Crew.now`."""
        now = time.monotonic()
        return [
            {
                "name": f"{self.name} {number} on {at.post.host}",
                "chunk": at.order.chunk.chunk_id,
                "pairs": len(at.order.chunk.wanted),
                "seconds": round(now - at.since),
            }
            for number, at in sorted(self._at.copy().items())
        ]

    def __enter__(self) -> ClusterCrew:
        """Waits for the first worker. Raises ConfigError where there is a reason why there is none; Interrupted."""
        for number in range(1, self.size + 1):
            self._recruit(number)
        try:
            self._free.put(self._next())
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        for recruiter in self._recruiters:
            recruiter.join()
        with contextlib.suppress(queue.Empty):
            while True:
                self._free.get_nowait()[1].close()

    def _next(self) -> tuple[int, Post]:
        """The next free worker."""
        ends = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(queue.Empty):
                return self._free.get(timeout=LOOK)
            if self._should_stop():
                raise Interrupted
            if not self._ready.is_set() and not self._refusals.empty():
                raise _as_config_error(self._refusals.get())
            if self._at:
                ends = time.monotonic() + PATIENCE
            elif time.monotonic() > ends:
                raise NoWorkers(
                    f"The cluster has had no worker for {PATIENCE / 60:.0f} minutes. What is finished is kept; once "
                    "nodes are back, the same command goes on from here."
                )

    def _recruit(self, number: int) -> None:
        recruiter = threading.Thread(target=self._find, args=(number,), daemon=True)
        self._recruiters.append(recruiter)
        recruiter.start()

    def _find(self, number: int) -> None:
        """Put a new worker among the free ones, however long it takes."""
        told = False
        while not self._over.is_set():
            try:
                post = self._hire(self._over.is_set)
            except (ConfigError, Gone) as refusal:
                if self._ready.is_set() and not told:
                    console.print(f"A worker could not start: {refusal}", markup=False, soft_wrap=True)
                    told = True
                self._refusals.put(refusal)
                self._over.wait(_PAUSE)
                continue
            if post is not None:
                self._ready.set()
                self._free.put((number, post))
            return


def hired(post: Post, settle: Callable[[], bool]) -> Post | None:
    """The post, if it settles; else, whatever happened to it meanwhile, it is closed."""
    settled = False
    try:
        settled = settle()
        return post if settled else None
    finally:
        if not settled:
            post.close()


def _made(post: Post, order: Order, progress: PairProgress, should_stop: Stop) -> ChunkReport:
    """Send an order off and wait for what comes of it. Raises Gone, and what the worker raised."""
    limit = None if order.deadline is None else order.deadline + 2 * GRACE + START_TIMEOUT
    started = time.monotonic()
    post.begin(packed(order))
    while (answer := post.answer(LOOK)) is None:
        if done := post.look(should_stop()):
            progress(done)
        if limit is not None and time.monotonic() - started > limit:
            raise Gone(f"it did not answer for {limit:.0f} s")
    if isinstance(answer, BaseException):
        raise answer
    return answer


def knock(address: str) -> None:
    """Raises OSError at once where nobody listens: the clusters' own clients try for minutes. Names are theirs."""
    found = re.fullmatch(r"(?:(?:tcp|tls|ray)://)?([^/]+):([0-9]+)", address)
    if found:
        socket.create_connection((found[1].strip("[]"), int(found[2])), timeout=5).close()


def _as_config_error(refusal: ConfigError | Gone) -> ConfigError:
    return refusal if isinstance(refusal, ConfigError) else ConfigError(f"No worker could start: {refusal}.")
