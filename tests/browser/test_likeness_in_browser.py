"""What looks alike, in a real browser: the map of the artists, and the pictures named beside one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browsing import accessibility_faults
from described import described, three_artists
from galleries import READY, opened

from nst_core.views.gallery import build_gallery

OpenPage = Callable[..., Any]


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    return build_gallery([described(three_artists(tmp_path / "run"))]).parent


def test_the_map_is_zoomed_and_walked_by_keys_and_leads_to_artists(open_page: OpenPage, gallery: Path) -> None:
    page = open_page((gallery / "index.html").as_uri())
    page.get_by_role("link", name="Map of the artists").click()
    page.wait_for_selector(READY)
    names = page.locator(".names a")
    assert sorted(names.all_inner_texts()) == ["ada", "bo", "cy"]
    boxes = [name.bounding_box() for name in names.all()]
    apart = [abs(a["x"] - b["x"]) > 50 or abs(a["y"] - b["y"]) > 50 for a in boxes for b in boxes if a is not b]
    assert all(apart)
    assert not page.locator(".works a").first.is_visible(), "a dot"
    view = page.locator(".view")
    view.focus()
    for _ in range(3):
        page.keyboard.press("+")
    assert page.locator(".zooming output").inner_text() == "338 %"
    assert page.locator(".works a").count() == 6
    assert page.get_by_role("link", name="ada 1, ada").is_visible()
    before = view.evaluate("e => e.scrollLeft")
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"document.querySelector('.view').scrollLeft > {before}")
    names.nth(2).focus()  # which brings it into view
    page.wait_for_function("""() => {
        const box = (element) => element.getBoundingClientRect();
        const a = box(document.activeElement), b = box(document.querySelector('.view'));
        return a.left >= b.left && a.right <= b.right && a.top >= b.top && a.bottom <= b.bottom; }""")
    page.get_by_role("button", name="Whole map").click()
    assert view.evaluate("e => e.scrollWidth") == view.evaluate("e => e.clientWidth")
    names.first.click()
    page.wait_for_url("**/ada/index.html")


def test_without_script_there_are_the_map_and_the_list(open_page: OpenPage, gallery: Path) -> None:
    page = open_page((gallery / "map.html").as_uri(), java_script_enabled=False)
    assert page.locator(".names a").first.is_visible()
    assert not page.locator(".zooming").is_visible()
    page.locator(".as-list").get_by_role("link", name="cy", exact=True).first.click()
    page.wait_for_url("**/cy/index.html")


@pytest.mark.parametrize(("dark", "phone"), [(False, False), (True, True)])
def test_nothing_serious_is_wrong_with_access(open_page: OpenPage, gallery: Path, dark: bool, phone: bool) -> None:
    page = open_page((gallery / "map.html").as_uri(), dark=dark, phone=phone)
    page.wait_for_selector(READY)
    assert accessibility_faults(page) == []
    for _ in range(2):
        page.get_by_role("button", name="Zoom in").click()
    assert accessibility_faults(page) == []
    width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1], "nothing to scroll sideways"
    page = open_page((gallery / "ada" / "index.html").as_uri() + "#style=ada%201", dark=dark, phone=phone)
    page.get_by_role("heading", name="Paintings like this one").wait_for()
    assert accessibility_faults(page) == []
    page.locator(".pairs a").first.click()
    opened(page)
    page.get_by_role("heading", name="Results like this", exact=True).wait_for()
    assert accessibility_faults(page) == []


def test_from_a_result_to_those_like_it_and_to_its_painting(open_page: OpenPage, gallery: Path) -> None:
    page = open_page((gallery / "ada" / "index.html").as_uri())
    page.wait_for_selector(READY)
    page.get_by_role("link", name="x in the style of ada 1").click()
    assert opened(page) == "x in the style of ada 1"
    results = page.locator(".alike[data-kind=results]")
    results.get_by_role("link", name="y in the style of ada 1").click()
    page.wait_for_function("document.querySelector('.lightbox h2').innerText.startsWith('y ')")
    page.wait_for_function("[...document.querySelectorAll('.alike img')].every(image => image.alt)")
    page.locator(".alike[data-kind=paintings]").get_by_role("link", name="bo 1, bo").click()
    page.wait_for_url("**/bo/index.html#style=bo%201")
    page.wait_for_selector(READY)
    assert page.locator(".pairs > li").count() == 3
    page.locator(".alike[data-kind=painting-results]").get_by_role("link").first.click()
    assert opened(page).endswith("in the style of bo 2")
    page.locator(".hung figcaption a").click()
    page.wait_for_url("**#style=bo%202")
    assert not page.locator(".lightbox").is_visible()
    page.locator(".paintings").get_by_role("button", name="Show those in the style of bo 2").click()
    assert not page.locator(".alike-painting").is_visible(), "no painting is chosen any more"
