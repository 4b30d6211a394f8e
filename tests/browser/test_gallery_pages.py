"""A gallery opened from disk in a real browser: looking, choosing, comparing, by mouse, keyboard and finger."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from browsing import accessibility_faults, in_view
from exhibits import HOSTILE, new_run, picture, row, trace, write_results

from nst_core.gallery import build_combined_gallery, build_gallery

OpenPage = Callable[..., Any]

NAMES = ["boat", "cat 2", "cat 10", "dog", "fern", "gate", "house"]
READY = "html[data-ready]"


def result(run: Path, name: str, number: int, **changes: Any) -> dict[str, Any]:
    painting = picture(run.parent / "sources" / f"painting {number % 3}.png", (90, 60), seed=50 + number % 3)
    told = {
        "label": "animal" if name[:3] in ("cat", "dog") else "thing",
        "style_path": str(painting),
        "file_name": f"images/{name}.png",
        "total_loss": float((number * 5) % 7 + 1),
        "width": 240 - 10 * number,
        "height": 160,
        "content_license": "CC0",
        "content_source_url": f"https://example.org/{number}",
    }
    made = row(run, name, **(told | changes))
    picture(run / made["file_name"], (240 - 10 * number, 160), seed=number)
    return made


@pytest.fixture
def run(tmp_path: Path) -> Path:
    run = new_run(tmp_path / "my run")
    rows = [result(run, name, number) for number, name in enumerate(NAMES)]
    failed = row(run, "bad", status="failed", error_message="The device has no memory left.")
    write_results(run, "vincent-van-gogh", [*rows, failed])
    return run


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


@pytest.fixture
def artist(run: Path) -> str:
    """The address of an artist's page with four results on each page: seven on two."""
    return built(run, per_page=4)


def built(run: Path, **options: Any) -> str:
    return (build_gallery(run, **options).parent / "vincent-van-gogh" / "index.html").as_uri()


def shown(page: Any) -> list[str]:
    return list(page.locator(".pairs figcaption bdi:first-child").all_inner_texts())


def opened(page: Any) -> str:
    """The title of what the lightbox shows, once it is filled."""
    page.wait_for_selector(".lightbox[open] .stage:not(.waiting)")
    return " ".join(page.locator(".lightbox h2").inner_text().split())


def at(page: Any) -> float:
    return float(page.locator(".lightbox .compare input").input_value())


def test_from_the_index_to_a_picture_and_back(open_page: OpenPage, run: Path) -> None:
    page = open_page(build_gallery(run).as_uri())
    page.get_by_role("link", name="Vincent van Gogh", exact=True).click()
    page.wait_for_selector(READY)
    assert shown(page) == NAMES
    page.locator(".pairs a").nth(2).click()
    assert opened(page) == "cat 10 in the style of painting 2"
    page.wait_for_function("document.querySelector('.lightbox .after').naturalWidth === 220")
    assert page.locator(".lightbox .before").evaluate("image => image.naturalWidth") == 48
    assert page.locator(".hung img").get_attribute("alt") == "The painting painting 2"
    assert "Loss over iterations: from 10,000 to 10" in page.locator(".curve svg").get_attribute("aria-label")
    assert page.get_by_role("link", name="https://example.org/2").get_attribute("href") == "https://example.org/2"
    assert "Method\nwavelet" in page.locator(".parameters").inner_text()
    page.go_back()
    page.wait_for_selector(".lightbox:not([open])", state="attached")


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


def test_filters_and_order_are_those_of_all_pages(open_page: OpenPage, artist: str) -> None:
    page = open_page(artist)
    page.wait_for_selector(READY)
    assert shown(page) == NAMES[:4]
    page.get_by_label("Sort by").select_option("Loss, lowest first")
    assert shown(page) == ["boat", "dog", "house", "cat 10"]
    page.get_by_label("Sort by").select_option("Size, smallest first")
    assert shown(page) == ["house", "gate", "fern", "dog"]
    page.get_by_label("Sort by").select_option("Name")
    page.get_by_label("Label").select_option("animal (3)")
    assert shown(page) == ["cat 2", "cat 10", "dog"]
    assert page.locator(".found").inner_text() == "3 of 7"
    assert page.locator(".pages").is_hidden()
    page.get_by_role("button", name="Show those in the style of painting 1").click()
    assert shown(page) == ["cat 2"]
    page.get_by_label("Label").select_option("thing (4)")
    assert shown(page) == ["fern"]
    page.get_by_role("button", name="Show those in the style of painting 1").click()
    assert shown(page) == ["boat", "fern", "gate", "house"]


