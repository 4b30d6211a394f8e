"""The run folder: one process at a time, one method, and the truth about what is done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planned import METHOD, PRINTS, pair, plan, planned, success

from nst_core.config.fingerprint import fingerprints
from nst_core.config.output import Output
from nst_core.config.run_config import parse_config
from nst_core.errors import DiskFull, RunFolderError, StrictInputs
from nst_core.manifest.pairing import StyleShare
from nst_core.run_folder.chunk import done_pairs, pending_chunks
from nst_core.run_folder.folder import Outcome, RunFolder
from nst_core.run_folder.plan_table import PLAN_SCHEMA, Plan
from nst_core.run_folder.results import chunk_file, unfinished_result, write_results
from nst_core.sources.base import Item

HOLDER = """
import sys, time
from pathlib import Path
from nst_core.run_folder.folder import RunFolder
with RunFolder(Path(sys.argv[1])).locked():
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def another_process_holds(folder: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.wait()


def lock(folder: Path) -> None:
    with RunFolder(folder).locked():
        pass


class TestLock:
    def test_a_second_process_is_refused_until_the_first_is_killed(self, tmp_path: Path) -> None:
        with another_process_holds(tmp_path / "run") as process:
            with pytest.raises(RunFolderError, match=r"Another nst process is working in .*run: wait for it to end"):
                lock(tmp_path / "run")
            process.send_signal(signal.SIGKILL)
            process.wait()
            lock(tmp_path / "run")

    def test_the_lock_is_released_at_the_end_and_after_an_error(self, tmp_path: Path) -> None:
        def fail() -> None:
            with RunFolder(tmp_path).locked():
                raise KeyError

        with pytest.raises(KeyError):
            fail()
        lock(tmp_path)
        lock(tmp_path)

    def test_what_a_killed_process_left_is_cleared(self, tmp_path: Path) -> None:
        leftover = tmp_path / "images" / ".0123456789abcdef.tmp~"
        leftover.parent.mkdir()
        leftover.write_bytes(b"half")
        lock(tmp_path)
        assert not leftover.exists()

    def test_who_is_refused_clears_nothing(self, tmp_path: Path) -> None:
        with RunFolder(tmp_path).locked():
            growing = tmp_path / ".0123456789abcdef.tmp~"
            growing.write_bytes(b"half")
            with pytest.raises(RunFolderError):
                lock(tmp_path)
            assert growing.exists()

    def test_a_folder_that_cannot_be_made_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(
            RunFolderError, match=r"cannot be written \(Not a directory\): choose another with output\.root"
        ):
            lock(tmp_path / "file" / "run")

    def test_a_full_disk_is_told_as_such(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def mkdir(*_arguments: object, **_options: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "mkdir", mkdir)
        with pytest.raises(DiskFull):
            lock(tmp_path / "run")


class TestWritable:
    def test_a_folder_that_is_yet_to_be_made_is_fine_and_not_made(self, tmp_path: Path) -> None:
        RunFolder(tmp_path / "a" / "b").check_writable()
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that nobody can write to")
    def test_the_nearest_folder_above_must_be_writable(self) -> None:
        with pytest.raises(RunFolderError, match=r"cannot be written \(.*\): choose another with output\.root"):
            RunFolder(Path("/proc/a/b")).check_writable()

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_a_folder_without_permission_is_refused(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o500)
        with pytest.raises(RunFolderError, match="cannot be written"):
            RunFolder(tmp_path / "run").check_writable()

    def test_a_file_in_the_way_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "outputs").write_text("")
        for path in (tmp_path / "outputs", tmp_path / "outputs" / "run"):
            with pytest.raises(RunFolderError, match="cannot be written"):
                RunFolder(path).check_writable()

    def test_a_link_that_leads_nowhere_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "outputs").symlink_to(tmp_path / "unmounted")
        with pytest.raises(RunFolderError, match="cannot be written"):
            RunFolder(tmp_path / "outputs" / "run").check_writable()

    def test_a_name_that_is_too_long_is_refused_when_the_folder_is_made(self, tmp_path: Path) -> None:
        name = parse_config({"name": "北" * 100}).name
        RunFolder(tmp_path / name).check_writable()
        with pytest.raises(RunFolderError, match="File name too long"):
            lock(tmp_path / name)

    def test_a_path_within_the_current_folder_is_fine(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        RunFolder(Path("outputs/run")).check_writable()


class TestMethod:
    OTHER = fingerprints(METHOD.method.resolve(), None, Output(quality=90, size="original"), METHOD.pairing)

    def run_yaml_data(self) -> dict[str, Any]:
        return {"method_fingerprint": PRINTS.method, "method_fingerprint_data": dict(PRINTS.method_data)}

    def test_the_same_method_is_welcome(self, tmp_path: Path) -> None:
        folder = RunFolder(tmp_path)
        folder.check_method(PRINTS)
        folder.write_run_yaml(self.run_yaml_data())
        folder.append_plan(0, [Plan.of(plan([pair()])).table])
        folder.check_method(PRINTS)

    def test_another_method_is_refused_naming_the_changed_keys(self, tmp_path: Path) -> None:
        folder = RunFolder(tmp_path)
        folder.write_run_yaml(self.run_yaml_data())
        with pytest.raises(RunFolderError) as caught:
            folder.check_method(self.OTHER)
        assert "Changed: output.quality (95 → 90), output.size (method → original). " in str(caught.value)
        assert "--set name=" in str(caught.value)

    @pytest.mark.parametrize("text", [None, "", "name: x\n"])
    def test_another_method_is_refused_also_where_run_yaml_was_lost(self, tmp_path: Path, text: str | None) -> None:
        folder = RunFolder(tmp_path)
        folder.append_plan(0, [Plan.of(plan([pair()])).table])
        if text is not None:
            (tmp_path / "run.yaml").write_text(text)
        folder.check_method(PRINTS)
        with pytest.raises(RunFolderError, match=r"made by another method, and its run\.yaml"):
            folder.check_method(self.OTHER)

    @pytest.mark.parametrize("data", [b"a: [", b"\xff\xfe\x00"])
    def test_a_damaged_run_file_is_refused(self, tmp_path: Path, data: bytes) -> None:
        (tmp_path / "run.yaml").write_bytes(data)
        with pytest.raises(RunFolderError, match=r"run\.yaml cannot be read"):
            RunFolder(tmp_path).check_method(PRINTS)


class TestRunFile:
    def test_it_is_read_as_written(self, tmp_path: Path) -> None:
        data = {"config": {"name": "Käse: 1", "x": [1, 0.001, 1e-7, None, True]}, "path": "caf\udce9"}
        RunFolder(tmp_path).write_run_yaml(data)
        assert RunFolder(tmp_path).read_run_yaml() == data

    def test_one_that_says_the_same_is_left_untouched(self, tmp_path: Path) -> None:
        folder, path = RunFolder(tmp_path), tmp_path / "run.yaml"
        folder.write_run_yaml({"config": {"alpha": 1e-7}, "command": "nst run a", "created_at": "yesterday"})
        before = (path.read_bytes(), path.stat().st_ino)
        folder.write_run_yaml({"config": {"alpha": 1e-7}, "command": "nst run b", "created_at": "today"})
        assert (path.read_bytes(), path.stat().st_ino) == before
        folder.write_run_yaml({"config": {"alpha": 2e-7}, "command": "nst run c", "created_at": "today"})
        assert folder.read_run_yaml()["command"] == "nst run c"

    def test_a_folder_is_a_run_folder_once_it_has_one(self, tmp_path: Path) -> None:
        folder = RunFolder(tmp_path)
        assert not folder.exists()
        assert folder.read_run_yaml() == {}
        folder.write_run_yaml({"config": {}})
        assert folder.exists()
        assert not RunFolder(tmp_path / "nope").exists()


class TestPlan:
    def test_rows_come_back_as_they_were(self, tmp_path: Path) -> None:
        blend = (StyleShare(Item("x", Path("x"), genre="oil"), 0.7), StyleShare(Item("y", Path("y")), 0.1 + 0.2))
        pairs = [
            pair("Käse 🎨.jpg", artist="北斎", label="Käse", split="val", extras={"Größe": "3 m", "leer": ""}),
            replace(pair("b.jpg", artist=None), styles=blend),
        ]
        bad = planned(pair_id="0" * 16, error_class="EmptyImage", style_sha256=(None,), style_weight=0.1)
        rows = [*plan(pairs), bad]
        folder = RunFolder(tmp_path)
        folder.append_plan(0, [Plan.of(rows).table])
        assert list(folder.read_plan()) == rows
        assert all(isinstance(row.style_ids, tuple) and isinstance(row.extras, dict) for row in folder.read_plan())

    def test_a_part_written_table_by_table_is_read_as_one(self, tmp_path: Path) -> None:
        rows = plan([pair(f"{i}.jpg", f"s{i % 5}.jpg", f"Artist {i % 7}", label=f"l{i}") for i in range(40)])
        folder = RunFolder(tmp_path)
        folder.append_plan(0, (Plan.of(rows[i : i + 6]).table for i in range(0, 40, 6)))
        read = folder.read_plan()
        assert list(read) == rows
        assert sorted(read.distinct("artist")) == [(f"Artist {i}",) for i in range(7)]
        assert [row for chunk in pending_chunks(read, np.zeros(40, bool)) for row in chunk.rows] == rows

    def test_the_columns_are_the_fields_of_a_planned_pair(self) -> None:
        assert set(PLAN_SCHEMA.names) == set(planned().__dict__)

    def test_parts_are_appended_and_old_ones_never_touched(self, tmp_path: Path) -> None:
        folder = RunFolder(tmp_path)
        assert folder.next_part() == 0
        first = plan([pair("a.jpg")])
        folder.append_plan(0, [Plan.of(first).table])
        path = tmp_path / "plan" / "part-00000.parquet"
        before = (path.read_bytes(), path.stat().st_mtime_ns)
        second = plan([pair("a.jpg"), pair("b.jpg")], number=folder.next_part(), earlier=folder.read_plan())
        folder.append_plan(folder.next_part(), [Plan.of(second).table])
        assert list(folder.read_plan()) == [*first, *second]
        assert folder.next_part() == 2
        assert (path.read_bytes(), path.stat().st_mtime_ns) == before

    def test_other_files_among_the_parts_do_no_harm(self, tmp_path: Path) -> None:
        folder = RunFolder(tmp_path)
        folder.append_plan(0, [Plan.of(plan([pair()])).table])
        for name in ("part-00000 (copy).parquet", "part-x.parquet", "notes.txt"):
            (tmp_path / "plan" / name).write_bytes(b"x")
        assert folder.next_part() == 1
        assert len(folder.read_plan()) == 1

    def test_a_damaged_part_is_refused_by_name(self, tmp_path: Path) -> None:
        folder = RunFolder(tmp_path)
        folder.append_plan(0, [Plan.of(plan([pair()])).table])
        path = tmp_path / "plan" / "part-00000.parquet"
        path.write_bytes(path.read_bytes()[:-9])
        with pytest.raises(RunFolderError, match=r"part-00000\.parquet is damaged: restore it"):
            folder.read_plan()


class TestOutcomes:
    def test_they_are_what_the_results_say(self, tmp_path: Path) -> None:
        one, two = plan([pair("a.jpg"), pair("b.jpg")])
        lost = unfinished_result(two, "quarantined", 3, "EmptyImage", "b.jpg: empty")
        write_results(
            [success(one, content_sha256="1" * 64), lost], chunk_file(tmp_path, one.artist_slug, one.chunk_id)
        )
        assert RunFolder(tmp_path).outcomes() == {
            one.pair_id: Outcome("success", one.file_name, 1, ("1" * 64, "0" * 64)),
            two.pair_id: Outcome("quarantined", None, 3, ("0" * 64, "0" * 64), "EmptyImage"),
        }

    @pytest.mark.parametrize("damage", [b"", b"PAR1", None])
    def test_a_damaged_part_counts_as_not_there_and_the_others_count(
        self, tmp_path: Path, damage: bytes | None
    ) -> None:
        one, two = plan([pair("a.jpg"), pair("b.jpg", artist="Hokusai")])
        for row in (one, two):
            write_results([success(row)], chunk_file(tmp_path, row.artist_slug, row.chunk_id))
        path = chunk_file(tmp_path, one.artist_slug, one.chunk_id)
        path.write_bytes(path.read_bytes()[:-9] if damage is None else damage)
        assert set(RunFolder(tmp_path).outcomes()) == {two.pair_id}

    def test_a_folder_without_results_has_none(self, tmp_path: Path) -> None:
        assert RunFolder(tmp_path).outcomes() == {}
        assert RunFolder(tmp_path).image_files() == set()

    def test_images_are_found_wherever_they_lie(self, tmp_path: Path) -> None:
        for name in ("images/a.jpg", "images/train/cat/b.jpg", "gallery/c.jpg"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(b"x")
        assert RunFolder(tmp_path).image_files() == {"images/a.jpg", "images/train/cat/b.jpg"}


@pytest.mark.parametrize(
    ("status", "image", "changed", "done"),
    [
        (None, False, False, False),
        (None, True, False, False),
        ("success", True, False, True),
        ("success", False, False, False),
        ("success", True, True, True),
        ("success", False, True, False),
        ("failed", False, False, False),
        ("failed", True, False, False),
        ("quarantined", False, False, True),
        ("quarantined", False, True, False),
        ("skipped", False, False, False),
    ],
)
def test_whether_a_pair_is_done(status: str | None, image: bool, changed: bool, done: bool) -> None:
    row = planned()
    outcomes = {row.pair_id: Outcome(status, row.file_name if status == "success" else None, 1)} if status else {}
    images = {row.file_name} if image else set()
    assert done_pairs(Plan.of([row]), outcomes, images, {row.pair_id} if changed else set()).tolist() == [done]


@pytest.mark.parametrize("changed", [False, True])
def test_a_skipped_pair_is_done_while_the_plan_leaves_it_out(changed: bool) -> None:
    row = planned(error_class="ExcludedLicense", error_message="a.jpg: its licence")
    outcomes = {row.pair_id: Outcome("skipped", None, 1)}
    assert done_pairs(Plan.of([row]), outcomes, set(), {row.pair_id} if changed else set()).tolist() == [True]


def test_chunks_with_work_left_are_whole_and_say_what_is_wanted() -> None:
    rows = plan([pair(f"{i}.jpg", artist=artist) for i in range(6) for artist in ("A", "B")])
    assert pending_chunks(Plan.of(rows), np.ones(len(rows), bool)) == []
    missing = rows[-1]
    (chunk,) = pending_chunks(Plan.of(rows), np.array([row is not missing for row in rows]))
    assert (chunk.chunk_id, chunk.artist_slug) == (missing.chunk_id, missing.artist_slug)
    assert list(chunk.rows) == [row for row in rows if row.chunk_id == missing.chunk_id]
    assert chunk.wanted == {missing.pair_id}


def test_chunks_come_in_the_order_of_the_plan_and_hold_every_pair() -> None:
    rows = plan([pair(f"{i}.jpg", artist=artist) for i in range(6) for artist in ("A", "B")])
    chunks = pending_chunks(Plan.of(rows), np.zeros(len(rows), bool))
    assert [chunk.chunk_id for chunk in chunks] == sorted({row.chunk_id for row in rows})
    assert [row for chunk in chunks for row in chunk.rows] == rows
    assert frozenset().union(*(chunk.wanted for chunk in chunks)) == {row.pair_id for row in rows}


def test_a_run_that_is_refused_before_it_wrote_anything_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(StrictInputs), RunFolder(tmp_path / "new").locked():
        raise StrictInputs("bad")
    assert not (tmp_path / "new").exists()
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "run.yaml").write_text("config: {}")
    with pytest.raises(StrictInputs), RunFolder(tmp_path / "old").locked():
        raise StrictInputs("bad")
    assert (tmp_path / "old" / "run.yaml").exists()
