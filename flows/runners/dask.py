"""Workers on a Dask cluster: one chunk per Dask worker at a time; a cluster of this machine is started without address.

Every try is pinned to one Dask worker, so that Dask never hands it to another one: when the worker dies, the run
notices, and decides by itself. A future is released once its result is here: nothing finished is ever computed again.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import resource_tracker
from typing import Any

import dask
from distributed import Client, LocalCluster, wait

from flows.runners.base import ChunkTry, Stop, TryOutcome
from flows.runners.cluster import POLL, ClusterRunner, RemoteWorker, WorkerUnreachable, check_listening, start_or_close
from flows.runners.node import NodeFacts, NodeWorker, gpus_here, node_facts
from nst_core.chunks.work import Work
from nst_core.errors import ConfigError
from nst_core.run_folder.chunk import Chunk

TIMEOUT = 20.0
"""Seconds after which a scheduler that does not answer is not there."""

_FRESH = 1.0
"""Seconds that the list of living workers holds."""

_node_workers: dict[str, NodeWorker] = {}
"""Those in this process, where it is a Dask worker; by the key of the `DaskWorker` that drives them."""


class DaskScheduler:
    """The scheduler as the run uses it: the client, the workers that are alive, and those that this run has taken."""

    def __init__(self, client: Client, gpu: bool) -> None:
        self.client, self.gpu = client, gpu
        self._lock, self._taken = threading.Lock(), set[str]()
        self._alive: dict[str, Any] = {}
        self._seen = 0.0

    def alive(self) -> dict[str, Any]:
        """The cluster's workers by address. Raises WorkerUnreachable where the scheduler does not answer."""
        with self._lock:
            if time.monotonic() - self._seen > _FRESH:
                try:
                    self._alive = dict(self.client.scheduler_info(n_workers=-1)["workers"])
                except Exception as error:  # whatever the client raises where its connection is gone
                    raise WorkerUnreachable(f"the scheduler does not answer ({error})") from error
                self._seen = time.monotonic()
            return self._alive

    def take(self) -> str | None:
        """The address of a worker that this run has not taken yet, and that is taken now; None where there is none."""
        alive = self.alive()
        with self._lock:
            free = [name for name in alive if name not in self._taken and self._has_device(alive[name])]
            if not free:
                return None
            taken_on = Counter(alive[name]["host"] for name in self._taken if name in alive)
            chosen = min(free, key=lambda name: taken_on[alive[name]["host"]])
            self._taken.add(chosen)
            return chosen

    def release(self, address: str) -> None:
        """Mark the worker as not taken any more."""
        with self._lock:
            self._taken.discard(address)
            self._seen = 0.0

    def _has_device(self, worker: Any) -> bool:
        """Whether a worker can be used: for a run on GPUs, where some workers declare GPUs, only those."""
        declared = any(other["resources"].get("GPU") for other in self._alive.values())
        return not (self.gpu and declared) or bool(worker["resources"].get("GPU"))

    def resources(self, address: str) -> dict[str, float] | None:
        """The resources that a try takes of its worker, where the worker declares any."""
        worker = self.alive().get(address)
        return {"GPU": 1} if self.gpu and worker and worker["resources"].get("GPU") else None


class DaskWorker:
    """The connection to a `NodeWorker` in a Dask worker."""

    def __init__(self, scheduler: DaskScheduler, address: str) -> None:
        self.host = address
        self._scheduler, self._address, self._key = scheduler, address, secrets.token_hex(8)
        self._future: Any = None

    def start(self, work: Work, facts: NodeFacts, give_up: Stop) -> bool:
        """Start the `NodeWorker`; false where told to give up. Raises ConfigError where the node does not fit."""
        self._call(_start, self._key, work, facts, self._scheduler.gpu)
        while (host := self.outcome(POLL)) is None:
            if give_up():
                return False
        if isinstance(host, ConfigError):
            raise host
        self.host = str(host)
        return True

    def submit(self, chunk_try: ChunkTry) -> None:
        """Implement `RemoteWorker.submit`."""
        self._call(_run, self._key, chunk_try, **{"resources": self._scheduler.resources(self._address)})

    def outcome(self, seconds: float) -> Any:
        """Implement `RemoteWorker.outcome`."""
        try:
            with contextlib.suppress(TimeoutError), self._scheduler.client.as_current():
                wait(self._future, timeout=seconds)  # type: ignore[no-untyped-call]
            if not self._future.done():
                if self._address not in self._scheduler.alive():
                    raise WorkerUnreachable("its process, or its node, left the cluster")
                return None
            return self._result()
        except WorkerUnreachable:
            raise
        except Exception as error:
            raise WorkerUnreachable(f"{type(error).__name__}: {error}".removesuffix(".")) from error

    def poll(self, stop: bool) -> int:
        """Implement `RemoteWorker.poll`; 0 where the worker is slow to answer; `outcome` finds out if it is gone."""
        try:
            counts = self._scheduler.client.run(_poll, self._key, stop, workers=[self._address], on_error="return")
        except Exception:
            return 0
        done = counts.get(self._address)
        return done if isinstance(done, int) else 0

    def close(self) -> None:
        """Implement `RemoteWorker.close`."""
        self._release()
        client = self._scheduler.client
        with contextlib.suppress(Exception):
            client.run(_close, self._key, workers=[self._address], on_error="return")
        self._scheduler.release(self._address)

    def _call(self, call: Callable[..., Any], *arguments: Any, resources: Any = None) -> None:
        try:
            self._future = self._scheduler.client.submit(
                call,
                *arguments,
                pure=False,
                retries=0,
                workers=[self._address],
                allow_other_workers=False,
                resources=resources,
                key=f"nst-{secrets.token_hex(8)}",
            )
        except Exception as error:
            raise WorkerUnreachable(str(error)) from error

    def _result(self) -> Any:
        try:
            outcome = self._future.result(timeout=TIMEOUT)
        finally:
            self._release()
        if outcome is None:
            raise WorkerUnreachable("its process was replaced by another one")
        return outcome

    def _release(self) -> None:
        """Make Dask forget the task."""
        future, self._future = self._future, None
        if future is not None:
            with contextlib.suppress(Exception):
                future.cancel()
            future.release()


