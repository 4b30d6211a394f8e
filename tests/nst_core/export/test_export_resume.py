"""Interrupted, grown, damaged: the same command always ends with the same bytes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nst_core.errors import DiskFull
from nst_core.export import ExportOptions, export_run, formats, imagefolder, target

MakeRun = Callable[..., Path]
FilesOf = Callable[[Path], dict[str, bytes]]
FORMATS = ["imagefolder", "webdataset", "coco"]


@pytest.fixture(autouse=True)
def small_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three images to a folder, so that a dozen make several shards."""
    monkeypatch.setattr(imagefolder, "SHARD_IMAGES", 3)
    monkeypatch.setattr("nst_core.export.coco.SHARD_IMAGES", 3)


@pytest.fixture
def options(tmp_path: Path) -> Callable[[str], ExportOptions]:
    def of(to: str) -> ExportOptions:
        if to != "coco":
            return ExportOptions(shard_size=3 if to == "webdataset" else None)
        annotations = tmp_path / "instances_val2017.json"
        images = [{"id": 100 + n, "file_name": f"{n}.jpg", "width": 48, "height": 32} for n in range(20)]
        boxes = [{"id": 500 + n, "image_id": 100 + n, "bbox": [n, 2, 4, 6], "area": 24} for n in range(20)]
        annotations.write_text(str({"images": images, "annotations": boxes}).replace("'", '"'))
        return ExportOptions(annotations=(annotations,))

    return of


@pytest.mark.parametrize("to", FORMATS)
def test_a_second_export_gives_the_same_bytes_and_a_repeated_one_writes_nothing(
    make_run: MakeRun, tmp_path: Path, files_of: FilesOf, options: Callable[[str], ExportOptions], to: str
) -> None:
    run = make_run(*[{}] * 8)
    first = export_run(run, to, tmp_path / "first", options(to))
    time.sleep(0.01)
    export_run(run, to, tmp_path / "second", options(to))
    assert files_of(tmp_path / "first") == files_of(tmp_path / "second")
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "first").rglob("*")}
    again = export_run(run, to, tmp_path / "first", options(to))
    assert (first.written, again.written, again.images) == (8, 0, 8)
    assert times == {path: path.stat().st_mtime_ns for path in (tmp_path / "first").rglob("*")}


