"""A page in a real browser, watched: what it says on its console, and whom it asks for what."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Page, Request

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"

SERIOUS = ("serious", "critical")

OWN_HOSTS = ("127.0.0.1", "localhost", "")
"""Where requests may go: this machine, and (with no host) the disk and data that stand in the page."""


@dataclass
class Watched:
    """What a page did that it should not have done.

    Attributes:
        faults: console errors, script errors, and requests that failed or left this machine.
        expected: parts of console messages and addresses that a test provokes itself.
    """

    faults: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self._note(f"script error: {error}"))
        page.on("request", self._request)
        page.on("requestfailed", self._failed)

    def unexpected(self) -> list[str]:
        return [fault for fault in self.faults if not any(part in fault for part in self.expected)]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._note(f"console {message.type}: {message.text}")

    def _request(self, request: Request) -> None:
        if (urlsplit(request.url).hostname or "") not in OWN_HOSTS:
            self._note(f"request off the machine: {request.url}")

    def _failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # the page was left, or took another size of an image
            self._note(f"request failed: {request.url} ({request.failure})")

    def _note(self, fault: str) -> None:
        self.faults.append(fault)


def accessibility_faults(page: Page) -> list[str]:
    """What axe-core finds in the page as it is now, as far as it is serious: rule, help, and the elements."""
    page.evaluate(AXE.read_text(encoding="utf-8"))  # not a script tag: the page may forbid those
    found: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{fault['id']} ({fault['impact']}): {fault['help']}: "
        + " | ".join(node["html"][:160] for node in fault["nodes"][:5])
        for fault in found["violations"]
        if fault["impact"] in SERIOUS
    ]


def in_view(page: Page, selector: str) -> bool:
    """Whether the first such element is at least partly inside the window."""
    return bool(
        page.locator(selector).first.evaluate(
            "e => { const r = e.getBoundingClientRect();"
            " return r.bottom > 0 && r.top < innerHeight && r.right > 0 && r.left < innerWidth; }"
        )
    )
