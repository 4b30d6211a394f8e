"""The lightbox of a gallery in a real browser: comparing, zooming, going on, by mouse, keyboard and finger."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from browsing import accessibility_faults
from exhibits import trace, write_results
from galleries import READY, at, built, drag, opened, result, seven_results

OpenPage = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return seven_results(tmp_path / "my run")


@pytest.fixture
def artist(run: Path) -> str:
    """The address of an artist's page with four results on each page: seven on two."""
    return built(run, per_page=4)


@pytest.fixture
def served() -> Iterator[Callable[[Path], str]]:
    """Serves a folder on this machine; gives its address."""
    servers = []

    def serve(folder: Path) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Silent, directory=str(folder)))
        Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


def test_the_original_is_downloaded_from_a_server_and_opened_from_disk(
    open_page: OpenPage, artist: str, run: Path, served: Callable[[Path], str]
) -> None:
    page = open_page(f"{served(run)}/gallery/vincent-van-gogh/index.html")
    page.locator(".pairs a").first.click()
    opened(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "boat.png"
    assert download.value.path().read_bytes() == (run / "images" / "boat.png").read_bytes()
    page = open_page(artist)
    page.locator(".pairs a").first.click()
    opened(page)
    with page.expect_popup() as popup:  # a browser takes files for strangers to each other, and lets none be downloaded
        page.get_by_role("link", name="Download").click()
    assert popup.value.url.endswith("/images/boat.png")


def test_the_slider_follows_mouse_and_keyboard(open_page: OpenPage, artist: str) -> None:
    page = open_page(artist)
    page.locator(".pairs a").first.click()
    opened(page)
    box = page.locator(".lightbox .compare").bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.2, middle, steps=4)
    assert at(page) == pytest.approx(20, abs=1)
    page.mouse.up()
    page.mouse.move(box["x"] + box["width"] * 0.9, middle)
    assert at(page) == pytest.approx(20, abs=1), "it is let go"
    clip = page.locator(".lightbox .before").evaluate("image => getComputedStyle(image).clipPath")
    assert "80%" in clip
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert at(page) == pytest.approx(22, abs=1)
    assert opened(page).startswith("boat"), "arrows on the slider do not turn the page"


def test_a_picture_is_looked_at_from_near(open_page: OpenPage, artist: str) -> None:
    page = open_page(artist)
    page.locator(".pairs a").first.click()
    opened(page)
    page.get_by_role("button", name="Zoom").click()
    zoomed = page.locator(".zoomed")
    before = zoomed.evaluate("e => [e.scrollLeft, e.scrollTop, e.scrollWidth > e.clientWidth]")
    assert before[2]
    box = zoomed.bounding_box()
    page.mouse.move(box["x"] + 300, box["y"] + 300)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 260, steps=5)
    page.mouse.up()
    after = zoomed.evaluate("e => [e.scrollLeft, e.scrollTop]")
    assert (after[0] - before[0], after[1] - before[1]) == (100, 40)
    page.get_by_role("button", name="Zoom").click()
    assert zoomed.is_hidden()


def test_a_link_to_the_pair_is_copied(open_page: OpenPage, artist: str) -> None:
    page = open_page(artist, permissions=["clipboard-read", "clipboard-write"])
    page.locator(".pairs a").nth(1).click()
    opened(page)
    page.get_by_role("button", name="Copy link").click()
    page.wait_for_function("document.querySelector('.copied').textContent")
    told = page.locator(".copied").inner_text()
    link = page.evaluate("navigator.clipboard.readText()") if told == "The link is copied." else told
    assert opened(open_page(link)).startswith("cat 2")


def test_the_lightbox_by_keyboard_alone(open_page: OpenPage, artist: str) -> None:
    page = open_page(artist)
    page.wait_for_selector(READY)
    page.locator(".pairs a").nth(2).focus()
    page.keyboard.press("Enter")
    assert opened(page).startswith("cat 10")
    page.keyboard.press("ArrowRight")
    assert opened(page).startswith("dog")
    page.keyboard.press("ArrowRight")
    assert opened(page).startswith("fern"), "on to the next page of the grid"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowRight")
    order = []
    page.locator(".lightbox h2").focus()
    for _ in range(6):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.textContent || document.activeElement.type"))
    assert order[:3] == ["Download", "Copy link", "https://example.org/4"]
    page.locator(".lightbox .compare input").focus()
    page.keyboard.press("Shift+ArrowRight")
    assert opened(page).startswith("gate")
    page.keyboard.press("Escape")
    page.wait_for_selector(".lightbox:not([open])", state="attached")
    page.wait_for_function("document.activeElement.closest('li')")
    assert page.evaluate("document.activeElement.querySelector('img').alt") == "gate in the style of painting 2"


def test_at_the_ends_there_is_no_further_picture(open_page: OpenPage, artist: str) -> None:
    page = open_page(artist)
    page.locator(".pairs a").first.click()
    opened(page)
    assert page.get_by_role("button", name="Previous picture").is_disabled()
    page.keyboard.press("ArrowLeft")
    assert opened(page).startswith("boat")
    page.get_by_role("button", name="Next picture").click()
    assert opened(page).startswith("cat 2")


def test_a_finger_at_the_seam_moves_it_and_elsewhere_turns_the_page(open_page: OpenPage, artist: str) -> None:
    page = open_page(artist, phone=True)
    page.locator(".pairs a").first.tap()
    opened(page)
    box = page.locator(".lightbox .compare").bounding_box()
    middle, left, width = box["y"] + box["height"] / 2, box["x"], box["width"]
    drag(page, left + width / 2, left + width * 0.8, middle)
    assert at(page) == pytest.approx(80, abs=2)
    assert opened(page).startswith("boat")
    drag(page, left + width * 0.4, left + width * 0.1, middle)
    page.wait_for_function("document.querySelector('.lightbox h2').textContent.startsWith('cat 2')")
    assert at(page) == 50
    drag(page, left + width * 0.1, left + width * 0.35, middle)
    page.wait_for_function("document.querySelector('.lightbox h2').textContent.startsWith('boat')")


def test_pairs_without_content_result_trace_or_style_look_right(open_page: OpenPage, run: Path) -> None:
    rows = [result(run, name, number) for number, name in enumerate(["a", "b", "c", "d"])]
    Path(rows[0]["content_path"]).unlink()
    (run / rows[1]["file_name"]).unlink()
    rows[2] |= {"loss_trace": None, "content_source_url": "javascript:alert(1)"}
    rows[3] |= {"style_path": f"{rows[0]['style_path']}@0.7;{rows[1]['style_path']}@0.3", "loss_trace": trace(3, 3)}
    rows.append(result(run, "e", 5, style_path="", artist="unstylized", loss_trace=None))
    write_results(run, "vincent-van-gogh", rows)
    page = open_page(built(run))
    page.locator(".pairs a").first.click()
    opened(page)
    assert (page.locator(".compare").is_visible(), page.locator(".alone").is_visible()) == (False, True)
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(".stage > .missing:visible")
    assert (page.locator(".download").is_visible(), page.locator(".zoom").is_disabled()) == (False, True)
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(".curve", state="hidden")
    assert page.locator(".rights a").count() == 0, "only addresses of the web are links"
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(".hung figure >> nth=1")
    assert page.locator(".hung figcaption").all_inner_texts() == ["painting 0 70%", "painting 1 30%"]
    assert page.locator(".curve path").get_attribute("d").count("NaN") == 0
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelector('.lightbox h2').textContent === 'e as it is'")
    assert accessibility_faults(page) == []