@pytest.mark.parametrize("to", FORMATS)
@pytest.mark.parametrize("fails_at", [1, 4, 7])
def test_an_export_cut_off_anywhere_goes_on_to_the_same_bytes(
    make_run: MakeRun,
    tmp_path: Path,
    files_of: FilesOf,
    options: Callable[[str], ExportOptions],
    monkeypatch: pytest.MonkeyPatch,
    to: str,
    fails_at: int,
) -> None:
    run = make_run(*[{"split": split} for split in ("train", "val") * 4])
    export_run(run, to, tmp_path / "whole", options(to))
    read, reads = formats.image_bytes, 0

    def failing(*arguments: Any) -> bytes:
        nonlocal reads
        reads += 1
        if reads == fails_at:
            raise KeyboardInterrupt
        return read(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(formats, "image_bytes", failing)
        with pytest.raises(KeyboardInterrupt):
            export_run(run, to, tmp_path / "cut", options(to))
    report = export_run(run, to, tmp_path / "cut", options(to))
    assert files_of(tmp_path / "cut") == files_of(tmp_path / "whole")
    assert report.written == {1: 8, 4: 5, 7: 4}[fails_at]


@pytest.mark.parametrize("to", FORMATS)
def test_killed_then_given_again_it_ends_with_the_same_bytes(
    make_run: MakeRun, tmp_path: Path, files_of: FilesOf, options: Callable[[str], ExportOptions], to: str
) -> None:
    run = make_run(*[{}] * 12)
    export_run(run, to, tmp_path / "whole", options(to))
    script = f"""
import time
from pathlib import Path
from nst_core.export import ExportOptions, export_run, formats, imagefolder, coco
imagefolder.SHARD_IMAGES = coco.SHARD_IMAGES = 3
read = formats.image_bytes
formats.image_bytes = lambda *given: (time.sleep(0.1), read(*given))[1]
export_run(Path({str(run)!r}), {to!r}, Path({str(tmp_path / "cut")!r}), ExportOptions(
    shard_size={options(to).shard_size}, annotations=tuple(map(Path, {[*map(str, options(to).annotations)]}))))
"""
    process = subprocess.Popen([sys.executable, "-c", script])
    deadline = time.monotonic() + 60
    marker = tmp_path / "cut" / target.MARKER
    while not (marker.exists() and b'"digest"' in marker.read_bytes()) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    cut = files_of(tmp_path / "cut")
    assert b'"complete": false' in cut[target.MARKER]
    assert len(cut) < len(files_of(tmp_path / "whole"))
    report = export_run(run, to, tmp_path / "cut", options(to))
    assert 0 < report.written < 12
    assert files_of(tmp_path / "cut") == files_of(tmp_path / "whole")


@pytest.mark.parametrize("to", FORMATS)
def test_a_run_that_grew_or_shrank_is_exported_as_if_anew(
    make_run: MakeRun, tmp_path: Path, files_of: FilesOf, options: Callable[[str], ExportOptions], to: str
) -> None:
    for number, count in enumerate((7, 11, 4)):
        run = make_run(*[{"label": f"label {n}", "split": None if n < 6 else "val"} for n in range(count)])
        export_run(run, to, tmp_path / "kept", options(to))
        export_run(run, to, tmp_path / f"new{number}", options(to))
        assert files_of(tmp_path / "kept") == files_of(tmp_path / f"new{number}")
        assert not [path for path in (tmp_path / "kept").rglob("*") if path.is_dir() and not any(path.iterdir())]
        shutil.rmtree(run)


@pytest.mark.parametrize("to", FORMATS)
def test_an_image_that_is_mended_comes_in_at_the_next_try(
    make_run: MakeRun, tmp_path: Path, files_of: FilesOf, options: Callable[[str], ExportOptions], to: str
) -> None:
    run = make_run(*[{}] * 4)
    export_run(run, to, tmp_path / "whole", options(to))
    path = sorted((run / "images").iterdir())[0]
    data = path.read_bytes()
    path.write_bytes(data + b"more")
    for _ in range(2):
        report = export_run(run, to, tmp_path / "out", options(to))
        assert [one.file_name for one in report.left_out] == [f"images/{path.name}"]
        assert report.images == 3
    assert b"1 images of the run were left out" in files_of(tmp_path / "out")["README.md"]
    path.write_bytes(data)
    assert export_run(run, to, tmp_path / "out", options(to)).left_out == ()
    assert files_of(tmp_path / "out") == files_of(tmp_path / "whole")


def test_a_shard_that_was_taken_away_is_made_again(make_run: MakeRun, tmp_path: Path, files_of: FilesOf) -> None:
    run = make_run(*[{}] * 8)
    export_run(run, "imagefolder", tmp_path / "out")
    whole = files_of(tmp_path / "out")
    next((tmp_path / "out" / "train" / "0001").glob("*.png")).unlink()
    shutil.rmtree(tmp_path / "out" / "train" / "0002")
    assert export_run(run, "imagefolder", tmp_path / "out").written == 5
    assert files_of(tmp_path / "out") == whole


@pytest.mark.parametrize("to", FORMATS)
def test_a_full_disk_stops_it_with_a_sentence_and_leaves_nothing_half_written(
    make_run: MakeRun,
    tmp_path: Path,
    files_of: FilesOf,
    options: Callable[[str], ExportOptions],
    monkeypatch: pytest.MonkeyPatch,
    to: str,
) -> None:
    run = make_run(*[{}] * 8)
    export_run(run, to, tmp_path / "whole", options(to))
    read, reads = formats.image_bytes, 0

    def full(*arguments: Any) -> bytes:
        nonlocal reads
        reads += 1
        if reads == 5:
            raise OSError(28, "No space left on device")
        return read(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(formats, "image_bytes", full)
        with pytest.raises(DiskFull, match=r"No space left to write .*: free some"):
            export_run(run, to, tmp_path / "out", options(to))
    assert not list((tmp_path / "out").rglob("*~"))
    assert b'"complete": false' in files_of(tmp_path / "out")[target.MARKER]
    export_run(run, to, tmp_path / "out", options(to))
    assert files_of(tmp_path / "out") == files_of(tmp_path / "whole")
