"""Opening files and reading headers."""

from __future__ import annotations

import errno
import hashlib
import io
import os
from pathlib import Path

import numpy as np
import pytest
from image_samples import HERE, LIMITS, decoded, noise, picture, saved
from PIL import Image

from nst_core.engine.images.files import read_bytes
from nst_core.engine.images.pixels import (
    ImageInfo,
    decode_image,
    probe_image,
)
from nst_core.errors import (
    EmptyImage,
    MissingImage,
    UnreadableImage,
)

pytestmark = pytest.mark.filterwarnings(r"ignore::UserWarning:PIL\.")  # about the metadata that we damage on purpose

OPEN = "nst_core.engine.images.files.open_regular"


def test_read_bytes_gives_the_files_bytes_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert read_bytes(tmp_path / "link") == b"abc"


@pytest.mark.parametrize(
    "use", [read_bytes, lambda path: probe_image(path, LIMITS), lambda path: decode_image(path, LIMITS)]
)
class TestFilesThatCannotBeRead:
    def test_no_such_file(self, tmp_path: Path, use) -> None:
        with pytest.raises(MissingImage, match="there is no such file") as caught:
            use(tmp_path / "a.jpg")
        assert str(caught.value).startswith(f"{tmp_path / 'a.jpg'}: ")

    def test_a_folder_of_the_path_is_a_file(self, tmp_path: Path, use) -> None:
        (tmp_path / "a").write_bytes(b"abc")
        with pytest.raises(MissingImage):
            use(tmp_path / "a" / "b.jpg")

    def test_a_dangling_link_says_so(self, tmp_path: Path, use) -> None:
        (tmp_path / "link.jpg").symlink_to(tmp_path / "gone.jpg")
        with pytest.raises(MissingImage, match="a link that leads nowhere"):
            use(tmp_path / "link.jpg")

    def test_a_link_to_itself(self, tmp_path: Path, use) -> None:
        (tmp_path / "link.jpg").symlink_to(tmp_path / "link.jpg")
        with pytest.raises(MissingImage, match="leads to itself"):
            use(tmp_path / "link.jpg")

    def test_a_name_that_is_too_long(self, tmp_path: Path, use) -> None:
        with pytest.raises(MissingImage, match="too long"):
            use(tmp_path / ("a" * 300))

    def test_a_name_that_no_file_can_have(self, use) -> None:
        with pytest.raises(MissingImage):
            use(Path("a\0b"))

    def test_a_directory(self, tmp_path: Path, use) -> None:
        with pytest.raises(UnreadableImage, match="a directory"):
            use(tmp_path)

    def test_a_pipe_is_refused_without_waiting(self, tmp_path: Path, use) -> None:
        os.mkfifo(tmp_path / "pipe.jpg")
        with pytest.raises(UnreadableImage, match="not a file"):
            use(tmp_path / "pipe.jpg")

    def test_a_device(self, use) -> None:
        with pytest.raises(UnreadableImage):
            use(Path("/dev/zero"))

    def test_an_empty_file(self, tmp_path: Path, use) -> None:
        (tmp_path / "a.jpg").touch()
        with pytest.raises(EmptyImage, match="0 bytes"):
            use(tmp_path / "a.jpg")

    @pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM])
    def test_no_permission(self, tmp_path: Path, use, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "a.jpg").write_bytes(b"abc")
        monkeypatch.setattr(OPEN, _raiser(code))  # root may read anything
        with pytest.raises(UnreadableImage, match="permission"):
            use(tmp_path / "a.jpg")

    @pytest.mark.parametrize("code", [errno.EIO, errno.EMFILE, errno.ESTALE])
    def test_trouble_of_the_system_is_not_called_a_fault_of_the_image(
        self, tmp_path: Path, use, code: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "a.jpg").write_bytes(b"abc")
        monkeypatch.setattr(OPEN, _raiser(code))
        with pytest.raises(OSError, match=os.strerror(code)) as caught:
            use(tmp_path / "a.jpg")
        assert caught.value.errno == code

    def test_trouble_while_reading_is_not_called_a_fault_of_the_image(
        self, tmp_path: Path, use, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "a.png").write_bytes(saved(picture(), "PNG"))
        monkeypatch.setattr(
            "nst_core.engine.images.files.open_regular",
            lambda *_: io.BufferedReader(_BrokenDisk(str(tmp_path / "a.png"))),
        )
        with pytest.raises(OSError, match=os.strerror(errno.EIO)) as caught:
            use(tmp_path / "a.png")
        assert caught.value.errno == errno.EIO


class _BrokenDisk(io.FileIO):
    def readinto(self, buffer) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def readall(self) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def _raiser(code: int):
    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    return fail


def test_empty_data_are_an_empty_image() -> None:
    for use in (probe_image, decode_image):
        with pytest.raises(EmptyImage):
            use(HERE, LIMITS, b"")


def test_with_data_the_file_is_not_touched() -> None:
    data = saved(picture(), "PNG")
    assert probe_image(Path("/nowhere/a.png"), LIMITS, data).width == 48
    assert decode_image(Path("/nowhere/a.png"), LIMITS, data).info.width == 48


def test_probe_says_size_mode_and_format(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(saved(Image.fromarray(picture()).convert("L"), "JPEG"))
    assert probe_image(tmp_path / "a.jpg", LIMITS) == ImageInfo(width=48, height=32, mode="L", format="JPEG")


def test_probe_does_not_decode() -> None:
    data = bytearray(saved(noise(), "PNG"))
    data[-40] ^= 0xFF  # a damaged pixel
    assert probe_image(HERE, LIMITS, bytes(data)).width == 48


def test_decode_says_what_probe_says_and_the_sha256_of_the_file(tmp_path: Path) -> None:
    data = saved(picture(), "PNG")
    (tmp_path / "a.png").write_bytes(data)
    image = decode_image(tmp_path / "a.png", LIMITS)
    assert image.info == probe_image(tmp_path / "a.png", LIMITS)
    assert image.sha256 == hashlib.sha256(data).hexdigest()


def test_pixels_are_contiguous_writable_uint8() -> None:
    pixels = decoded(saved(picture(), "PNG"))
    assert pixels.dtype == np.uint8
    assert pixels.shape == (32, 48, 3)
    assert pixels.flags.c_contiguous
    assert pixels.flags.writeable
