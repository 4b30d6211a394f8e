"""A path at a store: objects are read whole, and written whole or not at all."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from s3fs import S3FileSystem

from nst_core.errors import StorageRefused, StorageUnreachable
from nst_core.storage.atomic import append_line, atomic_path, remove_temporaries, write_bytes_atomic, write_if_changed
from nst_core.storage.paths import as_remote, files_below, parse_path


def failing(monkeypatch: pytest.MonkeyPatch, method: str, error: Exception, from_call: int = 1) -> Counter[str]:
    """Let a call to S3 fail from its n-th time on; counts all calls."""
    counted: Counter[str] = Counter()
    call = S3FileSystem._call_s3

    async def wrapped(self: S3FileSystem, name: str, *args: Any, **kwargs: Any) -> Any:
        counted[name] += 1
        if name == method and counted[name] >= from_call:
            raise error
        return await call(self, name, *args, **kwargs)

    monkeypatch.setattr(S3FileSystem, "_call_s3", wrapped)
    return counted


UNREACHABLE = EndpointConnectionError(endpoint_url="http://store")


def test_a_put_that_fails_leaves_nothing(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = parse_path(f"{bucket}/results/part.parquet")
    failing(monkeypatch, "put_object", UNREACHABLE)
    with pytest.raises(StorageUnreachable):
        write_bytes_atomic(path, b"new")
    assert list(files_below(parse_path(bucket))) == []


def test_a_put_that_fails_leaves_what_was_there(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = parse_path(f"{bucket}/results/part.parquet")
    write_bytes_atomic(path, b"old")
    failing(monkeypatch, "put_object", UNREACHABLE)
    with pytest.raises(StorageUnreachable):
        write_bytes_atomic(path, b"new")
    assert path.read_bytes() == b"old"


def test_an_interrupted_upload_in_pieces_leaves_no_object_and_no_pieces(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = parse_path(f"{bucket}/plan/part.parquet")
    calls = failing(monkeypatch, "upload_part", UNREACHABLE, from_call=2)
    with pytest.raises(StorageUnreachable):
        write_bytes_atomic(path, bytes(101 * 2**20))
    assert calls["upload_part"] >= 2, "large enough for an upload in pieces"
    assert list(files_below(parse_path(bucket))) == []
    store = as_remote(parse_path(bucket))
    assert store is not None
    assert store.fs.list_multipart_uploads(store.path.rstrip("/")) == []


def test_pieces_of_a_killed_upload_are_no_object(bucket: str) -> None:
    path = parse_path(f"{bucket}/plan/part.parquet")
    store = as_remote(path)
    assert store is not None
    place = {"Bucket": bucket.removeprefix("s3://"), "Key": "plan/part.parquet"}
    upload = store.fs.call_s3("create_multipart_upload", **place)
    store.fs.call_s3("upload_part", **place, UploadId=upload["UploadId"], PartNumber=1, Body=bytes(5 * 2**20))
    assert not path.is_file()
    assert list(path.parent.glob("part*.parquet")) == []


def test_a_block_that_fails_puts_nothing(bucket: str) -> None:
    path = parse_path(f"{bucket}/results/part.parquet")
    temporaries = []

    def write_half() -> None:
        with atomic_path(path) as temporary:
            temporaries.append(temporary)
            temporary.write_bytes(b"half")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        write_half()
    assert not path.exists()
    assert not temporaries[0].exists()


def test_a_block_that_ends_puts_all_by_one_request(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = parse_path(f"{bucket}/results/part.parquet")
    calls = failing(monkeypatch, "", UNREACHABLE)
    with atomic_path(path) as temporary:
        temporary.write_bytes(b"whole")
        assert not calls
    assert calls == {"put_object": 1}
    assert path.read_bytes() == b"whole"
    assert not temporary.exists()


def test_the_same_bytes_are_not_put_again(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = parse_path(f"{bucket}/summary.json")
    calls = failing(monkeypatch, "", UNREACHABLE)
    for data in (b"one", b"one", b"two"):
        write_if_changed(path, data)
    assert calls["put_object"] == 2
    assert path.read_bytes() == b"two"


def test_lines_are_appended_by_putting_all_of_them(bucket: str) -> None:
    path = parse_path(f"{bucket}/logs/chunk.jsonl")
    for line in ("one", "two"):
        append_line(path, line)
    assert path.read_bytes() == b"one\ntwo\n"


def test_no_temporary_is_looked_for_at_a_store(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = failing(monkeypatch, "", UNREACHABLE)
    assert remove_temporaries(parse_path(bucket)) == 0
    assert not calls


@pytest.mark.parametrize("mode", ["w", "wb", "a", "x"])
def test_nothing_can_be_written_piece_by_piece(mode: str) -> None:
    with pytest.raises(io.UnsupportedOperation, match="whole"):
        parse_path("memory://place/a.txt").open(mode)


def test_an_object_is_read_by_one_request(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several requests for ranges might be answered with parts of an old and of a new object."""
    path, data = parse_path(f"{bucket}/a.bin"), bytes(60 * 2**20)
    path.write_bytes(data)
    calls = failing(monkeypatch, "", UNREACHABLE)
    with path.open("rb") as file:
        assert file.read() == data
    assert calls == {"get_object": 1}


def test_a_glob_takes_one_listing_and_keeps_to_its_depth(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = parse_path(f"{bucket}/results")
    for name in (
        "artist_slug=ada/part-1.parquet",
        "artist_slug=bo/part-2.parquet",
        "artist_slug=bo/deep/part-3.parquet",
    ):
        (folder / name).write_bytes(b"x")
    calls = failing(monkeypatch, "", UNREACHABLE)
    found = [str(path) for path in folder.glob("artist_slug=*/part-*.parquet")]
    assert found == [f"{folder}/artist_slug=ada/part-1.parquet", f"{folder}/artist_slug=bo/part-2.parquet"]
    assert sum(calls.values()) == 1


@pytest.mark.parametrize("error", [UNREACHABLE, OSError(5, "I/O error"), TimeoutError(), ConnectionResetError("cut")])
def test_trouble_is_no_answer(bucket: str, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """A run file that cannot be asked for is not one that is missing."""
    failing(monkeypatch, "head_object", error)
    with pytest.raises(StorageUnreachable):
        parse_path(f"{bucket}/run.yaml").is_file()


def test_a_refused_permission_stops_rather_than_quarantines(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from nst_core.engine.images.files import read_bytes

    failing(monkeypatch, "get_object", PermissionError("The provided token has expired."))
    with pytest.raises(StorageRefused, match=r"Access to s3://.* is refused \(The provided token has expired\)"):
        read_bytes(parse_path(f"{bucket}/a.jpg"))


def test_a_file_that_is_not_there_is_told_as_on_a_disk(bucket: str, tmp_path: Path) -> None:
    for folder in (parse_path(bucket), tmp_path):
        with pytest.raises(FileNotFoundError):
            (folder / "missing.txt").read_bytes()
        with pytest.raises(FileNotFoundError):
            (folder / "missing.txt").stat()
        (folder / "missing.txt").unlink(missing_ok=True)
