"""The report in a real browser: what it says, that its plots are there, and two runs side by side."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from browsing import accessibility_faults, in_view
from finished import finished_run
from made_up_runs import event, made, made_up_run, pairs

from nst_core.run_folder.results import read_chunk, result_files, unfinished_result, write_results
from nst_core.views.report import build_report

HOSTILE = "</script><img src=x onerror=alert(1)>\"'& \u202eשלום 🎨 a/b"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, make_image: Callable[..., Path]) -> Path:
    """12 pairs: 6 made, 2 failed, 2 quarantined, 2 skipped."""
    return finished_run(tmp_path_factory.mktemp("finished"), make_image).run_folder


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 pairs of four artists, one with a name that is hard to bear, made in two sessions; some failed."""
    root = tmp_path_factory.mktemp("busy") / "run"
    artists = ["Ada", "Bo", HOSTILE, "Ein sehr langer Name, der in keine Spalte passt, so wie er ist"]
    plan = [replace(row, artist=artists[n % 4], artist_slug=f"artist-{n % 4}") for n, row in enumerate(pairs(40))]
    plan = [replace(row, chunk_id=f"{row.artist_slug}-{n // 20}") for n, row in enumerate(plan)]
    rows = [made(row, 0.02 + 0.01 * n, after=10 * n + 3600 * (n >= 20)) for n, row in enumerate(plan[:36])]
    rows += [unfinished_result(row, "failed", 2, "OSError", HOSTILE) for row in plan[36:]]
    journals = {"x": [event("start", -5, crew="thread"), event("end", 40, spent={"compute": 30.0, "decode": 4.0})]}
    return made_up_run(root, rows, plan, journals=journals)


@pytest.mark.parametrize("phone", [False, True])
@pytest.mark.parametrize("dark", [False, True])
def test_reasons_are_named_and_nothing_is_wrong_with_the_page(
    open_page: Callable[..., Any], finished: Path, phone: bool, dark: bool
) -> None:
    page = open_page(build_report(finished).page.as_uri(), phone=phone, dark=dark)
    assert page.locator("#reasons h3").all_inner_texts() == [
        "OutOfMemory\n2 pairs failed",
        "NotAnImage\n2 pairs quarantined",
        "DuplicateImage\n2 pairs left out",
    ]
    assert accessibility_faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for image in page.locator("main img").all():
        image.scroll_into_view_if_needed()
    page.wait_for_function("[...document.images].every(image => image.complete && image.naturalWidth)")


@pytest.mark.parametrize("phone", [False, True])
def test_every_plot_is_there_fits_and_has_its_numbers_as_a_table(
    open_page: Callable[..., Any], busy: Path, phone: bool
) -> None:
    page = open_page(build_report(busy).page.as_uri(), phone=phone)
    titles = ["Loss left by artist", "What is left of the loss", "Throughput", "Where the time went"]
    assert page.locator("figure.figure h3").all_inner_texts() == titles
    for title, marks in zip(titles, (".box", ".mean", ".bar", ".bar"), strict=True):
        plot = page.locator(f"svg.plot[aria-label^='{title}']:visible")
        assert plot.count() == 1
        assert plot.locator(marks).count() > 0
        box = plot.bounding_box()
        assert 250 < box["width"] <= (390 if phone else 800)
        assert plot.evaluate("svg => parseFloat(getComputedStyle(svg.querySelector('text')).fontSize)") >= 12
    assert page.locator("svg.plot:visible .box").count() == 4
    assert page.locator("svg.plot:visible .break").count() == 1
    page.get_by_text("The numbers: Loss left by artist").click()
    rows = page.locator("table:visible tbody tr")
    assert rows.count() == 4
    assert HOSTILE in " ".join(rows.all_text_contents())
    assert accessibility_faults(page) == []


def test_text_in_plots_does_not_run_over_their_edges(open_page: Callable[..., Any], busy: Path) -> None:
    page = open_page(build_report(busy).page.as_uri(), phone=True)
    outside = page.evaluate(
        "[...document.querySelectorAll('svg.plot')].filter(s => s.getBoundingClientRect().width).flatMap(s => {"
        " const edge = s.getBoundingClientRect();"
        " return [...s.querySelectorAll('text')].filter(t => { const r = t.getBoundingClientRect();"
        " return r.left < edge.left - 18 || r.right > edge.right + 18; }).map(t => t.textContent); })"
    )
    assert outside == []


def test_the_headings_are_reached_from_the_top_by_keyboard(open_page: Callable[..., Any], finished: Path) -> None:
    page = open_page(build_report(finished).page.as_uri())
    assert not in_view(page, "#cost h2")
    page.get_by_role("link", name="Cost").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("location.hash === '#cost'")
    assert in_view(page, "#cost h2")


def test_against_itself_there_is_no_difference(open_page: Callable[..., Any], finished: Path, tmp_path: Path) -> None:
    page = open_page(build_report(finished, against=finished, output=tmp_path / "same.html").page.as_uri())
    assert page.locator("#comparison .answer").inner_text() == "No difference."
    assert accessibility_faults(page) == []


@pytest.mark.parametrize("phone", [False, True])
def test_two_results_of_a_pair_are_compared_with_a_slider(
    open_page: Callable[..., Any], finished: Path, tmp_path: Path, phone: bool
) -> None:
    other = Path(shutil.copytree(finished, tmp_path / "other"))
    for path in list(result_files(other)):
        rows = read_chunk(path).values()
        write_results([replace(r, total_loss=r.total_loss * 3) if r.total_loss else r for r in rows], path)
    page = open_page(build_report(finished, against=other, output=tmp_path / "out").page.as_uri(), phone=phone)
    assert page.locator("#comparison .answer").inner_text() == "They differ in losses."
    slider = page.locator(".compare input").first
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert slider.input_value() == "51"
    assert slider.get_attribute("aria-valuetext") == "51 % of the other run's result, the rest is this run's"
    at = page.locator(".compare").first.evaluate("e => getComputedStyle(e).getPropertyValue('--at')")
    assert at.strip() == "51%"
    assert page.locator("#comparison svg.plot:visible .bar").count() > 0
    assert accessibility_faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
