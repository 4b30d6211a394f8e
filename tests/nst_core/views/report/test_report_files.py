"""The page, its pictures and its Markdown, as files beside or outside of a run."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from finished import finished_run
from made_up_runs import made, made_up_run, pairs

from nst_core.run_folder.results import read_chunk, result_files, unfinished_result, write_results
from nst_core.run_folder.verify.verification import verify
from nst_core.views.report import build_report
from nst_core.views.report.markdown import report_markdown
from nst_core.views.report.numbers import run_numbers
from nst_core.views.report.run_reader import read_run

HOSTILE = "</script><script>alert('x')</script>\"&\u202e|*[a](b) _שלום_ 🎨"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, make_image: Callable[..., Path]) -> Path:
    """12 pairs: 6 made, 2 failed, 2 quarantined, 2 skipped."""
    return finished_run(tmp_path_factory.mktemp("finished"), make_image).run_folder


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of it to write into."""
    return Path(shutil.copytree(finished, tmp_path / "trial"))


class Seen(HTMLParser):
    """Sources of pictures, and all text."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.pictures: list[str] = []
        self.links: list[str] = []
        self.text, self.scripts = "", 0
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag == "img":
            self.pictures.append(told.get("src") or "")
        if tag == "a":
            self.links.append(told.get("href") or "")
        self.scripts += tag == "script"

    def handle_data(self, data: str) -> None:
        self.text += data


def test_each_status_and_reason_is_told_with_pictures_beside_the_page(run: Path) -> None:
    page = build_report(run).page
    assert page == run / "report" / "index.html"
    seen = Seen(page)
    assert "6 images of 12 planned; 2 failed, 2 quarantined, 2 left out on purpose." in seen.text
    for told in ("OutOfMemory", "Not even one image fits.", "NotAnImage", "broken.png", "DuplicateImage", "copy.png"):
        assert told in seen.text
    assert len(seen.pictures) == 3 * 6
    assert all((page.parent / picture).is_file() for picture in seen.pictures)
    linked = [link for link in seen.links if link.startswith("../images/")]
    assert len(linked) == 6
    assert all((page.parent / link).is_file() for link in linked)


def test_a_second_report_changes_no_file_and_the_run_stays_sound(run: Path) -> None:
    build_report(run)
    before = {path: path.stat().st_mtime_ns for path in (run / "report").rglob("*")}
    build_report(run)
    assert {path: path.stat().st_mtime_ns for path in (run / "report").rglob("*")} == before
    assert verify(run).sound


def test_pictures_that_no_report_shows_any_more_go(run: Path) -> None:
    build_report(run)
    count = len(list((run / "report" / "report-thumbs").iterdir()))
    for image in (run / "images").rglob("*.png"):
        image.unlink()
    seen = Seen(build_report(run).page)
    assert "No picture" in seen.text
    assert len(list((run / "report" / "report-thumbs").iterdir())) == count - 6


def test_one_file_holds_its_pictures_itself(run: Path, tmp_path: Path) -> None:
    page = build_report(run, output=tmp_path / "out" / "trial.html").page
    assert [path.name for path in page.parent.iterdir()] == ["trial.html"]
    assert not (run / "report").exists()
    assert all(picture.startswith("data:image/webp;base64,") for picture in Seen(page).pictures)


def test_a_folder_gets_page_pictures_and_markdown_and_no_link_into_the_run(run: Path, tmp_path: Path) -> None:
    page = build_report(run, output=tmp_path / "out").page
    assert sorted(path.name for path in page.parent.iterdir()) == ["index.html", "report-thumbs", "report.md"]
    assert not [link for link in Seen(page).links if not link.startswith("#")]


def test_against_itself_a_page_says_that_there_is_no_difference(run: Path) -> None:
    text = Seen(build_report(run, against=run).page).text
    assert "No difference." in text
    assert "The furthest apart" not in text


def test_against_another_it_shows_both_results_of_the_furthest_apart(run: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(run, tmp_path / "other"))
    _halve_losses(other)
    seen = Seen(build_report(run, against=other, output=tmp_path / "out").page)
    assert "They differ in losses." in seen.text
    assert "The furthest apart" in seen.text
    assert seen.text.count("2 times the loss") == 6
    assert len(seen.pictures) == 3 * 6 + 4 * 6


def test_names_that_could_be_markup_are_text_on_the_page_and_in_markdown(tmp_path: Path) -> None:
    plan = pairs(4, artist=HOSTILE, content_path=f"/photos/{HOSTILE}.jpg")
    rows = [*map(made, plan[:3]), unfinished_result(plan[3], "failed", 1, HOSTILE, HOSTILE)]
    root = made_up_run(
        tmp_path / "run", rows, plan, run_yaml={"config": {"name": HOSTILE, "content": {"source": HOSTILE}}}
    )
    seen = Seen(build_report(root, against=root).page)
    assert seen.scripts == 1, "that of the slider"
    assert seen.text.count("<script>alert('x')</script>") > 5
    markdown = (root / "report" / "report.md").read_text(encoding="utf-8")
    assert "<script" not in markdown
    assert "[a](b)" not in markdown
    rows_of_tables = [line for line in markdown.splitlines() if line.startswith("|")]
    assert all(len(re.findall(r"\|", line)) in (3, 4, 5, 6) for line in rows_of_tables)


def test_a_folder_with_nothing_but_a_plan_has_a_report(tmp_path: Path) -> None:
    text = Seen(build_report(made_up_run(tmp_path / "run", [], pairs(3))).page).text
    assert "0 images of 3 planned; 3 not made yet." in text
    assert "The run folder does not say when anything was made." in text


def test_markdown_is_bounded_and_has_the_same_numbers(tmp_path: Path) -> None:
    artists = {row.pair_id: f"Artist {n} {'x' * 300}" for n, row in enumerate(pairs(400))}
    plan = [replace(row, artist=artists[row.pair_id]) for row in pairs(400)]
    rows = [made(row) for row in plan[:200]]
    rows += [unfinished_result(row, "failed", 1, f"Error{n}", "e" * 5000) for n, row in enumerate(plan[200:])]
    markdown = report_markdown(run_numbers(read_run(made_up_run(tmp_path / "run", rows, plan))))
    assert "200 images of 400 planned; 200 failed." in markdown
    assert "And 170 more." in markdown
    assert len(markdown) < 40_000


def test_a_run_at_a_store_has_its_report_there(finished: Path, memory: Path) -> None:
    for path in finished.rglob("*"):
        if path.is_file() and not path.name.startswith(".lock"):
            (memory / "run" / path.relative_to(finished).as_posix()).write_bytes(path.read_bytes())
    page = build_report(memory / "run").page
    assert str(page).startswith("memory://")
    assert "6 images of 12 planned" in page.read_text()
    assert len(list((memory / "run" / "report" / "report-thumbs").glob("*.webp"))) > 6


def _halve_losses(root: Path) -> None:
    """Of every image of a run: as if each had come out better."""
    for path in list(result_files(root)):
        rows = read_chunk(path).values()
        write_results([replace(r, total_loss=r.total_loss / 2) if r.total_loss else r for r in rows], path)
