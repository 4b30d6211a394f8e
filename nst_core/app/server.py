"""The server: its address, everything behind the routes, and how it starts and stops."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

from nst_core.app.access import AccessRules, is_loopback
from nst_core.app.application import build_app
from nst_core.app.bounded_server import BoundedServer
from nst_core.app.context import AppContext
from nst_core.app.device_workers import DeviceWorkers
from nst_core.app.forwarding import NO_PROXIES, Forwarding
from nst_core.app.job_queue import JobQueue
from nst_core.app.job_run_folder import JobRunFolder
from nst_core.app.limits import Limits, with_limits
from nst_core.app.picture_collections import PictureCollections
from nst_core.app.recipe_options import recipe_options
from nst_core.app.runs.run_control import RunControl
from nst_core.app.runs.run_file_rules import RunFileRules
from nst_core.app.runs.run_routes import Runs
from nst_core.app.runs.settings import RunSettings
from nst_core.app.runs.watched_runs import WatchedRuns
from nst_core.app.uploads import Uploads
from nst_core.config.devices import local_fleet, run_devices
from nst_core.config.run_config import RunConfig
from nst_core.errors import UsageError
from nst_core.plan.wanted import open_sources
from nst_core.storage.paths import is_local


@dataclass(frozen=True)
class ServerAddress:
    """Host and port of the server, and who has access.

    Attributes:
        port: 0 for a free one.
        password: needed for every request; None for no password.
        open_to_all: no password is needed although other machines can reach the server.
        names: further host names of the server.
        forwarding: the proxies in front of it.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    password: str | None = None
    open_to_all: bool = False
    names: tuple[str, ...] = ()
    forwarding: Forwarding = NO_PROXIES

    def check(self, say: Callable[[str], object]) -> None:
        """Raise UsageError where other machines could use the app without a password, unless that is intended."""
        if is_loopback(self.host) or self.password:
            return
        if not self.open_to_all:
            raise UsageError(
                f"On {self.host} other machines can use the app: give a password (--password, or NST_APP_PASSWORD), or "
                "--no-password if everybody may."
            )
        say(f"Warning: everybody who can reach {self.host} may use this machine and see what is made: no password.")

    @property
    def private(self) -> bool:
        """Whether only this machine, or who knows the password, can use the app; a proxy brings others."""
        return self.password is not None or (
            is_loopback(self.host) and not self.names and not self.forwarding.proxies and not self.open_to_all
        )

    def listen(self) -> socket.socket:
        """A socket that listens at the address. Raises UsageError."""
        try:
            family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
            return socket.create_server((self.host, self.port), family=family)
        except OSError as error:
            raise UsageError(
                f"The app cannot answer on {self.host}:{self.port} ({error.strerror}): choose another --port or --host."
            ) from error

    def rules(self, limits: Limits) -> AccessRules:
        """The conditions for access at this address."""
        names = {*(name.lower() for name in self.names), self.host.lower(), socket.gethostname().lower()}
        return AccessRules(
            self.password,
            is_loopback(self.host),
            limits.upload_bytes,
            frozenset(names - {"0.0.0.0", "::"}),
            self.forwarding,
        )

    def url(self, port: int) -> str:
        """The URL to open in a browser on this machine."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::", "") else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def serve(
    config: RunConfig,
    limits: Limits,
    address: ServerAddress,
    say: Callable[[str], object],
    runs: RunSettings | None = None,
) -> None:
    """Answer requests until stopped by SIGINT or SIGTERM.

    Args:
        config: a run file; its sources are the collections, its method is the first recipe.
        runs: what the page of runs shows and starts, unless everybody could.
        say: called with sentences for the terminal: the URL, and notes about the sources.

    Raises:
        UsageError: the address is taken, or open to all; the run folder cannot be used, or the method asks for
            something that does not exist.
    """
    address.check(say)
    if not is_local(config.run_folder):
        raise UsageError(f"{config.run_folder} is at a store: `nst app` needs a folder on a disk (--output).")
    limits = replace(limits, pixels=min(limits.pixels, config.content.max_pixels, config.style.max_pixels))
    config = with_limits(config, limits)
    runs = runs if address.private else None
    with address.listen() as listening, app_context(config, limits, say, runs) as context:
        server = Server(context, address.rules(limits))
        port = listening.getsockname()[1]
        say(f"Open {address.url(port)} (Ctrl-C ends it); pictures go to {config.run_folder}")
        with contextlib.suppress(KeyboardInterrupt):  # how uvicorn tells, at its end, what stopped it
            server.run([listening])


@contextlib.contextmanager
def app_context(
    config: RunConfig, limits: Limits, say: Callable[[str], object], settings: RunSettings | None = None
) -> Iterator[AppContext]:
    """Run folder, uploads, queue and workers, running while the block does."""
    devices = run_devices(config.execution)
    job_folder, uploads = JobRunFolder(config, local_fleet(config.execution)), Uploads(config.run_folder, limits)
    queue = JobQueue(limits, uploads, len(devices))
    with ExitStack() as stack:
        stack.enter_context(job_folder.open(say))
        sources = open_sources(config)
        for note in sources.notes:
            say(f"Note: {note}")
        uploads.open()
        stack.callback(uploads.close)
        workers = DeviceWorkers(queue, job_folder, uploads, limits, devices)
        workers.start()
        stack.callback(workers.join)
        stack.callback(queue.close)
        collections = PictureCollections(sources, config, limits)
        yield AppContext(
            queue,
            uploads,
            collections,
            recipe_options(config.method),
            limits,
            config.run_folder,
            str(devices[0]),
            page_of_runs(settings, config, limits) if settings is not None else None,
        )


def page_of_runs(settings: RunSettings, config: RunConfig, limits: Limits) -> Runs:
    """What stands behind the page of runs; `config` is the app's own."""
    rules = RunFileRules(settings, limits, config.execution)
    return Runs(settings, RunControl(settings, rules, WatchedRuns(settings.folder, config.run_folder)), limits)


class Server(BoundedServer):
    """The app's server, which closes the queue, and so ends the event streams, before it waits for requests to end."""

    def __init__(self, context: AppContext, rules: AccessRules) -> None:
        self._queue = context.queue
        super().__init__(build_app(context, rules), behind_proxy=rules.forwarding.proxies > 0)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._queue.close()
        await super().shutdown(sockets)
