"""The harness itself: a page that misbehaves is found out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browsing import accessibility_faults, in_view

GOOD = "<!doctype html><html lang=en><title>t</title><link rel=icon href=data:,><main><h1>A page</h1></main></html>"


def written(folder: Path, html: str) -> str:
    path = folder / "page.html"
    path.write_text(html, encoding="utf-8")
    return path.as_uri()


def test_a_sound_page_has_no_faults(open_page: Callable[..., Any], tmp_path: Path) -> None:
    page = open_page(written(tmp_path, GOOD))
    assert accessibility_faults(page) == []
    assert in_view(page, "h1")


@pytest.mark.parametrize(
    ("html", "fault"),
    [
        ("<script>console.error('oh')</script>", "console error: oh"),
        ("<script>nothing()</script>", "script error: nothing is not defined"),
        ("<img src='https://example.invalid/a.png' alt=''>", "request off the machine: https://example.invalid/a.png"),
        ("<img src='gone.png' alt=''>", "request failed"),
    ],
)
def test_faults_are_seen(open_page: Callable[..., Any], tmp_path: Path, html: str, fault: str) -> None:
    page = open_page(written(tmp_path, GOOD + html))
    page.wait_for_load_state("networkidle")
    assert [found for found in page.watched.unexpected() if fault in found]
    page.watched.expected += [fault, "request failed", "Failed to load resource"]


def test_axe_sees_a_picture_without_a_text(open_page: Callable[..., Any], tmp_path: Path) -> None:
    page = open_page(written(tmp_path, GOOD + "<main><img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='></main>"))
    assert any(fault.startswith("image-alt") for fault in accessibility_faults(page))