def test_what_fits_nothing_says_so_and_offers_all(open_page: OpenPage, artist: str) -> None:
    page = open_page(f"{artist}#label=nobody")
    page.wait_for_selector(READY)
    assert shown(page) == []
    page.get_by_role("button", name="Show all").click()
    assert shown(page) == NAMES[:4]


def test_pages_are_turned_in_place_and_can_be_linked_to(open_page: OpenPage, artist: str) -> None:
    page = open_page(artist)
    page.wait_for_selector(READY)
    page.get_by_role("link", name="Next").click()
    assert shown(page) == NAMES[4:]
    assert page.locator(".pairs a").first.evaluate("link => link === document.activeElement")
    again = open_page(page.url)
    again.wait_for_selector(READY)
    assert shown(again) == NAMES[4:]
    page.go_back()
    assert shown(page) == NAMES[:4]
    other = open_page(artist.replace("index.html", "index-2.html"))
    other.wait_for_selector(READY)
    assert shown(other) == NAMES[4:]
    other.get_by_role("link", name="Previous").click()
    assert shown(other) == NAMES[:4]


def test_a_deep_link_opens_its_pair_on_whichever_page(open_page: OpenPage, artist: str, run: Path) -> None:
    identity = row(run, "gate", status="")["pair_id"]
    page = open_page(f"{artist}#pair-{identity}")
    assert opened(page).startswith("gate")
    assert page.locator(".place").inner_text() == "6 of 7"
    page.keyboard.press("Escape")
    page.wait_for_selector(".lightbox:not([open])", state="attached")
    assert shown(page) == NAMES[4:]
    assert page.evaluate("document.activeElement.closest('li').id") == f"pair-{identity}"
    unknown = open_page(f"{artist}#pair-%E0%A4%A")
    unknown.wait_for_selector(READY)
    assert unknown.locator(".lightbox[open]").count() == 0


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


def drag(page: Any, start: float, end: float, height: float) -> None:
    """One finger, from side to side."""
    session = page.context.new_cdp_session(page)
    steps = [{"x": start + (end - start) * step / 5, "y": height} for step in range(6)]
    for kind, points in [("touchStart", steps[:1]), *(("touchMove", [step]) for step in steps[1:]), ("touchEnd", [])]:
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


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


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_no_serious_accessibility_fault(open_page: OpenPage, run: Path, dark: bool, phone: bool) -> None:
    address = built(run, per_page=4)
    index = open_page(address.replace("vincent-van-gogh/", ""), dark=dark, phone=phone)
    assert accessibility_faults(index) == []
    page = open_page(address, dark=dark, phone=phone)
    page.wait_for_selector(READY)
    assert accessibility_faults(page) == []
    width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1], "nothing to scroll sideways"
    page.locator(".pairs a").nth(1).click()
    opened(page)
    assert accessibility_faults(page) == []
    page.get_by_role("button", name="Zoom").click()
    assert accessibility_faults(page) == []


def test_a_first_page_of_many_results_loads_what_is_in_view(open_page: OpenPage, run: Path) -> None:
    rows = [row(run, f"{number}") for number in range(220)]
    write_results(run, "vincent-van-gogh", rows)
    page = open_page(built(run))
    page.wait_for_selector(READY)
    assert page.locator(".pairs img").count() == 200
    loaded = "[...document.images].filter(image => image.src.includes('thumbs') && image.complete).length"
    assert 0 < page.evaluate(loaded) < 60
    assert not in_view(page, ".pages")


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


