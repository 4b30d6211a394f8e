"""What the journals tell of retries, losses and interruptions."""

from __future__ import annotations

from pathlib import Path

from made_up_runs import event, made_up_run, pairs

from nst_core.views.report.numbers import run_numbers
from nst_core.views.report.page import try_sentences
from nst_core.views.report.run_reader import read_run
from nst_core.views.report.tries import read_tries

JOURNALS = {
    "a": [event("start", 0, crew="process"), event("end", 10, spent={"compute": 8.0, "write": 0.5})],
    "b": [
        event("start", 5, crew="process"),
        event("failed", 6, error_class="OSError", error_message="x", verdict="again"),
        event("start", 8, crew="process"),
        event("lost", 9, returncode=-9, error_message="killed"),
        event("start", 11, crew="process"),
        event("end", 21, spent={"compute": 2.0}),
        event("quarantined", 21, pair_id="1"),
    ],
    "c": [event("start", 12, crew="ray"), event("start", 500, crew="ray"), event("stopped", 501)],
    "d": [event("start", 502, crew="ray"), event("failed", 503, error_class="OSError"), event("given up", 503)],
}


def test_tries_are_counted_by_how_they_ended(tmp_path: Path) -> None:
    found = read_tries(made_up_run(tmp_path / "run", [], pairs(1), journals=JOURNALS))
    assert (found.chunks, found.tries, found.again) == (4, 7, 2)
    assert found.spent == {"compute": 10.0, "write": 0.5}
    assert found.failed == {"OSError": 2}
    assert found.lost == {"signal 9": 1}
    assert (found.killed, found.given_up, found.poison) == (1, 1, 1)
    assert found.crews == {"process": 4, "ray": 3}
    assert len(found.stops) == 1
    assert found.at_once == 2


def test_a_report_says_them_in_sentences(tmp_path: Path) -> None:
    numbers = run_numbers(read_run(made_up_run(tmp_path / "run", [], pairs(1), journals=JOURNALS)))
    told = " ".join(try_sentences(numbers))
    assert "4 chunks in 7 tries, at most 2 at a time, by workers of the kind process (4), ray (3)." in told
    assert "2 tries ended with OSError." in told
    assert "1 worker died (signal 9)." in told
    assert "1 pair killed the process" in told


def test_quiet_journals_are_said_to_be_so(tmp_path: Path) -> None:
    quiet = {"a": JOURNALS["a"]}
    numbers = run_numbers(read_run(made_up_run(tmp_path / "run", [], pairs(1), journals=quiet)))
    assert try_sentences(numbers)[-1] == "Nothing had to be tried again."


def test_lines_that_are_torn_or_strange_are_passed_over(tmp_path: Path) -> None:
    root = made_up_run(tmp_path / "run", [], pairs(1), journals=JOURNALS)
    strange = '{"event": "start", "at": "noon"}\n{"event": "end", "at": 7, "spent": []}\n{"event": "st'
    (root / "logs" / "e.jsonl").write_text(strange)
    (root / "logs" / "f.jsonl").mkdir()
    assert read_tries(root).tries == 7
