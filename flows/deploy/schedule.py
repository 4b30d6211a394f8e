"""The runner of `nst serve`: Prefect's, in this process, with a child process for each run that is due."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from multiprocessing import resource_tracker
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows import QUIETED
from flows.deploy.parent_watch import SERVING
from flows.server.run_server import past_proxies
from flows.signals import stop_requested
from nst_core.errors import TransientError, UsageError

if TYPE_CHECKING:
    from prefect.schedules import Schedule

ZONES = "/zoneinfo/"


def local_timezone() -> str:
    """The IANA name of this machine's time zone; UTC where it is not known."""
    name = os.environ.get("TZ", "").removeprefix(":")
    link = str(Path("/etc/localtime").resolve())
    return name or (link.partition(ZONES)[2] if ZONES in link else "UTC")


def schedule_of(cron: str, timezone: str) -> Schedule:
    """The schedule of a cron expression. Raises UsageError where it, or the time zone, is not valid."""
    import zoneinfo

    from prefect.client.schemas.schedules import CronSchedule
    from prefect.schedules import Cron

    try:
        zoneinfo.ZoneInfo(timezone)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError) as error:
        raise UsageError(f"{timezone!r} is not a time zone: give one such as Europe/Berlin, or UTC.") from error
    try:
        CronSchedule(cron=cron, timezone=timezone)
    except ValueError as error:
        raise UsageError(
            f'{cron!r} is not a cron expression of minute, hour, day, month and weekday, such as "0 2 * * *".'
        ) from error
    return Cron(cron, timezone=timezone)


def serving_environment(api: str) -> None:
    """Set the environment of this process and its runs, before Prefect is imported: the server, and the logging."""
    os.environ.update(past_proxies() | {"PREFECT_API_URL": api, SERVING: str(os.getpid())})
    ours = os.environ.get(QUIETED, "").split()
    for name, value in {"PREFECT_LOGGING_LEVEL": "INFO", "PREFECT_LOGGING_TO_API_ENABLED": "true"}.items():
        if name in ours or name not in os.environ:  # a person's own setting stays
            os.environ[name] = value


@contextlib.contextmanager
def ending_with(server: subprocess.Popen[bytes]) -> Iterator[None]:
    """Stop the runner if the server ends within the block, which then raises TransientError."""
    over, died = threading.Event(), threading.Event()

    def watch() -> None:
        server.wait()
        if not over.is_set():
            died.set()
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        over.set()
        if died.is_set():
            raise TransientError("Prefect's server ended by itself: run the same command again.")


def serve_schedule(name: str, parameters: Mapping[str, Any], cron: str, timezone: str) -> None:
    """Start the nightly flow whenever it is due, one run at a time, until SIGINT or SIGTERM; then end what runs."""
    from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
    from prefect.runner import Runner
    from prefect.types.entrypoint import EntrypointType

    from flows.deploy.deployments import nightly

    class StoppableRunner(Runner):
        def handle_sigterm(self, *args: Any, **kwargs: Any) -> None:
            stop_requested.set()  # no notifications of runs that end because of this
            super().handle_sigterm(*args, **kwargs)

    runner = StoppableRunner(name=f"nst-{name}", pause_on_shutdown=True, limit=1)
    runner.add_flow(
        nightly,
        name=name,
        schedule=schedule_of(cron, timezone),
        parameters=dict(parameters),
        concurrency_limit=ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW),
        entrypoint_type=EntrypointType.MODULE_PATH,
        tags=["nst"],
    )
    stop_requested.clear()
    with interrupts_as_terminations():
        asyncio.run(runner.start())


@contextlib.contextmanager
def interrupts_as_terminations() -> Iterator[None]:
    """Have Ctrl-C on the terminal end this process as SIGTERM does, and reach none of its child processes.

    A signal that the main thread blocks stays blocked in its child processes: the runs, which the runner then ends by
    SIGTERM. In this process another thread receives it.
    """
    resource_tracker.ensure_running()  # which, when it starts, unblocks the signal

    def forward(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    handler = signal.signal(signal.SIGINT, forward)
    done = threading.Event()

    def take() -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        done.wait()

    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    threading.Thread(target=take, daemon=True).start()
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        signal.signal(signal.SIGINT, handler)
        done.set()