def test_without_script_there_are_pictures_and_links(open_page: OpenPage, artist: str) -> None:
    page = open_page(artist, java_script_enabled=False)
    assert page.locator(".pairs img").count() == 4
    assert not page.locator(".controls").is_visible()
    page.get_by_role("link", name="Next").click()
    page.wait_for_url("**/index-2.html")
    assert page.locator(".pairs img").count() == 3
    page.locator(".pairs a").first.click()
    page.wait_for_url("**/images/fern.png")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_text_and_lead_where_they_should(open_page: OpenPage, run: Path, name: str) -> None:
    file = name.replace("/", "∕")
    (run / "run.yaml").write_text(f"name: {json.dumps(name)}\n")
    painting = picture(run.parent / "sources" / f"{file} style.png", (60, 60), seed=9)
    named = {"artist": name, "label": name, "genre": name, "split": name, "method": name, "content_license": name}
    rows = [
        result(run, file, 0, style_path=str(painting).replace(";", ","), **named),
        result(run, "b", 1, artist=name, label="b", split="b"),
    ]
    picture(Path(rows[0]["style_path"]), (60, 60), seed=9)
    failed = row(run, "bad", status="failed", error_message=name, artist=name)
    write_results(run, "vincent-van-gogh", [*rows, failed])
    page = open_page(build_gallery(run).as_uri())
    page.on("dialog", lambda dialog: pytest.fail(f"script ran: {dialog.message}"))
    page.get_by_role("heading", name=name, exact=True).first.wait_for()
    page.locator(".artist").click()
    page.wait_for_selector(READY)
    page.get_by_label("Label").select_option(f"{name} (1)")
    assert len(shown(page)) == 1
    page.reload()
    page.wait_for_selector(READY)
    assert len(shown(page)) == 1, "the name survives the address"
    page.locator(".pairs a").first.click()
    assert Path(f"{file}.png").stem in opened(page)
    assert name in page.locator(".parameters").inner_text()
    page.wait_for_function("document.querySelector('.lightbox .after').naturalWidth === 240")
    page.wait_for_function("[...document.querySelectorAll('.hung img')].every(image => image.naturalWidth)")
    assert page.locator(".download").get_attribute("download") == f"{file}.png"


def test_many_artists_are_searched_and_ordered(open_page: OpenPage, run: Path) -> None:
    for number, name in enumerate(["Zoë", "Anna", "Émile", "Bo", "Cy", "Di", "Ed", "Flo", "Gus"]):
        rows = [row(run, f"{name} {i}", artist=name, genre="Ink" if number % 2 else "Oil") for i in range(number + 1)]
        write_results(run, name.lower().encode("ascii", "ignore").decode(), rows)
    page = open_page(build_gallery(run).as_uri())
    names = page.locator(".artists > li:not([hidden]) h2")
    assert names.first.inner_text() == "Anna"
    page.get_by_label("Find").fill("emile")
    assert names.all_inner_texts() == ["Émile"]
    page.get_by_label("Find").fill("ink")
    assert len(names.all_inner_texts()) == 4
    page.get_by_label("Find").fill("nobody")
    assert page.locator(".found").inner_text() == "No artist by that name"
    page.get_by_label("Find").fill("")
    page.get_by_label("Sort by").select_option("Most pictures")
    assert names.all_inner_texts()[:2] == ["Gus", "Flo"]
    assert accessibility_faults(page) == []


def test_results_of_several_runs_are_told_apart(open_page: OpenPage, run: Path, tmp_path: Path) -> None:
    other = new_run(tmp_path / "other", "Night")
    write_results(other, "vincent-van-gogh", [result(other, "boat", 0), result(other, "zebra", 1)])
    build_combined_gallery([run, other], tmp_path / "both")
    page = open_page((tmp_path / "both" / "vincent-van-gogh" / "index.html").as_uri())
    page.wait_for_selector(READY)
    page.get_by_label("Run").select_option("Night (2)")
    assert shown(page) == ["boat", "zebra"]
    page.locator(".pairs a").first.click()
    opened(page)
    assert "Run\nNight" in page.locator(".parameters").inner_text()
    page.wait_for_function("document.querySelector('.lightbox .after').naturalWidth === 240")
