"""A gallery opened from disk in a real browser: looking around, choosing, turning pages."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browsing import accessibility_faults, in_view
from exhibits import HOSTILE, new_run, picture, row, write_results
from galleries import NAMES, READY, built, opened, result, seven_results, shown

from nst_core.views.gallery import build_gallery

OpenPage = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return seven_results(tmp_path / "my run")


@pytest.fixture
def artist(run: Path) -> str:
    """The address of an artist's page with four results on each page: seven on two."""
    return built(run, per_page=4)


def test_from_the_index_to_a_picture_and_back(open_page: OpenPage, run: Path) -> None:
    page = open_page(build_gallery([run]).as_uri())
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
    page = open_page(build_gallery([run]).as_uri())
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
    page = open_page(build_gallery([run]).as_uri())
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
    build_gallery([run, other], tmp_path / "both")
    page = open_page((tmp_path / "both" / "vincent-van-gogh" / "index.html").as_uri())
    page.wait_for_selector(READY)
    page.get_by_label("Run").select_option("Night (2)")
    assert shown(page) == ["boat", "zebra"]
    page.locator(".pairs a").first.click()
    opened(page)
    assert "Run\nNight" in page.locator(".parameters").inner_text()
    page.wait_for_function("document.querySelector('.lightbox .after').naturalWidth === 240")
