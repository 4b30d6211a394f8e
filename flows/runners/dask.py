"""Workers on a Dask cluster: one chunk per Dask worker at a time; a cluster of this machine is started without address.

Every order is pinned to one Dask worker, so that Dask never hands it to another one: when the worker dies, the run is
told, and decides by itself. A future is released once its result is here: nothing finished is ever computed again.
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

from flows.runners.base import Order, Stop
from flows.runners.cluster import LOOK, ClusterCrew, Gone, Post, hired, knock
from flows.runners.node import Answer, Outpost, Sights, gpus_here, sights_of
from nst_core.chunks.work import Work
from nst_core.errors import ConfigError
from nst_core.run_folder.chunk import Chunk

TIMEOUT = 20.0
"""Seconds after which a scheduler that does not answer is not there."""

_FRESH = 1.0
"""Seconds that the list of living workers holds."""

_outposts: dict[str, Outpost] = {}
"""Of this process, where it is a Dask worker; by the name of the post."""


class Office:
    """What the posts of a run share: the client, and which workers live, are wanted, and are taken."""

    def __init__(self, client: Client, gpu: bool) -> None:
        self.client, self.gpu = client, gpu
        self._lock, self._taken = threading.Lock(), set[str]()
        self._alive: dict[str, Any] = {}
        self._seen = 0.0

    def alive(self) -> dict[str, Any]:
        """The cluster's workers by address. Raises Gone where the scheduler does not answer."""
        with self._lock:
            if time.monotonic() - self._seen > _FRESH:
                try:
                    self._alive = dict(self.client.scheduler_info(n_workers=-1)["workers"])
                except Exception as error:  # whatever the client raises where its connection is gone
                    raise Gone(f"the scheduler does not answer ({error})") from error
                self._seen = time.monotonic()
            return self._alive

    def take(self) -> str | None:
        """A worker that nobody has."""
        alive = self.alive()
        with self._lock:
            free = [name for name in alive if name not in self._taken and self._suits(alive[name])]
            if not free:
                return None
            at_work = Counter(alive[name]["host"] for name in self._taken if name in alive)
            chosen = min(free, key=lambda name: at_work[alive[name]["host"]])
            self._taken.add(chosen)
            return chosen

    def give_back(self, address: str) -> None:
        """The worker is free, or gone."""
        with self._lock:
            self._taken.discard(address)
            self._seen = 0.0

    def _suits(self, worker: Any) -> bool:
        """Where some workers say that they have GPUs, only those are asked to use one."""
        declared = any(other["resources"].get("GPU") for other in self._alive.values())
        return not (self.gpu and declared) or bool(worker["resources"].get("GPU"))

    def resources(self, address: str) -> dict[str, float] | None:
        """What an order takes of its worker, where the worker counts it."""
        worker = self.alive().get(address)
        return {"GPU": 1} if self.gpu and worker and worker["resources"].get("GPU") else None