@contextlib.contextmanager
def dask_runner(
    address: str | None, size: int, work: Work, chunks: Sequence[Chunk], should_stop: Stop
) -> Iterator[ClusterRunner]:
    """A runner on Dask workers, connected for the length of the block. Raises ConfigError where there is no cluster."""
    facts = node_facts(work, chunks)
    with connected(address, size) as client:
        scheduler = DaskScheduler(client, work.device.startswith("cuda"))

        def start_worker(give_up: Stop) -> RemoteWorker | None:
            while (free := scheduler.take()) is None:
                if give_up():
                    return None
                time.sleep(POLL)
            worker = DaskWorker(scheduler, free)
            return start_or_close(worker, lambda: worker.start(work, facts, give_up))

        with ClusterRunner("dask", size, start_worker, should_stop) as runner:
            yield runner


@contextlib.contextmanager
def connected(address: str | None, workers: int = 1) -> Iterator[Client]:
    """A client of the cluster, or of one of this machine that ends with the block.

    Raises:
        ConfigError: nothing answers at the address.
    """
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with contextlib.ExitStack() as stack:
        cluster = address or stack.enter_context(local_cluster(workers))
        try:
            if address is not None:
                check_listening(address)
            client = Client(cluster, timeout=TIMEOUT, set_as_default=False)  # type: ignore[no-untyped-call]
        except Exception as error:  # of many classes
            reason = str(error).splitlines()[0].removesuffix(".") if str(error) else "no answer"
            raise ConfigError(
                f"There is no connection to a Dask scheduler at {address!r} ({reason}): start it (`dask scheduler`), "
                "or correct execution.address."
            ) from error
        yield stack.enter_context(client)


def cluster_devices(address: str) -> tuple[int, int]:
    """The number of GPUs that workers of the cluster can have, one each, and of its workers. Raises ConfigError."""
    with connected(address) as client:
        workers = dict(client.scheduler_info(n_workers=-1)["workers"])
        declared = sum(bool(worker["resources"].get("GPU")) for worker in workers.values())
        return declared or _visible_gpus(client, list(workers)), len(workers)


def _visible_gpus(client: Client, workers: Sequence[str]) -> int:
    """The number of usable GPUs: on each node at most as many as its workers see, and as there are workers."""
    futures = [client.submit(gpus_here, pure=False, workers=[name]) for name in workers]
    try:
        visible = client.gather(futures)  # type: ignore[no-untyped-call]
    except Exception as error:
        raise ConfigError(
            f"The workers of the Dask cluster cannot import nst ({error}): install the same version on every node."
        ) from error
    count = Counter(host for host, _ in visible)
    return sum(min(count[host], max(gpus for name, gpus in visible if name == host)) for host in count)


@contextlib.contextmanager
def local_cluster(workers: int) -> Iterator[LocalCluster]:
    """A cluster of this machine. Ctrl-C, which a terminal sends to all processes, is for this one only."""
    with tempfile.TemporaryDirectory(prefix="nst-dask-") as folder, contextlib.ExitStack() as stack:
        stack.enter_context(dask.config.set({"temporary-directory": folder}))
        resource_tracker.ensure_running()  # else multiprocessing does, and unblocks the signal
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # inherited by threads and processes
        try:
            cluster = LocalCluster(  # type: ignore[no-untyped-call]
                n_workers=workers,
                threads_per_worker=1,
                memory_limit=0,
                dashboard_address=None,
                local_directory=folder,
                silence_logs=logging.CRITICAL,
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        yield stack.enter_context(cluster)


def _start(key: str, work: Work, facts: NodeFacts, gpu: bool) -> str | ConfigError:
    worker = NodeWorker(work, facts, gpu)
    host = worker.start()
    if isinstance(host, str):
        _node_workers[key] = worker
    return host


def _run(key: str, chunk_try: ChunkTry) -> TryOutcome | None:
    worker = _node_workers.get(key)
    return worker.run(chunk_try) if worker is not None else None


def _poll(key: str, stop: bool) -> int | None:
    worker = _node_workers.get(key)
    return worker.poll(stop) if worker is not None else None


def _close(key: str) -> None:
    worker = _node_workers.pop(key, None)
    if worker is not None:
        worker.close()
