"""Workers on a Ray cluster: an actor each, which Ray places; a Ray of this machine is started where none is named."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from flows.runners.base import ChunkTry, Stop, TryOutcome
from flows.runners.cluster import POLL, ClusterRunner, RemoteWorker, WorkerUnreachable, check_listening, start_or_close
from flows.runners.node import NodeWorker, node_facts
from nst_core.chunks.work import Work
from nst_core.errors import ConfigError
from nst_core.run_folder.chunk import Chunk
from nst_core.storage.machine import cores

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")  # else `uv run` sends the current folder to every node
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray
from ray.exceptions import GetTimeoutError, RayError

OBJECT_STORE = 80 * 2**20
"""Bytes of shared memory of a Ray that is started here: tries and reports are small."""

_TIMEOUT = 20.0
"""Seconds after which a poll of a worker is given up; the worker is not: its node may be slow."""


class RayWorker:
    """The connection to a `NodeWorker` that is a Ray actor."""

    host = "a node"

    def __init__(self, actor: Any) -> None:
        self._actor = actor
        self._reference: Any = None

    def start(self, give_up: Stop) -> bool:
        """Wait until the actor has a node; false where told to give up. Raises ConfigError where it does not fit."""
        reference = self._actor.start.remote()
        while not _is_ready(reference, POLL):
            if give_up():
                return False
        host = _get(reference)
        if isinstance(host, ConfigError):
            raise host
        self.host = host
        return True

    def submit(self, chunk_try: ChunkTry) -> None:
        """Implement `RemoteWorker.submit`."""
        self._reference = self._actor.run.remote(chunk_try)

    def outcome(self, seconds: float) -> TryOutcome | None:
        """Implement `RemoteWorker.outcome`."""
        if not _is_ready(self._reference, seconds):
            return None
        outcome: TryOutcome = _get(self._reference)
        self._reference = None  # which releases it
        return outcome

    def poll(self, stop: bool) -> int:
        """Implement `RemoteWorker.poll`."""
        try:
            done: int = _get(self._actor.poll.remote(stop))
        except GetTimeoutError:
            return 0
        return done

    def close(self) -> None:
        """Implement `RemoteWorker.close`."""
        with contextlib.suppress(Exception):
            ray.get(self._actor.close.remote(), timeout=2)
        with contextlib.suppress(Exception):
            ray.kill(self._actor)


@contextlib.contextmanager
def ray_runner(
    address: str | None, size: int, work: Work, chunks: Sequence[Chunk], should_stop: Stop
) -> Iterator[ClusterRunner]:
    """A runner on actors, connected for the length of the block. Raises ConfigError where there is no such cluster."""
    gpu, facts = work.device.startswith("cuda"), node_facts(work, chunks)
    needs = {"num_gpus": 1, "num_cpus": 0} if gpu else {"num_cpus": work.threads}
    options = {"max_restarts": 0, "max_task_retries": 0, "max_concurrency": 2, "scheduling_strategy": "SPREAD"}

    def start_worker(give_up: Stop) -> RemoteWorker | None:
        actor: Any = ray.remote(NodeWorker).options(**options, **needs).remote(work, facts, gpu)
        worker = RayWorker(actor)
        return start_or_close(worker, lambda: worker.start(give_up))

    with connected(address, size * work.threads), ClusterRunner("ray", size, start_worker, should_stop) as runner:
        yield runner


@contextlib.contextmanager
def connected(address: str | None, threads: int = 1) -> Iterator[None]:
    """Connect to a cluster, or start a Ray of this machine with room for so many threads, which ends with the block.

    Raises:
        ConfigError: nothing answers at the address.
    """
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL, "configure_logging": False}
    folder = None
    if address is None:
        folder = tempfile.mkdtemp(prefix="nst-ray-", dir="/tmp")  # the paths of Ray's sockets must be short
        quiet |= {"include_dashboard": False, "object_store_memory": OBJECT_STORE, "_temp_dir": folder}
        quiet |= {"num_cpus": max(cores(), threads), "_node_ip_address": "127.0.0.1"}
    over, started = threading.Event(), queue.SimpleQueue[BaseException | None]()
    thread = threading.Thread(target=_keep_ray, args=(address, quiet, over, started), daemon=True)
    thread.start()
    try:
        if (error := started.get()) is not None:
            raise error
        yield
    finally:
        over.set()
        thread.join(_TIMEOUT)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _keep_ray(
    address: str | None,
    options: dict[str, Any],
    over: threading.Event,
    started: queue.SimpleQueue[BaseException | None],
) -> None:
    """Start Ray, wait until `over`, shut it down: in one thread that lives as long as what Ray starts.

    Not in the main thread, where Ray would put its own handler of SIGTERM.
    """
    try:
        _init(address, options)
    except BaseException as error:
        started.put(error)
        return
    started.put(None)
    over.wait()
    with contextlib.suppress(Exception):
        ray.shutdown()


def cluster_devices(address: str) -> tuple[int, int]:
    """The numbers of GPUs and of CPU cores of the cluster. Raises ConfigError where nothing answers."""
    with connected(address):
        resources = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return int(resources.get("GPU", 0)), int(resources.get("CPU", 0))


def _init(address: str | None, options: dict[str, Any]) -> None:
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    try:
        if address is not None:
            check_listening(address)
        ray.init(address=address or "local", **options)
    except Exception as error:
        place = f"a Ray cluster at {address!r}" if address else "a Ray of this machine"
        raise ConfigError(
            f"There is no connection to {place} ({_first_line(error)}): start it (`ray start --head`), or correct "
            "execution.address."
        ) from error


def _is_ready(reference: Any, seconds: float) -> bool:
    return bool(ray.wait([reference], timeout=seconds)[0])


def _get(reference: Any) -> Any:
    """The result of a call of an actor. Raises WorkerUnreachable where the actor is gone; GetTimeoutError."""
    try:
        return ray.get(reference, timeout=_TIMEOUT)
    except GetTimeoutError:
        raise
    except (RayError, ConnectionError) as error:
        raise WorkerUnreachable(_cause(error)) from error


def _cause(error: BaseException) -> str:
    """The reason that Ray gives for the end of an actor, without the actor's particulars, cut off if it is long."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and not line.startswith("\t")]
    reason = " ".join(lines[1:] or lines).removesuffix(".")
    return reason if len(reason) <= 300 else f"{reason[:300]}…"


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].removesuffix(".")