class DaskPost:
    """A line to an outpost in a Dask worker."""

    def __init__(self, office: Office, address: str) -> None:
        self.host = address
        self._office, self._address, self._key = office, address, secrets.token_hex(8)
        self._future: Any = None

    def settle(self, work: Work, sights: Sights, give_up: Stop) -> bool:
        """Have an outpost in the worker; false where told to give up."""
        self._submit(_settle, self._key, work, sights, self._office.gpu)
        while (host := self.answer(LOOK)) is None:
            if give_up():
                return False
        if isinstance(host, ConfigError):
            raise host
        self.host = str(host)
        return True

    def begin(self, order: Order) -> None:
        """As `Post.begin`."""
        self._submit(_make, self._key, order, **{"resources": self._office.resources(self._address)})

    def answer(self, seconds: float) -> Any:
        """As `Post.answer`."""
        try:
            with contextlib.suppress(TimeoutError), self._office.client.as_current():
                wait(self._future, timeout=seconds)  # type: ignore[no-untyped-call]
            if not self._future.done():
                if self._address not in self._office.alive():
                    raise Gone("its process, or its node, left the cluster")
                return None
            return self._result()
        except Gone:
            raise
        except Exception as error:
            raise Gone(f"{type(error).__name__}: {error}".removesuffix(".")) from error

    def look(self, stop: bool) -> int:
        """As `Post.look`; nothing where the worker is slow to answer. `answer` finds out whether it is gone."""
        try:
            said = self._office.client.run(_look, self._key, stop, workers=[self._address], on_error="return")
        except Exception:
            return 0
        done = said.get(self._address)
        return done if isinstance(done, int) else 0

    def close(self) -> None:
        """As `Post.close`."""
        self._release()
        client = self._office.client
        with contextlib.suppress(Exception):
            client.run(_close, self._key, workers=[self._address], on_error="return")
        self._office.give_back(self._address)

    def _submit(self, call: Callable[..., Any], *arguments: Any, resources: Any = None) -> None:
        try:
            self._future = self._office.client.submit(
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
            raise Gone(str(error)) from error

    def _result(self) -> Any:
        try:
            answer = self._future.result(timeout=TIMEOUT)
        finally:
            self._release()
        if answer is None:
            raise Gone("its process was replaced by another one")
        return answer

    def _release(self) -> None:
        """Dask forgets the task, and whatever it was to do about it."""
        future, self._future = self._future, None
        if future is not None:
            with contextlib.suppress(Exception):
                future.cancel()
            future.release()


def dask_crew(
    address: str | None, size: int, work: Work, chunks: Sequence[Chunk], should_stop: Stop
) -> contextlib.AbstractContextManager[ClusterCrew]:
    """A crew of Dask workers; raises ConfigError where there is no such cluster."""
    return _crew(address, size, work, sights_of(work, chunks), should_stop)


@contextlib.contextmanager
def _crew(address: str | None, size: int, work: Work, sights: Sights, should_stop: Stop) -> Iterator[ClusterCrew]:
    with connected(address, size) as client:
        office = Office(client, work.device.startswith("cuda"))

        def hire(give_up: Stop) -> Post | None:
            return _hire(office, work, sights, give_up)

        with ClusterCrew("dask", size, hire, should_stop) as crew:
            yield crew


def _hire(office: Office, work: Work, sights: Sights, give_up: Stop) -> Post | None:
    while (address := office.take()) is None:
        if give_up():
            return None
        time.sleep(LOOK)
    post = DaskPost(office, address)
    return hired(post, lambda: post.settle(work, sights, give_up))


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
                knock(address)
            client = Client(cluster, timeout=TIMEOUT, set_as_default=False)  # type: ignore[no-untyped-call]
        except Exception as error:  # of many classes
            said = str(error).splitlines()[0].removesuffix(".") if str(error) else "no answer"
            raise ConfigError(
                f"There is no connection to a Dask scheduler at {address!r} ({said}): start it (`dask scheduler`), or "
                "correct execution.address."
            ) from error
        yield stack.enter_context(client)


def surveyed(address: str) -> tuple[int, int]:
    """GPUs that workers of the cluster can have, one each, and its workers. Raises ConfigError."""
    with connected(address) as client:
        workers = dict(client.scheduler_info(n_workers=-1)["workers"])
        declared = sum(bool(worker["resources"].get("GPU")) for worker in workers.values())
        return declared or _gpus_seen(client, list(workers)), len(workers)


def _gpus_seen(client: Client, workers: Sequence[str]) -> int:
    """At most as many as a node's workers see, and as there are workers to use them."""
    futures = [client.submit(gpus_here, pure=False, workers=[name]) for name in workers]
    try:
        seen = client.gather(futures)  # type: ignore[no-untyped-call]
    except Exception as error:
        raise ConfigError(
            f"The workers of the Dask cluster cannot import nst ({error}): install the same version on every node."
        ) from error
    count = Counter(host for host, _ in seen)
    return sum(min(count[host], max(gpus for name, gpus in seen if name == host)) for host in count)


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


def _settle(key: str, work: Work, sights: Sights, gpu: bool) -> str | ConfigError:
    outpost = Outpost(work, sights, gpu)
    said = outpost.settle()
    if isinstance(said, str):
        _outposts[key] = outpost
    return said


def _make(key: str, order: Order) -> Answer | None:
    outpost = _outposts.get(key)
    return outpost.make(order) if outpost is not None else None


def _look(key: str, stop: bool) -> int | None:
    outpost = _outposts.get(key)
    return outpost.look(stop) if outpost is not None else None


def _close(key: str) -> None:
    outpost = _outposts.pop(key, None)
    if outpost is not None:
        outpost.close()
