"""One headless Chromium for the tests of a file; a fresh profile, and a watched page, for each."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from needs import needs

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1440, "height": 900}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """The browser of the system, driven by Playwright, which brings none of its own here.

    Not for the session: as long as Playwright is there, an event loop counts as running in this process, and tests that
    want to run one of their own, as all with Prefect do, could not.
    """
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    needs("a browser", program, "apt-get install chromium")
    from browsing import AXE
    from playwright.sync_api import sync_playwright

    needs("axe-core", AXE.is_file(), "npm install --prefix tests/browser --no-package-lock")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Makes a page: `open_page(address, phone=False, dark=False, **options of a Playwright context)`.

    Each is a person of their own, with no cookies. At the end of the test no page may have logged an error or asked
    another machine for anything; `page.watched.expected` names what the test provokes.
    """
    from browsing import Watched

    contexts, watches = [], []

    def make(address: str, phone: bool = False, dark: bool = False, **options: Any) -> Any:
        look: dict[str, Any] = {"viewport": PHONE if phone else DESKTOP, "has_touch": phone, "is_mobile": phone}
        context = chromium.new_context(color_scheme="dark" if dark else "light", **(look | options))
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        page.watched = Watched()
        page.watched.watch(page)
        watches.append(page.watched)
        page.goto(address)
        return page

    yield make
    for context in contexts:
        context.close()
    assert [fault for watched in watches for fault in watched.unexpected()] == []
