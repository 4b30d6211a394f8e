"""What a run folder names has to lie in it, behind no link."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nst_core.run_folder.own_files import ForeignFile, check_own_file, own_file_or_none, read_own_file


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "secret.png").write_bytes(b"secret")
    images = tmp_path / "run" / "images"
    (images / "cat").mkdir(parents=True)
    (images / "cat" / "a.png").write_bytes(b"own")
    (images / "link.png").symlink_to(tmp_path / "secret.png")
    (images / "linked").symlink_to(tmp_path)
    (images / "images").symlink_to(tmp_path)
    os.mkfifo(images / "pipe.png")
    return tmp_path / "run"


@pytest.mark.parametrize(
    "name",
    [
        "images/link.png",
        "images/linked/secret.png",
        "images/images/secret.png",
        "images/pipe.png",
        "images/cat",
        "images/../../secret.png",
        "../secret.png",
        "/etc/passwd",
        "images\\a.png",
        "a\0b",
        "",
        None,
    ],
)
def test_foreign_files(run: Path, name: str | None) -> None:
    with pytest.raises(ForeignFile):
        check_own_file(run, name)
    with pytest.raises(ForeignFile):
        read_own_file(run, name)
    assert own_file_or_none(run, name) is None


def test_own_files(run: Path) -> None:
    assert check_own_file(run, "images/cat/a.png") == run / "images" / "cat" / "a.png"
    assert read_own_file(run, "images/cat/a.png") == b"own"
    assert own_file_or_none(run, "images/gone/b.png") == run / "images" / "gone" / "b.png"
    with pytest.raises(FileNotFoundError):
        read_own_file(run, "images/gone.png")


def test_the_folder_of_images_may_lie_on_another_disk(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "a.png").write_bytes(b"own")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "images").symlink_to(tmp_path / "disk")
    assert read_own_file(tmp_path / "run", "images/a.png") == b"own"
