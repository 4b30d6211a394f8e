"""What an export does with the folder that it is given."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from nst_core.errors import UsageError
from nst_core.export import export_run
from nst_core.export.target import LOCK_FILE, MARKER

MakeRun = Callable[..., Path]


def test_a_folder_that_holds_something_else_is_refused_and_untouched(
    make_run: MakeRun, tmp_path: Path, files_of: Callable[[Path], dict[str, bytes]]
) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"holds thesis\.txt and is no export: give a new or empty folder"):
        export_run(make_run({}), "imagefolder", target)
    assert files_of(target) == {"thesis.txt": b"mine"}


def test_another_run_s_or_format_s_export_is_refused(make_run: MakeRun, tmp_path: Path) -> None:
    run, other = make_run({}), make_run({}, name="other")
    export_run(run, "imagefolder", tmp_path / "out")
    with pytest.raises(UsageError, match="holds an export of the run 'run' as imagefolder, this would be 'other'"):
        export_run(other, "imagefolder", tmp_path / "out")
    with pytest.raises(UsageError, match="this would be 'run' as webdataset: give another folder"):
        export_run(run, "webdataset", tmp_path / "out")


def test_only_folders_of_the_export_itself_are_cleared_away(make_run: MakeRun, tmp_path: Path) -> None:
    target = tmp_path / "out"
    export_run(make_run({"split": "val"}, {"split": "train"}), "imagefolder", target)
    (target / ".git" / "refs" / "tags").mkdir(parents=True)
    export_run(make_run({"split": "train"}, {"split": "train"}), "imagefolder", target)
    assert sorted(path.name for path in target.iterdir() if path.is_dir()) == [".git", "train"]
    assert (target / ".git" / "refs" / "tags").is_dir()


def test_a_target_inside_the_run_folder_is_refused(make_run: MakeRun) -> None:
    run = make_run({})
    for target in (run, run / "images" / "export"):
        with pytest.raises(UsageError, match="inside the run folder"):
            export_run(run, "imagefolder", target)
    assert not (run / "images" / "export").exists()


@pytest.mark.parametrize("text", ["{", "[]", '{"export": 99}', '{"name": "a package of somebody\'s"}'])
def test_a_marker_that_is_not_ours_is_refused(make_run: MakeRun, tmp_path: Path, text: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / MARKER).write_text(text)
    with pytest.raises(UsageError, match="is not what an export writes"):
        export_run(make_run({}), "imagefolder", tmp_path / "out")


@pytest.mark.parametrize("name", ["../precious", "/tmp/precious", "train/../../precious", ""])
def test_a_marker_never_has_anything_outside_removed(make_run: MakeRun, tmp_path: Path, name: str) -> None:
    run, target = make_run({}), tmp_path / "out"
    export_run(run, "imagefolder", target)
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    marker = json.loads((target / MARKER).read_text())
    marker["shards"][name] = marker["shards"]["train/0000"]
    (target / MARKER).write_text(json.dumps(marker))
    with pytest.raises(UsageError, match="is not what an export writes"):
        export_run(run, "imagefolder", target)
    assert (tmp_path / "precious" / "file").exists()


def test_two_exports_to_one_folder_do_not_meet(make_run: MakeRun, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with (
        FileLock(tmp_path / "out" / LOCK_FILE),
        pytest.raises(UsageError, match="Another nst process exports to"),
    ):
        export_run(make_run({}), "imagefolder", tmp_path / "out")
    assert not (tmp_path / "out" / MARKER).exists()


def test_a_target_that_cannot_be_made_is_said(make_run: MakeRun, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written"):
        export_run(make_run({}), "imagefolder", tmp_path / "file" / "out")
    with pytest.raises(UsageError, match="cannot be written"):
        export_run(make_run({}), "imagefolder", tmp_path / "file")


def test_a_run_at_work_is_exported_as_it_stands_and_that_is_said(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run({}, {"status": "failed"})
    (run / ".lock").touch()
    assert export_run(run, "imagefolder", tmp_path / "before").notes == ()
    descriptor = os.open(run / ".lock", os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    report = export_run(run, "imagefolder", tmp_path / "out")
    os.close(descriptor)
    assert report.notes == (f"Another process is working in {run}: what was there is exported.",)
    assert (report.images, report.planned) == (1, 2)


def test_a_run_without_images_and_a_folder_that_is_no_run_are_refused(make_run: MakeRun, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no images yet: there is nothing to export"):
        export_run(make_run({"status": "failed"}), "imagefolder", tmp_path / "out")
    with pytest.raises(UsageError, match="is not a run folder"):
        export_run(tmp_path / "nowhere", "imagefolder", tmp_path / "out")
    assert not (tmp_path / "out").exists()
