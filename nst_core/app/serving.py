"""The whole app, from its opening to its end."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import uvicorn

from nst_core.app.desk import Desk
from nst_core.app.guard import Rules, is_loopback_address
from nst_core.app.limits import Limits
from nst_core.app.recipes import offers
from nst_core.app.server import Front, build
from nst_core.app.shelves import Shelves
from nst_core.app.studio import Studio
from nst_core.app.uploads import Uploads
from nst_core.app.workshop import Workshop
from nst_core.asked import open_sources
from nst_core.config import RunConfig
from nst_core.devices import local_fleet, run_devices
from nst_core.errors import UsageError
from nst_core.storage import is_local

GRACE_SECONDS = 3
"""That requests get to end when the server is stopped."""


@dataclass(frozen=True)
class Address:
    """Where the app answers, and to whom.

    Attributes:
        password: asked of everybody; `open_to_all`: nobody is asked although other machines can reach it.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    password: str | None = None
    open_to_all: bool = False

    def check(self) -> None:
        """Raises UsageError where other machines could use the app without being asked for anything."""
        if not is_loopback_address(self.host) and not self.password and not self.open_to_all:
            raise UsageError(
                f"On {self.host} other machines can use the app: give a password (--password, or NST_APP_PASSWORD), or "
                "--no-password if everybody may."
            )

    @property
    def url(self) -> str:
        """What a browser on this machine opens."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"


def serve(config: RunConfig, limits: Limits, address: Address, say: Callable[[str], object]) -> None:
    """Answer requests until stopped by SIGINT or SIGTERM.

    Args:
        config: a run file; its sources are the collections, its method is the first recipe, its run folder the place
            where everything goes.

    Raises:
        UsageError: the address is open to all, the run folder cannot be used, or the method is not to be had.
    """
    address.check()
    if not is_local(config.run_folder):
        raise UsageError(f"{config.run_folder} is at a store: `nst app` needs a folder on a disk (--output).")
    config = bounded(config, limits)
    devices = run_devices(config.execution)
    workshop, uploads = Workshop(config, local_fleet(config.execution)), Uploads(config.run_folder, limits)
    desk = Desk(limits, uploads, len(devices))
    with ExitStack() as stack:
        stack.enter_context(workshop.opened(say))
        shelves = Shelves(open_sources(config), limits)
        uploads.open()
        stack.callback(uploads.close)
        studio = Studio(desk, workshop, uploads, limits, devices)
        found = {offer.name: offer for offer in reversed(offers(config.method))}
        front = Front(desk, uploads, shelves, dict(reversed(found.items())), limits, config.run_folder, str(devices[0]))
        rules = Rules(address.password, is_loopback_address(address.host), limits.upload_bytes)
        studio.open()
        stack.callback(studio.close)
        stack.callback(desk.close)
        say(f"Open {address.url} (Ctrl-C ends it); pictures go to {config.run_folder}")
        _answer(build(front, rules), address, desk)


def bounded(config: RunConfig, limits: Limits) -> RunConfig:
    """The run file with the app's own bound on pixels, where that is the lower one."""
    sections = {
        role: section.model_copy(update={"max_pixels": min(section.max_pixels, limits.pixels)})
        for role, section in (("content", config.content), ("style", config.style))
    }
    return config.model_copy(update=sections)


class _Server(uvicorn.Server):
    """Tells those who follow a job before it waits for their requests to end."""

    desk: Desk

    async def shutdown(self, sockets: object = None) -> None:
        self.desk.close()
        await super().shutdown(sockets)  # type: ignore[arg-type]


def _answer(app: object, address: Address, desk: Desk) -> None:
    settings = uvicorn.Config(
        app,  # type: ignore[arg-type]
        host=address.host,
        port=address.port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = _Server(settings)
    server.desk = desk
    try:
        server.run()
    except SystemExit as error:  # uvicorn's way to say that it could not bind; it has said why
        raise UsageError(f"The app cannot answer on {address.host}:{address.port}: choose another --port.") from error
