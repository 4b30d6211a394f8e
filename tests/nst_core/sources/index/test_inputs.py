"""What a plan learns of an input: size and hash, or the true reason why it cannot be used."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from nst_core.engine.images.pixels import ImageLimits
from nst_core.errors import EmptyImage, MissingImage
from nst_core.sources.index import image_metadata
from nst_core.sources.index.inputs import Input, current_sha256, first_error
from nst_core.sources.index.scan import inspect_input
from nst_core.storage.paths import file_state

MakeImage = Callable[..., Path]
LIMITS = ImageLimits()


def test_a_good_image_gives_size_and_hash(tmp_path: Path, make_image: MakeImage) -> None:
    path = make_image(tmp_path / "a.png", 40, 30)
    status = path.stat()
    assert inspect_input(path, LIMITS) == Input(
        path,
        40,
        30,
        hashlib.sha256(path.read_bytes()).hexdigest(),
        status.st_size,
        status.st_mtime_ns,
        mode="RGB",
        format="PNG",
    )


def test_the_size_is_that_after_the_orientation(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 30)).save(tmp_path / "a.jpg", exif=exif)
    found = inspect_input(tmp_path / "a.jpg", LIMITS)
    assert (found.width, found.height) == (30, 40)


def test_a_missing_file_has_no_hash_and_no_state(tmp_path: Path) -> None:
    found = inspect_input(tmp_path / "nope.jpg", LIMITS)
    assert isinstance(found.error, MissingImage)
    assert (found.sha256, found.size_bytes, found.mtime_ns, found.width) == (None, -1, -1, 0)


def test_a_bad_image_keeps_its_hash_so_that_a_mended_one_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no image")
    found = inspect_input(tmp_path / "a.jpg", LIMITS)
    assert type(found.error).__name__ == "NotAnImage"
    assert found.sha256 == hashlib.sha256(b"no image").hexdigest()
    assert found.size_bytes == 8


def test_an_empty_file_is_empty(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    assert isinstance(inspect_input(tmp_path / "a.jpg", LIMITS).error, EmptyImage)


def test_a_name_that_is_no_text_is_the_reason(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.jpg")
    found = inspect_input(path, LIMITS)
    assert str(found.error) == f"{tmp_path}/caf\\xe9.jpg: its name is not valid UTF-8: rename it"
    str(found.error).encode()


def test_a_trouble_of_the_system_is_not_blamed_on_the_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_bytes(_path: Path) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(image_metadata, "read_bytes", read_bytes)
    with pytest.raises(OSError, match="Input/output error"):
        inspect_input(tmp_path / "a.jpg", LIMITS)


@pytest.mark.parametrize("name", ["nope", "nope/nope", "x" * 500, "a\0b"])
def test_the_state_of_what_is_not_there_is_minus_one(tmp_path: Path, name: str) -> None:
    assert file_state(tmp_path / name) == (-1, -1)


def test_the_first_error_counts() -> None:
    fine, bad, worse = Input(Path("a")), Input(Path("b"), error=EmptyImage("b", "x")), Input(Path("c"))
    assert first_error([fine, worse]) is None
    assert first_error([fine, bad, worse]) is bad.error


def test_the_present_hash_is_that_of_the_bytes_and_none_where_there_are_none(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"some bytes")
    (tmp_path / "empty").touch()
    assert current_sha256(tmp_path / "a") == hashlib.sha256(b"some bytes").hexdigest()
    assert [current_sha256(tmp_path / name) for name in ("empty", "nope", ".", "a\0b")] == [None] * 4
