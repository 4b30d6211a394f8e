"""Names of files and people cannot break a line of what commands print, or command the terminal."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from flows.printing import PrintableRecords, print_first, print_text
from flows.progress import console
from nst_core.errors import MissingImage, printable
from nst_core.run_folder.summary import bad_input

HOSTILE = "a\nb\x1b[31m\x9b\u202e\ud800"


def test_what_controls_is_escaped_and_all_else_stays() -> None:
    assert printable(HOSTILE) == "a\\nb\\u001b[31m\\u009b\\u202e\\ud800"
    assert printable("two\nlines\t\x07", lines=True) == "two\nlines\t\\u0007"
    for text in ("Dürer", "北斎", "ابن سينا", "no\u00a0break", "👩\u200d🎨", "می\u200cخواهم", ""):
        assert printable(text) == text


def test_json_stays_what_it_is() -> None:
    text = json.dumps({HOSTILE: HOSTILE}, ensure_ascii=False, indent=2)
    assert json.loads(printable(text, lines=True)) == {HOSTILE: HOSTILE}


def test_the_printing_ends_escape(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    print_text("name:", "\x1b[2J", flush=True)
    console.print("name: \x1b[2J", markup=False)
    assert "\x1b[2J" not in "".join(capfd.readouterr())
    record = logging.LogRecord("nst", logging.WARNING, "", 0, "%s is left", ("a\nb\x1b",), None)
    assert PrintableRecords().filter(record)
    assert record.getMessage() == "a\\nb\\u001b is left"


def test_of_a_long_list_the_first_are_printed_and_the_others_counted(capfd: pytest.CaptureFixture[str]) -> None:
    print_first(range(20), lambda number: f"  {number}")
    assert capfd.readouterr().out.splitlines() == [f"  {number}" for number in range(20)]
    print_first(range(23), str, "more in a file")
    assert capfd.readouterr().out.splitlines()[19:] == ["19", "  … and 3 more in a file"]


def test_a_bad_input_is_one_line_and_known_by_its_path() -> None:
    path = "photos/a\nb\x1b.png"
    error = MissingImage(Path(path), "there is no such file")
    assert str(error) == "photos/a\\nb\\u001b.png: there is no such file"
    for message in (str(error), f"{path}: there is no such file"):  # rows of before have the name as it is
        record = {"error_message": message, "error_class": "MissingImage", "content_path": path, "style_paths": []}
        found = bad_input(record, [])
        assert (found.path, found.role, found.reason) == (path, "content", "there is no such file")
