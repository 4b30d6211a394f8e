"""The run's end on a node of a cluster: a foreman with one worker process, and somebody who asks how it goes.

The cluster's own process computes nothing. Whatever kills a worker leaves it standing, so that it can say how the
worker died; and where the cluster's process dies, the worker ends with it.
"""

from __future__ import annotations

import hashlib
import os
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.runners.base import Order
from flows.runners.gpu_claims import Claim, claim_gpu, visible_gpu_names
from flows.runners.process import Place
from flows.runners.supervisor import Foreman
from flows.runners.worker_process import sendable
from nst_core.chunks.work import ChunkReport, Work
from nst_core.errors import ConfigError, TransientError
from nst_core.run_folder.chunk import Chunk
from nst_core.run_folder.folder import RUN_FILE

SILENCE = 30.0
"""Seconds without a word from the run after which it is taken for dead: its worker is ended."""

Answer = ChunkReport | BaseException


@dataclass(frozen=True)
class Sights:
    """What the run sees, for a node to see it too.

    Attributes:
        folder: the current one, that relative paths start from.
        run_file: sha256 of run.yaml, as it lies in the run folder; None where there is none.
        inputs: some of the images that will be read.
    """

    folder: Path
    run_file: str | None
    inputs: Sequence[Path] = ()


def sights_of(work: Work, chunks: Sequence[Chunk]) -> Sights:
    """What this process sees: the run folder, and the images of the first and the last chunk's first row."""
    rows = [chunk.rows[0] for chunk in (chunks[0], chunks[-1])] if chunks else []
    paths = [Path(path) for row in rows for path in (row.content_path, *row.style_paths)]
    return Sights(Path.cwd(), _sha256(work.run_folder / RUN_FILE), [path for path in paths if path.is_file()])


class Outpost:
    """One worker on this node. One thread calls `make`, another one `look`, every second or so.

    Args:
        gpu: whether the worker computes on one: the only one that this process may see, or one that it claims.
    """

    def __init__(self, work: Work, sights: Sights, gpu: bool) -> None:
        self._work, self._sights, self._gpu = work, sights, gpu
        self._foreman: Foreman | None = None
        self._claim: Claim | None = None
        self._progress, self._lock = 0, threading.Lock()
        self._stop, self._closed, self._busy = threading.Event(), threading.Event(), threading.Lock()
        self._heard, self._silent = time.monotonic(), False

    def settle(self) -> str | ConfigError:
        """Look around; returns the node's name, or what is wrong with it."""
        try:
            self._check()
            place = self._place()
        except ConfigError as error:
            return error
        self._foreman = Foreman(self._work, place)
        self._heard = time.monotonic()
        threading.Thread(target=self._listen, daemon=True).start()
        return socket.gethostname()

    def make(self, order: Order) -> Answer:
        """Have a chunk made; returns what came of it, be it an error."""
        assert self._foreman is not None, "settle comes first"
        with self._busy:
            self._heard, self._silent = time.monotonic(), False
            try:
                return self._foreman.make(order, self._done, self._stop.is_set)
            except BaseException as error:
                if self._silent:
                    return TransientError(f"{socket.gethostname()} heard nothing of the run for {SILENCE:.0f} s.")
                return sendable(error)

    def look(self, stop: bool) -> int:
        """Pair-evaluations done since the last look; `stop` asks the worker to stop."""
        self._heard = time.monotonic()
        if stop:
            self._stop.set()
        with self._lock:
            done, self._progress = self._progress, 0
        return done

    def close(self) -> None:
        """End the worker."""
        self._closed.set()
        self._end()
        if self._claim is not None:
            self._claim.release()
            self._claim = None

    def _done(self, evaluations: int) -> None:
        with self._lock:
            self._progress += evaluations

    def _listen(self) -> None:
        """Nobody asks any more: the run is gone, and what it started here must not outlive it."""
        while not self._closed.wait(1):
            if time.monotonic() - self._heard > SILENCE:
                self._silent = True
                self._end()

    def _end(self) -> None:
        if self._foreman is None:
            return
        if self._busy.acquire(blocking=False):
            self._foreman.close()
            self._busy.release()
        else:
            self._foreman.abort()

    def _place(self) -> Place:
        folder = self._sights.folder
        if not self._gpu:
            return Place(folder=folder)
        names = visible_gpu_names()
        if len(names) == 1 and "CUDA_VISIBLE_DEVICES" in os.environ:
            return Place(names[0], folder=folder)  # the cluster hands them out
        self._claim = claim_gpu(names)
        return Place(self._claim.name, (self._claim.descriptor,), folder)

    def _check(self) -> None:
        """Raises ConfigError where this node does not see what the run sees."""
        sights = self._sights
        unseen = [path for path in (sights.folder,) if not path.is_dir()]
        if not unseen and sights.run_file != _sha256(_from(sights.folder, self._work.run_folder / RUN_FILE)):
            unseen.append(self._work.run_folder)
        unseen += [path for path in sights.inputs if not _from(sights.folder, path).is_file()]
        if unseen:
            raise ConfigError(
                f"The node {socket.gethostname()} does not see {unseen[0]} as this one does: all nodes need the same "
                "files under the same paths, on storage that they share."
            )


def _from(folder: Path, path: Path) -> Path:
    return path if path.is_absolute() else folder / path


def _sha256(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def gpus_here() -> tuple[str, int]:
    """This node's name, and how many GPUs this process sees."""
    return socket.gethostname(), len(visible_gpu_names())
