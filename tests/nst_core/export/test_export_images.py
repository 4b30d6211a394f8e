"""Which files of a run folder an export touches at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from nst_core.errors import InputError
from nst_core.export import export_run
from nst_core.export.images import export_names, image_bytes, image_path
from nst_core.export.rows import ExportRow


def row(file_name: str, pair_id: str = "0123456789abcdef", **columns: object) -> ExportRow:
    told = {"width": 4, "height": 4, "output_sha256": None, "label": None} | columns
    return ExportRow(pair_id, file_name, None, "", told)


@pytest.mark.parametrize(
    "name",
    [
        "../secret.png",
        "/etc/passwd.png",
        "images/../../secret.png",
        "images\\..\\secret.png",
        "images/a\0.png",
        "",
        ".",
    ],
)
def test_names_that_lead_outside_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.png").write_bytes(b"secret")
    run = tmp_path / "run"
    (run / "images").mkdir(parents=True)
    with pytest.raises(InputError):
        image_path(run, row(name))


def test_links_and_other_things_that_are_no_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(b"secret")
    images = tmp_path / "run" / "images"
    images.mkdir(parents=True)
    (images / "link.png").symlink_to(tmp_path / "secret.png")
    (images / "folder.png").mkdir()
    (images / "linked").symlink_to(tmp_path)
    os.mkfifo(images / "pipe.png")
    for name in ("link.png", "folder.png", "linked/secret.png", "pipe.png"):
        with pytest.raises(InputError, match="not a file of the run folder"):
            image_path(tmp_path / "run", row(f"images/{name}"))


def test_images_on_another_disk_may_be_linked_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "a.png").write_bytes(b"image")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "images").symlink_to(tmp_path / "disk")
    assert image_path(tmp_path / "run", row("images/a.png")).read_bytes() == b"image"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"file_name": "../run/images/0.png"}, "its row leads outside of the run folder"),
        ({"file_name": "images/gone.png"}, "there is no such file"),
        ({"file_name": "run.yaml"}, "its name does not end in .jpg, .jpeg, .png"),
        ({"output_sha256": "0" * 64}, "its bytes are not those that were written (output_sha256)"),
        ({"output_sha256": None}, "its bytes are not those that were written (output_sha256)"),
        ({"pair_id": "../../up"}, "its pair id '../../up' is none"),
    ],
)
@pytest.mark.parametrize("to", ["imagefolder", "webdataset"])
def test_bad_rows_are_left_out_and_reported(
    make_run: Callable[..., Path], tmp_path: Path, to: str, changes: dict[str, object], reason: str
) -> None:
    run = make_run({}, changes, {})
    report = export_run(run, to, tmp_path / "out")
    assert [(one.file_name, one.reason) for one in report.left_out] == [
        (changes.get("file_name", report.left_out[0].file_name), reason)
    ]
    assert (report.images, report.planned) == (2, 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "run"]


def test_a_row_without_a_size_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"")
    sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    with pytest.raises(InputError, match="no width and height"):
        image_bytes(path, row("a.png", output_sha256=sha256, width=None))


def test_names_are_the_run_s_own_where_they_are_plain_and_distinct() -> None:
    rows = [
        row("images/cats/a--b--01234567.jpg"),
        row("images/dogs/a--b--01234567.jpg", "01234567ffffffff"),
        row("images/metadata.png", "aaaaaaaaaaaaaaaa"),
        row("images/.hidden--bbbbbbbb.png", "bbbbbbbbbbbbbbbb"),
        row("images/a b--cccccccc.PNG", "cccccccccccccccc"),
    ]
    assert list(export_names(rows).values()) == [
        "a--b--01234567.jpg",
        "01234567ffffffff.jpg",
        "aaaaaaaaaaaaaaaa.png",
        "bbbbbbbbbbbbbbbb.png",
        "cccccccccccccccc.png",
    ]
