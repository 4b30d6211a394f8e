"""The journal of a chunk counts tries, whatever cut them off."""

from __future__ import annotations

from pathlib import Path

import pytest

from nst_core.run_folder.journal import Event, Journal, count_tries, count_unended_tries


def events(*names: str) -> list[Event]:
    return [Event(name, "2026-01-31T00:00:00.000+00:00") for name in names]  # type: ignore[arg-type]


def test_what_is_noted_is_read_again_in_order(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "00000-00007")
    assert journal.events() == []
    journal.note("start", attempt=1, pairs=8)
    journal.note("failed", error_message="Größe\nzwei Zeilen")
    journal.note("end", statuses={"success": 8})
    assert [event.event for event in journal.events()] == ["start", "failed", "end"]
    assert journal.events()[1].more == {"error_message": "Größe\nzwei Zeilen"}
    assert len((tmp_path / "logs" / "00000-00007.jsonl").read_text().splitlines()) == 3


@pytest.mark.parametrize("torn", [b'{"event": "en', b'{"event": "end"}', b"[1]", b"\xff\xfe"])
def test_a_line_that_was_cut_off_is_no_event_and_spoils_none(tmp_path: Path, torn: bytes) -> None:
    journal = Journal(tmp_path, "c")
    journal.note("start")
    with journal.path.open("ab") as file:
        file.write(torn)
    journal.note("lost")
    assert [event.event for event in journal.events()] == ["start", "lost"]


@pytest.mark.parametrize(
    ("names", "tried", "without_end"),
    [
        ([], 0, 0),
        (["start"], 1, 1),
        (["start", "start"], 2, 2),
        (["start", "failed", "start"], 2, 1),
        (["start", "lost"], 1, 0),
        (["start", "stopped"], 1, 0),
        (["start", "failed", "start", "end"], 0, 0),
        (["start", "end", "start"], 1, 1),
        (["start", "failed", "given up"], 0, 0),
        (["start", "lost", "quarantined", "start"], 1, 1),
    ],
)
def test_tries_since_the_rows_were_written_and_those_without_an_end(
    names: list[str], tried: int, without_end: int
) -> None:
    assert (count_tries(events(*names)), count_unended_tries(events(*names))) == (tried, without_end)
