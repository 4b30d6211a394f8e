"""The report of a run, built: its page, with pictures, and the same in Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nst_core.storage.atomic import write_if_changed
from nst_core.storage.progress import Progress
from nst_core.views.report.comparison import compare
from nst_core.views.report.comparison_section import ComparisonSection, comparison_section
from nst_core.views.report.destination import MARKDOWN, PAGE, destination_of
from nst_core.views.report.markdown import report_markdown
from nst_core.views.report.numbers import Prices, RunNumbers, run_numbers
from nst_core.views.report.page import render, verdict
from nst_core.views.report.pictures import ReportPictures, pictures_for
from nst_core.views.report.run_reader import ReadRun, read_run
from nst_core.views.web import page_bytes


@dataclass(frozen=True)
class Report:
    """A report's page, and its verdict in a sentence or two."""

    page: Path
    sentences: tuple[str, ...]


def build_report(
    run_folder: Path,
    against: Path | None = None,
    output: Path | None = None,
    prices: Prices | None = None,
    progress: Progress | None = None,
) -> Report:
    """(Re)make the report of a run.

    The report names what is damaged or missing in the run folder. Files that would not change are left alone.

    Args:
        against: another run to compare with.
        output: a folder, for `index.html`, `report.md` and pictures; or a file (`.html`), which then holds its pictures
            itself. By default `<run>/report`.
        prices: to estimate the cost by.
        progress: called with result files read and their total.

    Raises:
        RunFolderError: there is no such run.
        UsageError: there is something else at `output`, or it is a run folder, or in one.
    """
    place = destination_of(run_folder, output, against)
    run = read_run(run_folder, against is not None, progress)
    numbers = run_numbers(run, prices)
    has_gallery = place.at_home and (run_folder / "gallery" / PAGE).is_file()
    with pictures_for(place.page, place.one_file) as pictures:
        comparison = _compare(run, numbers, against, pictures, progress) if against is not None else None
        html = render(
            numbers,
            comparison=comparison,
            best=pictures.examples(run.folder, numbers.best),
            worst=pictures.examples(run.folder, numbers.worst),
            judged=pictures.judged(run.folder, numbers.quality) if numbers.quality else {},
            gallery="../gallery/index.html" if has_gallery else None,
            images="../" if place.at_home else None,
        )
    write_if_changed(place.page, page_bytes(html))
    if not place.one_file:
        write_if_changed(place.page.with_name(MARKDOWN), page_bytes(report_markdown(numbers)))
    headline = [f"Against {against}: {comparison.headline}"] if comparison else []
    return Report(place.page, (verdict(numbers), *headline))


def _compare(
    run: ReadRun, numbers: RunNumbers, against: Path, pictures: ReportPictures, progress: Progress | None
) -> ComparisonSection:
    other = read_run(against, whole_plan=True, progress=progress)
    return comparison_section(compare(run, other), (run, numbers), (other, run_numbers(other)), pictures)
