"""Only regular files are opened, and never with a wait."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from nst_core.engine import regular_files as engine_files
from nst_core.storage import regular_files
from nst_core.storage.atomic import append_line, write_if_changed
from nst_core.storage.regular_files import NOT_REGULAR, check_regular, open_regular, read_regular


@pytest.mark.parametrize("use", [open_regular, read_regular, check_regular, engine_files.open_regular])
@pytest.mark.parametrize("name", ["pipe", "link", "/dev/zero"])
def test_pipes_and_devices_are_errors_at_once(use, name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    with pytest.raises(OSError, match=NOT_REGULAR) as caught:
        use(tmp_path / name)
    assert (caught.value.errno, caught.value.strerror) == (errno.EINVAL, NOT_REGULAR)


@pytest.mark.parametrize("use", [open_regular, engine_files.open_regular])
def test_a_pipe_that_takes_the_place_of_a_file_after_the_first_look(
    use, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    status = (tmp_path / "file").stat()
    monkeypatch.setattr(Path, "stat", lambda *_, **__: status)
    with pytest.raises(OSError, match=NOT_REGULAR):
        use(tmp_path / "pipe")


def test_files_are_read_and_links_followed_unless_asked_not_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert read_regular(tmp_path / "link") == b"abc"
    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
        read_regular(tmp_path / "link", follow=False)
    with pytest.raises(IsADirectoryError):
        read_regular(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_regular(tmp_path / "gone")


def test_what_is_written_replaces_pipes_and_links(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"abc")
    (tmp_path / "link").symlink_to(tmp_path / "other")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe"):
        write_if_changed(tmp_path / name, b"abc")
        assert (tmp_path / name).is_file()
        assert not (tmp_path / name).is_symlink()


def test_no_line_is_appended_to_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match=NOT_REGULAR):
        append_line(tmp_path / "pipe", "line")


def test_both_say_the_same() -> None:
    assert engine_files.NOT_REGULAR == regular_files.NOT_REGULAR
