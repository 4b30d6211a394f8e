"""A sound run folder is found sound; every way to spoil one is found, told once, and by its name."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from finished import finished_run

from nst_core.errors import RunFolderError
from nst_core.run_folder.folder import METHODS, RunFolder
from nst_core.run_folder.plan_table import Plan, PlannedPair
from nst_core.run_folder.results import Result, chunk_file, read_chunk, write_results
from nst_core.run_folder.verify.findings import MENDING, counts
from nst_core.run_folder.verify.verification import Verification, verify

Spoil = Callable[[Path], object]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory, make_image: Callable[..., Path]) -> Path:
    """A finished run; nobody writes into it."""
    return finished_run(tmp_path_factory.mktemp("finished"), make_image).run_folder


@pytest.fixture
def run(sound: Path, tmp_path: Path) -> Path:
    """A copy of it to spoil."""
    return Path(shutil.copytree(sound, tmp_path / "run"))


def kept_input(run: Path, planned: bool) -> Path:
    """Make it a folder that keeps inputs itself, as the app's does: one, which the first pair's content is then."""
    name = f"inputs/{sha256(b'bytes').hexdigest()[:20]}/photograph.png"
    (run / name).parent.mkdir(parents=True)
    (run / name).write_bytes(b"bytes")
    folder = RunFolder(run)
    folder.write_run_yaml({**folder.read_run_yaml(), METHODS: {}})
    if planned:
        first, *others = folder.read_plan()
        folder.append_plan(0, [Plan.of([replace(first, content_id=name), *others]).table])
    return run / name


def rows(run: Path, status: str) -> list[tuple[Path, Result]]:
    """Every row of a status, with its file."""
    files = sorted((run / "results").rglob("*.parquet"))
    return [(file, row) for file in files for row in read_chunk(file).values() if row.status == status]


def rewritten(file: Path, change: Callable[[Result], list[Result]]) -> None:
    write_results([new for row in read_chunk(file).values() for new in change(row)], file)


def with_success(run: Path, **changes: str | None) -> None:
    """Change the row of one success."""
    file, success = rows(run, "success")[0]
    rewritten(file, lambda row: [replace(row, **changes) if row == success else row])  # type: ignore[arg-type]


def images(run: Path) -> list[Path]:
    return sorted((run / "images").rglob("*.png"))


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def planned(run: Path) -> list[PlannedPair]:
    return list(RunFolder(run).read_plan())


def lose_a_row(run: Path) -> None:
    file, success = rows(run, "success")[0]
    (run / str(success.file_name)).unlink()
    rewritten(file, lambda row: [] if row == success else [row])


def lose_a_file(run: Path) -> None:
    rows(run, "success")[0][0].unlink()


def repeat_a_row(run: Path) -> None:
    file, _ = rows(run, "success")[0]
    table = pq.ParquetFile(file).read()
    pq.write_table(pa.concat_tables([table, table.slice(0, 1)]), file)


def put_a_row_elsewhere(run: Path) -> None:
    (file, one), *others = rows(run, "success")
    other = next(where for where, _ in others if where != file)
    rewritten(file, lambda row: [] if row == one else [row])
    write_results([*read_chunk(other).values(), one], other)


def add_an_unplanned_row(run: Path) -> None:
    file, success = rows(run, "failed")[0]
    write_results([*read_chunk(file).values(), replace(success, pair_id="f" * 16)], file)


def move_a_file_to_another_artist(run: Path) -> None:
    file = next((run / "results" / "artist_slug=ada").iterdir())
    shutil.move(file, run / "results" / "artist_slug=bo" / file.name)


def put_an_image_for_a_failed_pair(run: Path) -> None:
    failed = {row.pair_id for _, row in rows(run, "failed")}
    name = next(row.file_name for row in planned(run) if row.pair_id in failed)
    shutil.copy(images(run)[0], run / name)


def put_a_folder_in_place_of_an_image(run: Path) -> None:
    image = images(run)[0]
    image.unlink()
    image.mkdir()


def cut_the_plan(run: Path) -> None:
    part = run / "plan" / "part-00000.parquet"
    part.write_bytes(part.read_bytes()[:-9])


def plan_again(run: Path) -> None:
    RunFolder(run).append_plan(1, [Plan.of(planned(run)[:1]).table])


def count_one_more(run: Path) -> None:
    told = json.loads((run / "summary.json").read_text())
    (run / "summary.json").write_text(json.dumps(told | {"success": told["success"] + 1}))


# What was done to the folder, and all that may be found then.
SPOILED: dict[str, tuple[Spoil, set[str]]] = {
    "a plan part is cut": (cut_the_plan, {"damaged_plan"}),
    "a bit of the plan is flipped": (
        lambda run: flip(run / "plan" / "part-00000.parquet", 40),
        {"damaged_plan"},
    ),
    "a pair is planned twice": (plan_again, {"planned_twice", "wrong_summary"}),
    "a row is lost": (lose_a_row, {"missing_row", "wrong_summary"}),
    "a results file is lost": (lose_a_file, {"missing_row", "wrong_summary"}),
    "a results file is empty": (lambda run: rows(run, "success")[0][0].write_bytes(b""), {"damaged_part"}),
    "a results file is cut": (lambda run: os.truncate(rows(run, "success")[0][0], 500), {"damaged_part"}),
    "a bit of a results file is flipped": (lambda run: flip(rows(run, "success")[0][0], 40), {"damaged_part"}),
    "a results file has other columns": (
        lambda run: pq.write_table(pa.table({"x": [1]}), rows(run, "success")[0][0]),
        {"damaged_part"},
    ),
    "a copy of a results file": (
        lambda run: shutil.copy(file := rows(run, "success")[0][0], file.with_name("part-00000-00000 (1).parquet")),
        {"unplanned_part"},
    ),
    "a results file under another artist": (
        move_a_file_to_another_artist,
        {"unplanned_part", "missing_row", "wrong_summary"},
    ),
    "a row twice in its file": (repeat_a_row, {"duplicate_row"}),
    "a row in the file of another chunk": (put_a_row_elsewhere, {"misplaced_row"}),
    "a row that names another chunk": (lambda run: with_success(run, chunk_id="00007-00007"), {"misplaced_row"}),
    "a row of an unplanned pair": (add_an_unplanned_row, {"unplanned_row"}),
    "a success without a hash": (lambda run: with_success(run, output_sha256=None), {"wrong_row"}),
    "a success without a file name": (lambda run: with_success(run, file_name=None), {"wrong_row"}),
    "a success that names another file": (lambda run: with_success(run, file_name="../../etc/hosts"), {"wrong_row"}),
    "an unknown status": (lambda run: with_success(run, status="done"), {"wrong_row", "wrong_summary"}),
    "an image is deleted": (lambda run: images(run)[0].unlink(), {"missing_image"}),
    "an image is cut": (lambda run: os.truncate(images(run)[0], 100), {"changed_image"}),
    "a bit of an image is flipped": (lambda run: flip(images(run)[0], 50), {"changed_image"}),
    "a folder in place of an image": (
        put_a_folder_in_place_of_an_image,
        {"changed_image"},
    ),
    "an image of no pair": (lambda run: shutil.copy(images(run)[0], run / "images" / "mine.png"), {"unplanned_image"}),
    "an image of a failed pair": (put_an_image_for_a_failed_pair, {"unclaimed_image"}),
    "a temporary file": (
        lambda run: (run / "images" / ".0123456789abcdef.tmp~").write_bytes(b"half"),
        {"temporary_file"},
    ),
    "quarantine.csv is lost": (lambda run: (run / "quarantine.csv").unlink(), {"wrong_quarantine"}),
    "quarantine.csv was edited": (
        lambda run: (run / "quarantine.csv").write_text("path,role,error_class,reason,pairs\n"),
        {"wrong_quarantine"},
    ),
    "summary.json is lost": (lambda run: (run / "summary.json").unlink(), {"wrong_summary"}),
    "summary.json is no JSON": (lambda run: (run / "summary.json").write_text("{"), {"wrong_summary"}),
    "summary.json counts otherwise": (count_one_more, {"wrong_summary"}),
    "a kept input is gone": (lambda run: kept_input(run, planned=True).unlink(), {"missing_input"}),
    "a kept input has changed": (lambda run: kept_input(run, planned=True).write_bytes(b"other"), {"changed_input"}),
    "an input was kept for nothing": (lambda run: kept_input(run, planned=False), {"unplanned_input"}),
}


def test_a_finished_run_is_sound(sound: Path) -> None:
    expected = {"success": 6, "failed": 2, "quarantined": 2, "skipped": 2}
    assert verify(sound) == Verification(12, dict(sorted(expected.items())), 6, ())


@pytest.mark.parametrize("what", SPOILED)
def test_what_is_wrong_is_found_and_nothing_else(run: Path, what: str) -> None:
    spoil, expected = SPOILED[what]
    spoil(run)
    found = verify(run)
    assert {finding.kind for finding in found.findings} == expected, found.findings
    assert not found.sound


def test_there_is_a_test_for_every_kind_and_a_remedy() -> None:
    assert {kind for _, kinds in SPOILED.values() for kind in kinds} == set(MENDING)


def test_one_wrong_thing_is_told_once(run: Path) -> None:
    images(run)[0].unlink()
    flip(images(run)[0], 50)
    assert counts(verify(run).findings) == {"missing_image": 1, "changed_image": 1}


def test_findings_name_pair_and_file(run: Path) -> None:
    file, success = rows(run, "success")[0]
    (run / str(success.file_name)).unlink()
    (finding,) = verify(run).findings
    assert (finding.subject, success.pair_id in finding.sentence) == (success.file_name, True)
    lose_a_file(run)
    missing = [found for found in verify(run).findings if found.kind == "missing_row"]
    assert success.pair_id in {found.subject for found in missing}
    assert all(str(file.relative_to(run)) in found.sentence for found in missing)


def test_a_run_that_was_cut_off_lacks_rows_and_nothing_else(run: Path) -> None:
    """Killed between an image and its row: the image is as planned, and will be claimed."""
    lose_a_file(run)
    (run / "summary.json").unlink()
    assert set(counts(verify(run).findings)) == {"missing_row", "wrong_summary"}


def test_what_file_managers_leave_is_nobodys_business(run: Path) -> None:
    for name in ("images/.DS_Store", "results/.DS_Store", "results/_SUCCESS", "notes.txt"):
        (run / name).write_text("")
    assert verify(run).sound


def test_nothing_is_written_and_a_lock_is_no_hindrance(run: Path) -> None:
    def state() -> dict[Path, tuple[int, int]]:
        return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in run.rglob("*")}

    with RunFolder(run).locked():
        before = state()
        assert verify(run).sound
        assert state() == before


def test_progress_ends_at_all_images(sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nst_core.run_folder.verify.verification._AT_ONCE", 4)
    seen: list[tuple[int, int]] = []
    assert verify(sound, lambda done, total: seen.append((done, total))).sound
    assert seen == [(4, 6), (6, 6)]


def test_a_folder_that_is_no_run_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="is not a run folder"):
        verify(tmp_path)


def test_a_plan_without_any_results_lacks_every_row(run: Path) -> None:
    shutil.rmtree(run / "results")
    shutil.rmtree(run / "images")
    found = verify(run)
    assert counts(found.findings)["missing_row"] == found.planned == 12


def test_a_file_of_the_run_is_where_its_chunk_says(sound: Path) -> None:
    """The fixture is what it claims to be: several chunks, each in its artist's partition."""
    files = {chunk_file(sound, row.artist_slug, row.chunk_id) for row in planned(sound)}
    assert len(files) >= 4
    assert all(file.is_file() for file in files)


@pytest.mark.parametrize("place", ["pipe", "link"])
def test_an_image_that_is_no_file_of_the_folder_is_told_at_once(run: Path, tmp_path: Path, place: str) -> None:
    image = images(run)[0]
    elsewhere = shutil.move(image, tmp_path / "elsewhere.png")
    os.mkfifo(image) if place == "pipe" else image.symlink_to(elsewhere)
    found = verify(run).findings
    assert [finding.kind for finding in found] == ["changed_image"]
    assert ("it is no file" if place == "pipe" else "it is a link") in found[0].sentence


@pytest.mark.parametrize("name", ["summary.json", "quarantine.csv", "plan", "results"])
def test_pipes_in_the_place_of_a_run_folders_files_are_told_at_once(run: Path, name: str) -> None:
    path = run / name if (run / name).is_file() else sorted((run / name).rglob("*.parquet"))[0]
    path.unlink()
    os.mkfifo(path)
    assert verify(run).findings


def test_a_pipe_in_the_place_of_run_yaml_is_an_error_at_once(run: Path) -> None:
    (run / "run.yaml").unlink()
    os.mkfifo(run / "run.yaml")
    with pytest.raises(RunFolderError, match="it is a pipe"):
        RunFolder(run).read_run_yaml()
