"""The page of a sweep: every picture and number at its place, names escaped, addresses that lead somewhere."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from exhibits import HOSTILE, Page, check_links, files
from made_up_sweep import KEYS, made_up_sweep, value_of

from nst_core.run_folder.quality import quality_file, read_quality_file, write_quality
from nst_core.views.sweep import build_sweep_page
from nst_core.views.sweep.cells import COLUMNS, best_places, read_cells
from nst_core.views.sweep.sweep_table import SweepTable, SweptKey


@pytest.fixture
def sweep(tmp_path: Path) -> SweepTable:
    return made_up_sweep(tmp_path)


def data(page: Path) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="sweep">(.*?)</script>', page.read_text("utf-8"), re.DOTALL)
    assert found
    told: dict[str, Any] = json.loads(found[1])
    return told


def test_rows_columns_and_pictures_stand_where_their_values_are(sweep: SweepTable) -> None:
    page = Page(build_sweep_page(sweep))
    assert len(page.every("table", class_="grid")) == 2
    assert len(page.every("figure", class_="cell")) == 12
    links = [link["href"] for link in page.every("a") if link.get("href", "").endswith(".png")]
    wanted = [f"variants/variant-{number}/images/{name}.png" for name in ("boat", "cat") for number in range(6)]
    assert links == wanted[:-1]  # the last of the second pair failed
    check_links_but_folders(sweep)


def check_links_but_folders(sweep: SweepTable) -> None:
    for number in range(len(sweep.variants)):  # a link to a folder, which a browser lists
        assert (sweep.folder / "variants" / f"variant-{number}").is_dir()
    text = (sweep.folder / "index.html").read_text("utf-8")
    (sweep.folder / "index.html").write_text(re.sub(r'href="variants/variant-\d+/"', 'href="#"', text), "utf-8")
    check_links(sweep.folder, sweep.folder)


def test_names_and_values_are_text_whatever_they_hold(sweep: SweepTable) -> None:
    page = Page(build_sweep_page(sweep))
    assert HOSTILE[0] in page.text
    assert HOSTILE[1] in page.text
    assert not [one for one in page.every("script") if not one and "alert" in str(one)]
    assert "<script>alert(1)" not in page.path.read_text("utf-8")
    assert "<b>no memory" not in page.path.read_text("utf-8")


def test_a_picture_that_is_not_there_says_why_without_folders(sweep: SweepTable) -> None:
    page = Page(build_sweep_page(sweep))
    assert "failed: cat.png: <b>no memory</b>" in page.text
    assert "1 picture missing" in page.text
    assert "/data/x" not in page.path.read_text("utf-8")


def test_numbers_are_the_medians_and_the_best_is_marked(sweep: SweepTable) -> None:
    cells = read_cells(sweep)
    assert [row[0].numbers["cfsd"] for row in cells] == [value_of(number, 0) for number in range(6)]
    assert cells[5][1].numbers == {}
    page = build_sweep_page(sweep)
    assert Page(page).text.count("(best)") >= 2
    told = data(page)
    assert [one["numbers"]["cfsd"] for one in told["pairs"][0]["pictures"]] == [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]
    assert told["pairs"][0]["pictures"][0]["trace"] == [[0, 1, 2], [100.0, 10.0, 5.0]]
    assert told["variants"][1]["lines"] == f"method:\n  beta: 1  # {HOSTILE[0]}"


def test_the_best_is_the_largest_of_what_should_be_large() -> None:
    by_name = {column.name: column for column in COLUMNS}
    numbers = [{"ssim": 0.2, "cfsd": 0.2, "total_loss": 1.0}, {"ssim": 0.9, "cfsd": 0.9, "total_loss": 2.0}, {}]
    assert best_places(numbers, by_name["ssim"]) == [1]
    assert best_places(numbers, by_name["cfsd"]) == [0]
    assert best_places(numbers, by_name["total_loss"]) == []
    assert best_places([{"ssim": 0.5}, {"ssim": 0.5}], by_name["ssim"]) == []


def test_another_judge_and_another_picture_do_not_count(sweep: SweepTable) -> None:
    assert all("cfsd" not in row[0].numbers for row in read_cells(replace(sweep, judge="wavelet")))
    run = sweep.variants[0].run_folder
    rows = read_quality_file(quality_file(run, "0")).to_pylist()
    write_quality([row | {"output_sha256": "of another picture"} for row in rows], quality_file(run, "0"))
    first, second, *_ = read_cells(sweep)
    assert "cfsd" not in first[0].numbers
    assert "total_loss" in first[0].numbers
    assert "cfsd" in second[0].numbers


def test_a_variant_that_has_not_begun_is_shown_as_such(sweep: SweepTable) -> None:
    unmade = replace(sweep.variants[2], pair_ids=(), run_folder=sweep.folder / "variants" / "none")
    page = Page(build_sweep_page(replace(sweep, variants=(*sweep.variants[:2], unmade, *sweep.variants[3:]))))
    assert page.text.count("not made yet") == 2


def test_one_axis_is_one_row(tmp_path: Path) -> None:
    sweep = made_up_sweep(tmp_path, KEYS[:1])
    (group,) = sweep.groups()
    assert [row.variants for row in group.rows] == [(0, 1)]
    page = Page(build_sweep_page(sweep))
    assert len(page.every("th", scope="row")) == 2 + 2  # of the table in numbers


def test_further_axes_are_groups_of_grids(tmp_path: Path) -> None:
    sweep = made_up_sweep(tmp_path, (*KEYS, SweptKey("method.start", ("content", "noise"))))
    groups = list(sweep.groups())
    assert [group.label for group in groups] == ["start content", "start noise"]
    assert [row.variants for row in groups[1].rows] == [(1, 3, 5), (7, 9, 11)]
    page = Page(build_sweep_page(sweep))
    assert len(page.every("table", class_="grid")) == 4


def test_without_results_there_is_a_page_all_the_same(sweep: SweepTable) -> None:
    bare = tuple(replace(one, pair_ids=(), run_folder=sweep.folder / "none") for one in sweep.variants)
    page = Page(build_sweep_page(replace(sweep, variants=bare, judge=None)))
    assert "12 pictures missing" in page.text
    assert "not judged" in page.text


def test_a_page_made_again_changes_no_file(sweep: SweepTable) -> None:
    build_sweep_page(sweep)
    before = files(sweep.folder)
    build_sweep_page(sweep)
    assert files(sweep.folder) == before


def test_thumbnails_that_no_picture_needs_are_removed(sweep: SweepTable) -> None:
    build_sweep_page(sweep)
    before = set((sweep.folder / "thumbs").iterdir())
    build_sweep_page(replace(sweep, pairs=sweep.pairs[:1]))
    assert set((sweep.folder / "thumbs").iterdir()) < before
