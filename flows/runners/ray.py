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

from flows.runners.base import Order, Stop
from flows.runners.cluster import LOOK, ClusterCrew, Gone, Post, hired, knock
from flows.runners.node import Answer, Outpost, Sights, sights_of
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
"""Bytes of shared memory of a Ray that is started here: orders and reports are small."""

_TIMEOUT = 20.0
"""Seconds after which a look at a worker is given up; the worker is not: its node may be slow."""


class RayPost:
    """A line to an outpost that is an actor."""

    host = "a node"

    def __init__(self, actor: Any) -> None:
        self._actor, self._order = actor, None
        self._answer: Any = None

    def settle(self, give_up: Stop) -> bool:
        """Wait until the actor has a node, and sees there what it should; false where told to give up."""
        said = self._actor.settle.remote()
        while not self._ready(said, LOOK):
            if give_up():
                return False
        host = _get(said)
        if isinstance(host, ConfigError):
            raise host
        self.host = host
        return True

    def begin(self, order: Order) -> None:
        """As `Post.begin`."""
        self._answer = self._actor.make.remote(order)

    def answer(self, seconds: float) -> Answer | None:
        """As `Post.answer`."""
        if not self._ready(self._answer, seconds):
            return None
        answer: Answer = _get(self._answer)
        self._answer = None  # which releases it
        return answer

    def look(self, stop: bool) -> int:
        """As `Post.look`."""
        try:
            done: int = _get(self._actor.look.remote(stop))
        except GetTimeoutError:
            return 0
        return done

    def close(self) -> None:
        """As `Post.close`."""
        with contextlib.suppress(Exception):
            ray.get(self._actor.close.remote(), timeout=2)
        with contextlib.suppress(Exception):
            ray.kill(self._actor)

    def _ready(self, reference: Any, seconds: float) -> bool:
        return bool(ray.wait([reference], timeout=seconds)[0])


def ray_crew(
    address: str | None, size: int, work: Work, chunks: Sequence[Chunk], should_stop: Stop
) -> contextlib.AbstractContextManager[ClusterCrew]:
    """A crew of actors, connected for as long as the block lasts; raises ConfigError where there is no such cluster."""
    gpu, sights = work.device.startswith("cuda"), sights_of(work, chunks)
    needs = {"num_gpus": 1, "num_cpus": 0} if gpu else {"num_cpus": work.threads}

    def hire(give_up: Stop) -> Post | None:
        return _hire(work, sights, needs, give_up)

    return _crew(address, ClusterCrew("ray", size, hire, should_stop), size * work.threads)


@contextlib.contextmanager
def _crew(address: str | None, crew: ClusterCrew, threads: int) -> Iterator[ClusterCrew]:
    with connected(address, threads), crew:
        yield crew


def _hire(work: Work, sights: Sights, needs: dict[str, int], give_up: Stop) -> Post | None:
    """An actor, wherever there is room for one."""
    options = {"max_restarts": 0, "max_task_retries": 0, "max_concurrency": 2, "scheduling_strategy": "SPREAD"}
    actor: Any = ray.remote(Outpost).options(**options, **needs).remote(work, sights, "num_gpus" in needs)
    post = RayPost(actor)
    return hired(post, lambda: post.settle(give_up))


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
    over, said = threading.Event(), queue.SimpleQueue[BaseException | None]()
    thread = threading.Thread(target=_live, args=(address, quiet, over, said), daemon=True)
    thread.start()
    try:
        if (error := said.get()) is not None:
            raise error
        yield
    finally:
        over.set()
        thread.join(_TIMEOUT)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _live(
    address: str | None,
    options: dict[str, Any],
    over: threading.Event,
    said: queue.SimpleQueue[BaseException | None],
) -> None:
    """Ray's whole life, in one thread that is not the main one, where Ray would put its own handler of SIGTERM.

    It cannot be shorter: what Ray starts ends when the thread that started it does.
    """
    try:
        _init(address, options)
    except BaseException as error:
        said.put(error)
        return
    said.put(None)
    over.wait()
    with contextlib.suppress(Exception):
        ray.shutdown()


def surveyed(address: str) -> tuple[int, int]:
    """GPUs and CPU cores of the cluster. Raises ConfigError where nothing answers."""
    with connected(address):
        resources = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return int(resources.get("GPU", 0)), int(resources.get("CPU", 0))


def _init(address: str | None, options: dict[str, Any]) -> None:
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    try:
        if address is not None:
            knock(address)
        ray.init(address=address or "local", **options)
    except Exception as error:
        place = f"a Ray cluster at {address!r}" if address else "a Ray of this machine"
        raise ConfigError(
            f"There is no connection to {place} ({_first_line(error)}): start it (`ray start --head`), or correct "
            "execution.address."
        ) from error


def _get(reference: Any) -> Any:
    """A result. Raises Gone where its actor is gone; GetTimeoutError."""
    try:
        return ray.get(reference, timeout=_TIMEOUT)
    except GetTimeoutError:
        raise
    except (RayError, ConnectionError) as error:
        raise Gone(_cause(error)) from error


def _cause(error: BaseException) -> str:
    """What Ray knows of a death, without the actor's particulars, and its end if it is long."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and not line.startswith("\t")]
    said = " ".join(lines[1:] or lines).removesuffix(".")
    return said if len(said) <= 300 else f"{said[:300]}…"


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].removesuffix(".")
