"""The whole app, from its opening to its end."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

import uvicorn

from nst_core.app.desk import Desk
from nst_core.app.front import Front
from nst_core.app.limits import Limits
from nst_core.app.recipes import offers
from nst_core.app.server import build
from nst_core.app.shelves import Shelves
from nst_core.app.studio import Studio
from nst_core.app.uploads import Uploads
from nst_core.app.visitors import Rules, is_loopback
from nst_core.app.workshop import Workshop
from nst_core.config.devices import local_fleet, run_devices
from nst_core.config.run_config import RunConfig
from nst_core.errors import UsageError
from nst_core.plan.wanted import open_sources
from nst_core.storage.paths import is_local

GRACE_SECONDS = 3
"""That requests get to end when the server is stopped."""

CONNECTIONS = 1000
"""At a time; whoever follows a picture has one open."""


@dataclass(frozen=True)
class Address:
    """Where the app answers, and to whom.

    Attributes:
        port: 0 for a free one.
        password: asked of everybody; `open_to_all`: nobody is asked although other machines can reach it.
        names: further ones by which the server is asked for.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    password: str | None = None
    open_to_all: bool = False
    names: tuple[str, ...] = ()

    def check(self, say: Callable[[str], object]) -> None:
        """Raises UsageError where other machines could use the app without being asked for anything."""
        if is_loopback(self.host) or self.password:
            return
        if not self.open_to_all:
            raise UsageError(
                f"On {self.host} other machines can use the app: give a password (--password, or NST_APP_PASSWORD), or "
                "--no-password if everybody may."
            )
        say(f"Warning: everybody who can reach {self.host} may use this machine and see what is made: no password.")

    def bound(self) -> socket.socket:
        """A socket that listens there. Raises UsageError."""
        try:
            family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
            return socket.create_server((self.host, self.port), family=family)
        except OSError as error:
            raise UsageError(
                f"The app cannot answer on {self.host}:{self.port} ({error.strerror}): choose another --port or --host."
            ) from error

    def rules(self, limits: Limits) -> Rules:
        """What is asked of requests that come there."""
        names = {*(name.lower() for name in self.names), self.host.lower(), socket.gethostname().lower()}
        return Rules(self.password, is_loopback(self.host), limits.upload_bytes, frozenset(names - {"0.0.0.0", "::"}))

    def url(self, port: int) -> str:
        """What a browser on this machine opens."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::", "") else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def serve(config: RunConfig, limits: Limits, address: Address, say: Callable[[str], object]) -> None:
    """Answer requests until stopped by SIGINT or SIGTERM.

    Args:
        config: a run file; its sources are the collections, its method is the first recipe, its run folder the place
            where everything goes.
        say: gets sentences for whoever started it: where it answers, what is odd about the sources.

    Raises:
        UsageError: the address is taken, or open to all; the run folder cannot be used, or the method is not to be had.
    """
    address.check(say)
    if not is_local(config.run_folder):
        raise UsageError(f"{config.run_folder} is at a store: `nst app` needs a folder on a disk (--output).")
    limits = replace(limits, pixels=min(limits.pixels, config.content.max_pixels, config.style.max_pixels))
    config = bounded(config, limits)
    with address.bound() as listening, opened(config, limits, say) as front:
        server = Server(front, address.rules(limits))
        port = listening.getsockname()[1]
        say(f"Open {address.url(port)} (Ctrl-C ends it); pictures go to {config.run_folder}")
        with contextlib.suppress(KeyboardInterrupt):  # how uvicorn tells, at its end, what stopped it
            server.run([listening])


def bounded(config: RunConfig, limits: Limits) -> RunConfig:
    """The run file with the app's own bound on pixels, where that is the lower one; previews are shown, not written."""
    sections = {
        role: section.model_copy(update={"max_pixels": min(section.max_pixels, limits.pixels)})
        for role, section in (("content", config.content), ("style", config.style))
    }
    output = config.output.model_copy(update={"previews": None})
    return config.model_copy(update={**sections, "output": output})


@contextlib.contextmanager
def opened(config: RunConfig, limits: Limits, say: Callable[[str], object]) -> Iterator[Front]:
    """All that stands behind the requests, at work while the block runs."""
    devices = run_devices(config.execution)
    workshop, uploads = Workshop(config, local_fleet(config.execution)), Uploads(config.run_folder, limits)
    desk = Desk(limits, uploads, len(devices))
    with ExitStack() as stack:
        stack.enter_context(workshop.opened(say))
        sources = open_sources(config)
        for note in sources.notes:
            say(f"Note: {note}")
        uploads.open()
        stack.callback(uploads.close)
        studio = Studio(desk, workshop, uploads, limits, devices)
        studio.open()
        stack.callback(studio.close)
        stack.callback(desk.close)
        shelves = Shelves(sources, config, limits)
        yield Front(desk, uploads, shelves, offers(config.method), limits, config.run_folder, str(devices[0]))


class Server(uvicorn.Server):
    """Answers requests; tells those who follow a job before it waits for their requests to end."""

    def __init__(self, front: Front, rules: Rules) -> None:
        self._desk = front.desk
        super().__init__(
            uvicorn.Config(
                build(front, rules),
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=CONNECTIONS,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._desk.close()
        await super().shutdown(sockets)
