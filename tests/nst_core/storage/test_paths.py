"""One seam for disks and stores: what a text names, what tells that a file changed, what lies below a folder."""

from __future__ import annotations

import os
import pickle
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from s3fs import S3FileSystem

from nst_core.errors import StorageRefused, StorageUnreachable, UsageError
from nst_core.storage.paths import (
    NO_FILE,
    check_store_writable,
    file_state,
    files_below,
    is_local,
    is_url,
    parse_path,
    remote_states,
)
from nst_core.storage.remote_path import RemotePath


@pytest.fixture
def anew(bucket: str) -> Iterator[None]:
    """S3 is asked by a client of the test's own, which takes note of its environment."""
    S3FileSystem.clear_instance_cache()
    yield
    S3FileSystem.clear_instance_cache()


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts what is asked of S3, by the name of the call."""
    counted: Counter[str] = Counter()
    call = S3FileSystem._call_s3

    async def counting(self: S3FileSystem, method: str, *args: Any, **kwargs: Any) -> Any:
        counted[method] += 1
        return await call(self, method, *args, **kwargs)

    monkeypatch.setattr(S3FileSystem, "_call_s3", counting)
    return counted


@pytest.mark.parametrize("text", ["photographs/a.jpg", "/data/a b.jpg", "s3:/one/slash", "C:\\photographs"])
def test_a_text_without_a_protocol_is_a_local_path(text: str) -> None:
    assert parse_path(text) == Path(text)
    assert is_local(parse_path(text))


def test_file_urls_are_local_paths() -> None:
    assert parse_path("file:///data/a.jpg") == Path("/data/a.jpg")
    assert not is_url("file:///data/a.jpg")


@pytest.mark.parametrize("text", ["s3://bucket/a b/ü.jpg", "s3://bucket/label=7/x.png", "memory://x/y"])
def test_a_url_is_kept_as_it_was_written(text: str) -> None:
    path = parse_path(text)
    assert not is_local(path)
    assert str(path) == text
    assert str(path / "sub" / "c.jpg") == f"{text}/sub/c.jpg"
    assert parse_path(str(path)) == path == pickle.loads(pickle.dumps(path))


@pytest.mark.parametrize(
    "text", ["s3://key:sec/ret@bucket/x", "s3://bucket/x?token=abc", "sftp://user:password@host/x"]
)
def test_a_secret_in_a_url_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(UsageError, match="holds a secret") as refused:
        parse_path(text)
    assert not any(secret in str(refused.value) for secret in ("sec/ret", "abc", "password@"))


def test_an_unknown_protocol_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="No store is known as nowhere://"):
        parse_path("nowhere://bucket/x")


def test_a_missing_package_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec

    def lacking(protocol: str) -> None:
        raise ImportError("Please install gcsfs to access Google Storage")

    monkeypatch.setattr(fsspec, "get_filesystem_class", lacking)
    with pytest.raises(UsageError, match=r"gcs:// is not installed: pip install 'nst-pipeline\[gs\]'"):
        parse_path("gcs://bucket/x")


def test_a_host_that_a_path_would_lose_is_refused() -> None:
    with pytest.raises(UsageError, match="ftp://"):
        parse_path("ftp://host/folder/a.jpg")


def test_the_state_of_a_local_file_is_its_size_and_time(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    os.utime(tmp_path / "a", ns=(5, 7))
    assert file_state(tmp_path / "a") == (3, 7)
    assert file_state(tmp_path / "b") == NO_FILE


def test_files_below_are_found_alike_on_disks_and_at_stores(tmp_path: Path, memory: Path) -> None:
    for root in (tmp_path, memory):
        for name in ("a.jpg", "cats/c.jpg", "cats/deep/d.jpg"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(b"x")
    assert sorted(files_below(tmp_path)) == sorted(files_below(memory)) == ["a.jpg", "cats/c.jpg", "cats/deep/d.jpg"]
    assert list(files_below(memory / "nothing")) == list(files_below(tmp_path / "nothing")) == []


def test_a_store_tells_changed_bytes_apart_even_within_one_second(bucket: str) -> None:
    path = parse_path(f"{bucket}/a.txt")
    assert file_state(path) == NO_FILE
    path.write_bytes(b"abc")
    first = file_state(path)
    path.write_bytes(b"xyz")
    assert first[0] == file_state(path)[0] == 3
    assert file_state(path) != first
    path.write_bytes(b"abc")
    assert file_state(path) == first, "the same bytes, copied anew, are no change"
    assert first != NO_FILE


def test_a_file_of_which_nothing_tells_when_it_changed_is_never_taken_for_unchanged(
    memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = memory / "a.txt"
    path.write_bytes(b"abc")
    assert file_state(path) == file_state(path), "this store tells times"
    monkeypatch.setattr(RemotePath, "details", lambda _: {"type": "file", "size": 3})
    assert file_state(path) != file_state(path)


def test_a_file_that_another_machine_wrote_is_seen_at_once(bucket: str) -> None:
    path, other = parse_path(f"{bucket}/folder/a.txt"), S3FileSystem()
    assert list(files_below(path.parent)) == []
    other.pipe_file(f"{bucket}/folder/a.txt", b"abc")
    assert list(files_below(path.parent)) == ["a.txt"]
    assert path.is_file()
    other.rm_file(f"{bucket}/folder/a.txt")
    assert not path.is_file()


def test_many_files_take_one_listing_and_few_one_request_each(bucket: str, requests: Counter[str]) -> None:
    folder, few = parse_path(f"{bucket}/many"), parse_path(f"{bucket}/few")
    paths = [folder / f"{number}.jpg" for number in range(40)]
    for path in paths[:39]:
        path.write_bytes(b"x")
    (few / "a.jpg").write_bytes(b"y")
    requests.clear()
    states = remote_states([*paths, few / "a.jpg", Path("/local.jpg")])
    assert len(states) == 41
    assert requests["head_object"] == 1
    assert states[paths[39]] == NO_FILE
    assert states[paths[0]] == file_state(paths[0])
    assert states[few / "a.jpg"] == file_state(few / "a.jpg")


def test_a_store_that_is_written_to_keeps_no_trace_of_the_trial(bucket: str) -> None:
    check_store_writable(parse_path(f"{bucket}/run"))
    assert list(files_below(parse_path(bucket))) == []


def test_a_missing_bucket_is_told_as_such(bucket: str) -> None:
    with pytest.raises(UsageError, match=r"s3://no-such-bucket/run cannot be written: there is no such bucket"):
        check_store_writable(parse_path("s3://no-such-bucket/run"))
    assert not parse_path("s3://no-such-bucket/run").is_dir()


def test_a_store_that_shows_half_an_object_is_not_written_to() -> None:
    with pytest.raises(UsageError, match="only stores that show an object whole"):
        check_store_writable(parse_path("https://host/folder"))


@pytest.mark.usefixtures("anew")
def test_missing_credentials_are_told_in_one_sentence(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    path = parse_path(f"{bucket}/run")
    asks: list[Callable[[], object]] = [path.is_dir, lambda: list(files_below(path)), lambda: file_state(path)]
    for ask in asks:
        with pytest.raises(StorageRefused, match=r"No valid credentials for s3://.*AWS_ACCESS_KEY_ID"):
            ask()


@pytest.mark.usefixtures("anew")
def test_a_store_that_does_not_answer_is_worth_another_try(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(S3FileSystem, "retries", 1)
    with pytest.raises(StorageUnreachable, match="cannot be reached"):
        parse_path(f"{bucket}/run").is_file()
