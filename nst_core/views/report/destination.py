"""The place of a report: never in a run folder but its own, and never where another page is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nst_core.errors import UsageError
from nst_core.storage.regular_files import open_regular
from nst_core.views.paths import enclosing_run, resolve

FOLDER, PAGE, MARKDOWN = "report", "index.html", "report.md"
MARK = '<meta name="generator" content="nst report">'
"""The mark at the head of every report's page."""

_PAGES = (".html", ".htm")
_HEAD = 2048


@dataclass(frozen=True)
class Destination:
    """A report's page.

    Attributes:
        one_file: the page holds its pictures itself; else they, and the Markdown, lie beside it.
        at_home: it is in `<run>/report`.
    """

    page: Path
    one_file: bool
    at_home: bool


def destination_of(run_folder: Path, output: Path | None = None, against: Path | None = None) -> Destination:
    """The destination of a run's report, by default `<run>/report`.

    Raises:
        UsageError: there is something else at `output`, or it is a run folder, or in one.
    """
    home = run_folder / FOLDER
    if output is None or resolve(output) == resolve(home):
        return Destination(home / PAGE, one_file=False, at_home=True)
    one_file = output.suffix.lower() in _PAGES
    place = Destination(output if one_file else output / PAGE, one_file, at_home=False)
    folder = enclosing_run(output, [run_folder, against] if against is not None else [run_folder])
    if folder is not None:
        what = "is a run folder" if folder == resolve(output) else f"lies in the run folder {folder}"
        raise UsageError(f"-o {output} {what}: choose a place outside of it, or leave -o out for {home}.")
    _check_no_other_page(output, place)
    return place


def _check_no_other_page(output: Path, place: Destination) -> None:
    markdown = place.page.with_name(MARKDOWN)
    if not _is_there(output, place.page) and not place.one_file and markdown.is_file():
        raise UsageError(f"{markdown} is of no report that is there, and would be lost: choose another place with -o.")


def _is_there(output: Path, page: Path) -> bool:
    """Whether `page` is a report's; False where there is none. Raises UsageError where it is something else."""
    try:
        with open_regular(page) as file:
            head = file.read(_HEAD)
    except FileNotFoundError:
        return False
    except (IsADirectoryError, NotADirectoryError):
        raise UsageError(f"-o {output}: {page} cannot be a file there. Choose another place.") from None
    if MARK.encode() not in head:
        raise UsageError(f"{page} is not a report's page, and would be lost: choose another place with -o.")
    return True
