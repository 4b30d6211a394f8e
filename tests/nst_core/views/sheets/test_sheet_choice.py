"""Which few of many results stand for an artist and for a run."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

from shown import done, write

from nst_core.run_folder.finished_pairs import FinishedPair
from nst_core.run_folder.results import chunk_file
from nst_core.views.sheets.choice import choices, pick_varied


def pairs(artists: int, styles: int, contents: int) -> list[FinishedPair]:
    return [
        FinishedPair(
            Path("run"), f"{a}{s}{c}".ljust(16, "0"), f"A{a}", f"{c}.jpg", (f"A{a}/{s}.jpg",), (1.0,), f"{a}{s}{c}.jpg"
        )
        for a in range(artists)
        for s in range(styles)
        for c in range(contents)
    ]


def test_every_artist_style_and_content_gets_its_share() -> None:
    chosen = pick_varied(pairs(artists=3, styles=2, contents=6), most=18)
    assert Counter(pair.artist for pair in chosen) == {"A0": 6, "A1": 6, "A2": 6}
    assert set(Counter(pair.style_paths for pair in chosen).values()) == {3}
    contents = Counter(pair.content_path for pair in chosen)
    assert len(contents) == 6
    assert max(contents.values()) - min(contents.values()) <= 2


def test_the_order_of_the_candidates_does_not_matter() -> None:
    candidates = pairs(artists=2, styles=4, contents=5)
    assert pick_varied(candidates, 7) == pick_varied(reversed(candidates), 7)


def test_they_are_in_the_order_in_which_they_are_looked_at() -> None:
    chosen = pick_varied(pairs(artists=2, styles=2, contents=2), most=8)
    assert [(p.artist, p.style_paths, p.content_path) for p in chosen] == sorted(
        (f"A{a}", (f"A{a}/{s}.jpg",), f"{c}.jpg") for a in range(2) for s in range(2) for c in range(2)
    )


def test_a_choice_counts_all_and_shows_few(tmp_path: Path) -> None:
    rows = [
        done(tmp_path / "run", f"c{i:02d}", artist) for artist, count in (("Ada", 9), ("Bo", 2)) for i in range(count)
    ]
    unmade = replace(done(tmp_path / "run", "d", "Ada"), status="failed", file_name=None)
    nobody = replace(done(tmp_path / "run", "e", "Cy"), status="quarantined", file_name=None)
    found = list(choices([write(tmp_path / "run", [*rows, unmade, nobody])], most=4))
    assert [(one.slug, one.name, len(one.shown), one.total) for one in found] == [
        ("ada", "Ada", 4, 9),
        ("bo", "Bo", 2, 2),
    ]


def test_a_run_that_grows_keeps_most_of_what_it_showed(tmp_path: Path) -> None:
    run = tmp_path / "run"
    rows = [done(run, f"c{i:03d}") for i in range(40)]
    (before,) = choices([write(run, rows)], most=10)
    (after,) = choices([write(run, [done(run, "new")], part="0001")], most=10)
    assert after.total == 41
    assert len(set(before.shown) & set(after.shown)) >= 9


def test_a_damaged_file_and_a_row_that_leads_outside_are_passed_over(tmp_path: Path) -> None:
    run = tmp_path / "run"
    write(run, [done(run, "a"), replace(done(run, "b"), file_name="../inputs/b.png")])
    chunk_file(run, "ada", "0001").write_bytes(b"PAR1 no more")
    (found,) = choices([run], most=10)
    assert [pair.content_name for pair in found.shown] == ["a"]
