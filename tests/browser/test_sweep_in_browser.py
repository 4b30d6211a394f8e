"""The page of a sweep in a real browser: arranged, sorted, and looked at in the lightbox, by mouse and keyboard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browsing import accessibility_faults
from galleries import READY, opened
from made_up_sweep import KEYS, made_up_sweep

from nst_core.views.sweep import build_sweep_page
from nst_core.views.sweep.sweep_table import SweptKey

pytestmark = pytest.mark.slow

OpenPage = Callable[..., Any]


@pytest.fixture
def address(tmp_path: Path) -> str:
    return build_sweep_page(made_up_sweep(tmp_path)).as_uri()


def ids(page: Any, pair: int) -> list[str]:
    return list(page.locator(f"#pair-{pair} .cell").evaluate_all("all => all.map(one => one.dataset.picture)"))


@pytest.mark.parametrize("phone", [False, True])
@pytest.mark.parametrize("dark", [False, True])
def test_nothing_is_wrong_with_the_page_and_its_lightbox(
    open_page: OpenPage, address: str, phone: bool, dark: bool
) -> None:
    page = open_page(address, phone=phone, dark=dark)
    page.wait_for_selector(READY)
    assert accessibility_faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for image in page.locator("main img").all():
        image.scroll_into_view_if_needed()
    page.wait_for_function(
        "[...document.images].filter(i => i.closest('main')).every(i => i.complete && i.naturalWidth)"
    )
    page.locator("#pair-1 .cell a").nth(1).click()
    assert opened(page) == "beta 1, style_scale 1 boat in the style of style"
    assert accessibility_faults(page) == []
    assert page.evaluate("document.querySelector('.lightbox').scrollWidth <= innerWidth")


def test_many_columns_stay_in_their_frame(open_page: OpenPage, tmp_path: Path) -> None:
    values = tuple(f"{{relu1_1: {n}.0, relu2_1: 0.5, relu3_1: 0.25}}" for n in range(14))
    sweep = made_up_sweep(tmp_path, (KEYS[0], SweptKey("method.style.layers", values)))
    for phone in (False, True):
        page = open_page(build_sweep_page(sweep).as_uri(), phone=phone)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        scroll = page.locator(".scroll").first
        assert scroll.evaluate("e => e.scrollWidth > e.clientWidth")
        scroll.focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_function("document.querySelector('.scroll').scrollLeft > 0")
        assert accessibility_faults(page) == []


def test_pictures_are_ordered_by_a_judge_and_put_back(open_page: OpenPage, address: str) -> None:
    page = open_page(address)
    grid = ids(page, 1)
    assert grid == [f"1-{n}" for n in range(1, 7)]
    page.select_option("[name=order]", "cfsd")
    assert ids(page, 1) == grid[::-1]
    assert ids(page, 2) == [f"2-{n}" for n in range(1, 7)]  # the one without a number is the last
    assert page.locator("#pair-1 .cell.best").get_attribute("data-picture") == "1-6"
    assert page.locator("#pair-1 .cell .setting").first.inner_text().startswith("beta 10, style_scale")
    page.select_option("[name=order]", "ssim")  # where more is better
    assert ids(page, 1) == grid
    assert accessibility_faults(page) == []
    page.select_option("[name=order]", "")
    assert ids(page, 1) == grid
    assert page.locator("#pair-1 td .cell").count() == 6
    assert page.locator("#pair-1 .ranked").is_hidden()


def test_the_table_is_sorted_by_its_headings(open_page: OpenPage, address: str) -> None:
    page = open_page(address)
    loss = page.get_by_role("button", name="Content loss")
    rows = page.locator(".variants tbody tr")

    def order() -> list[str]:
        return list(rows.evaluate_all("all => all.map(row => row.dataset.variant)"))

    loss.click()
    assert order() == list("012345")
    loss.press("Enter")
    assert order() == list("543210")
    assert page.locator(".variants th[aria-sort=descending]").inner_text() == "Content loss"
    page.get_by_role("button", name="beta").click()
    assert order() == list("012345")
    assert page.locator(".variants th[aria-sort]").count() == 1


def test_the_lightbox_by_keyboard_alone(open_page: OpenPage, address: str) -> None:
    page = open_page(address)
    page.locator("#pair-1 .cell a").first.focus()
    page.keyboard.press("Enter")
    assert opened(page) == "beta 1, style_scale 0.5 boat in the style of style"
    assert page.locator(".step").first.is_disabled()
    page.keyboard.press("ArrowRight")
    assert opened(page).startswith("beta 1, style_scale 1 ")
    page.keyboard.press("ArrowDown")
    assert opened(page).startswith("beta 10, style_scale 1 ")
    page.keyboard.press("ArrowDown")  # there is no row below
    assert opened(page).startswith("beta 10, style_scale 1 ")
    page.keyboard.press("ArrowUp")
    assert page.locator(".place").inner_text() == "2 of 6"
    assert page.evaluate("location.hash") == "#1-2"
    page.keyboard.press("Escape")
    assert page.locator(".lightbox[open]").count() == 0
    assert page.evaluate("document.activeElement.closest('.cell').dataset.picture") == "1-2"
    assert page.evaluate("location.hash") == ""


def test_two_variants_are_compared_with_the_slider(open_page: OpenPage, address: str) -> None:
    page = open_page(f"{address}#1-2")
    assert opened(page).startswith("beta 1, style_scale 1 ")
    before = page.locator(".lightbox .before")
    assert "/thumbs/" in before.evaluate("image => image.src")
    page.select_option(".against select", label="beta 10, style_scale 1")
    assert before.evaluate("image => image.src").endswith("variants/variant-4/images/boat.png")
    slider = page.locator(".lightbox .compare input")
    assert slider.get_attribute("aria-label") == "Compare beta 10, style_scale 1 with beta 1, style_scale 1"
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "51 % of beta 10, style_scale 1, the rest is beta 1, style_scale 1"
    page.keyboard.press("Shift+ArrowRight")  # what is compared with stays
    assert page.locator(".against select").evaluate("one => one.selectedOptions[0].label") == "beta 10, style_scale 1"


def test_the_lines_of_a_variant_are_copied(open_page: OpenPage, address: str) -> None:
    page = open_page(f"{address}#1-2", permissions=["clipboard-read", "clipboard-write"])
    opened(page)
    page.get_by_role("button", name="Copy the options").click()
    page.wait_for_function("document.querySelector('.copied').textContent")
    if page.locator(".copied").inner_text() == "Copied.":
        assert page.evaluate("navigator.clipboard.readText()") == "--set 'method.beta=1'"
    else:
        assert page.evaluate("String(getSelection())") == "--set 'method.beta=1'"
    page.keyboard.press("Escape")
    page.locator(".variants summary").first.click()
    assert "--set 'method.beta=0'" in page.locator(".variants details[open]").inner_text()


def test_without_script_all_pictures_and_lines_are_there(open_page: OpenPage, address: str) -> None:
    page = open_page(address, java_script_enabled=False)
    assert page.locator(".cell a").count() == 11
    assert page.locator(".controls").is_hidden()
    page.locator(".variants summary").first.click()
    assert page.locator(".variants details[open] pre").count() == 2
