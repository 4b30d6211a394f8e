"""Node side of a cluster's worker: supervises the one worker process there, for Ray and Dask.

The cluster's process computes nothing. Whatever kills the worker process leaves it alive, so that it can say how the
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

from flows.runners.base import ChunkTry, TryOutcome
from flows.runners.gpu_claims import Claim, claim_gpu, visible_gpu_names
from flows.runners.process import Supervisor, WorkerSlot
from flows.runners.worker_process import sendable
from nst_core.chunks.work import Work
from nst_core.errors import ConfigError, TransientError
from nst_core.run_folder.chunk import Chunk
from nst_core.run_folder.folder import RUN_YAML

SILENCE = 30.0
"""Seconds without a call of `poll` after which the run is taken for dead, and its worker ended."""


@dataclass(frozen=True)
class NodeFacts:
    """Files that the run sees, for a node to check that it sees the same.

    Attributes:
        folder: the current folder, that relative paths start from.
        run_yaml: sha256 of run.yaml, as it lies in the run folder; None where there is none.
        inputs: some of the images that will be read.
    """

    folder: Path
    run_yaml: str | None
    inputs: Sequence[Path] = ()


def node_facts(work: Work, chunks: Sequence[Chunk]) -> NodeFacts:
    """The facts of this process: the run folder, and the images of the first and the last chunk's first row."""
    rows = [chunk.rows[0] for chunk in (chunks[0], chunks[-1])] if chunks else []
    paths = [Path(path) for row in rows for path in (row.content_path, *row.style_paths)]
    return NodeFacts(Path.cwd(), _sha256(work.run_folder / RUN_YAML), [path for path in paths if path.is_file()])


class NodeWorker:
    """One worker on this node. One thread calls `run`, another one `poll`, every second or so.

    Args:
        gpu: whether the worker computes on a GPU: the only one that this process sees, or one that it claims.
    """

    def __init__(self, work: Work, facts: NodeFacts, gpu: bool) -> None:
        self._work, self._facts, self._gpu = work, facts, gpu
        self._supervisor: Supervisor | None = None
        self._claim: Claim | None = None
        self._progress, self._lock = 0, threading.Lock()
        self._stop, self._closed, self._busy = threading.Event(), threading.Event(), threading.Lock()
        self._last_poll, self._silent = time.monotonic(), False

    def start(self) -> str | ConfigError:
        """Check the node; returns its name, or what is wrong with it."""
        try:
            self._check()
            slot = self._slot()
        except ConfigError as error:
            return error
        self._supervisor = Supervisor(self._work, slot)
        self._last_poll = time.monotonic()
        threading.Thread(target=self._watch_for_silence, daemon=True).start()
        return socket.gethostname()

    def run(self, chunk_try: ChunkTry) -> TryOutcome:
        """Stylize a chunk; an error is returned, not raised."""
        assert self._supervisor is not None, "start comes first"
        with self._busy:
            self._last_poll, self._silent = time.monotonic(), False
            try:
                return self._supervisor.run(chunk_try, self._count, self._stop.is_set)
            except BaseException as error:
                if self._silent:
                    return TransientError(f"{socket.gethostname()} heard nothing of the run for {SILENCE:.0f} s.")
                return sendable(error)

    def poll(self, stop: bool) -> int:
        """The pair-evaluations done since the last call; `stop` asks the worker to stop."""
        self._last_poll = time.monotonic()
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

    def _count(self, evaluations: int) -> None:
        with self._lock:
            self._progress += evaluations

    def _watch_for_silence(self) -> None:
        """End the worker when nobody polls any more: the run is gone, and what it started here must not outlive it."""
        while not self._closed.wait(1):
            if time.monotonic() - self._last_poll > SILENCE:
                self._silent = True
                self._end()

    def _end(self) -> None:
        if self._supervisor is None:
            return
        if self._busy.acquire(blocking=False):
            self._supervisor.close()
            self._busy.release()
        else:
            self._supervisor.abort()

    def _slot(self) -> WorkerSlot:
        folder = self._facts.folder
        if not self._gpu:
            return WorkerSlot(folder=folder)
        names = visible_gpu_names()
        if len(names) == 1 and "CUDA_VISIBLE_DEVICES" in os.environ:
            return WorkerSlot(names[0], folder=folder)  # the cluster hands them out
        self._claim = claim_gpu(names)
        return WorkerSlot(self._claim.name, (self._claim.descriptor,), folder)

    def _check(self) -> None:
        """Raises ConfigError where this node does not see what the run sees."""
        facts = self._facts
        unseen = [path for path in (facts.folder,) if not path.is_dir()]
        if not unseen and facts.run_yaml != _sha256(_from(facts.folder, self._work.run_folder / RUN_YAML)):
            unseen.append(self._work.run_folder)
        unseen += [path for path in facts.inputs if not _from(facts.folder, path).is_file()]
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
    """The name of this node, and the number of GPUs that this process sees."""
    return socket.gethostname(), len(visible_gpu_names())
