"""Publication on a Hub that stores files by the Xet protocol, with its unmodified client and a storage on this machine.

The storage puts every file together from what arrived, and compares its SHA-256: tests/nst_core/cas_stand_in.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cas_stand_in import SIGNATURE, TOKEN_START
from http_stand_in import Answer
from hub_stand_in import TOKEN, Hub

from nst_core.errors import StorageRefused, StorageUnreachable, UsageError
from nst_core.export import export_run
from nst_core.publishing import PublicationReport, hub_target, publish_run
from nst_core.publishing.hub import HubRepository

MakeRun = Callable[..., Path]
FilesOf = Callable[[Path], dict[str, bytes]]
Fault = Callable[[str, str], Answer | None]
NAME = "ada/stylized"
OF_A_PLACE = ("README.md", "croissant.json")
"""Files that differ from a folder's export: they name the repository."""


def publish(run: Path, format: str = "imagefolder", name: str = NAME, **options: object) -> PublicationReport:
    return publish_run(run, HubRepository(name), format, **options)  # type: ignore[arg-type]


def assert_published(hub: Hub, run: Path, folder: Path, files_of: FilesOf, format: str = "imagefolder") -> None:
    """The repository holds what an export to a folder has, and no large file of it came by LFS."""
    export_run(run, format, folder)
    there, local = hub.repositories[NAME].files, files_of(folder)
    assert there.keys() - {".gitattributes"} == local.keys()
    assert {path for path, data in local.items() if path not in OF_A_PLACE and there[path].data != data} == set()
    assert hub.sent == []


def at(part: str, answer: Answer, after: int = 0) -> Fault:
    """A fault of requests to paths with a part in them, from the one after so many on."""
    seen = []

    def fault(method: str, path: str) -> Answer | None:
        if part in path:
            seen.append(path)
            return answer if len(seen) > after else None
        return None

    return fault


def healthy(method: str, path: str) -> None:
    return None


def fresh_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the next upload begin as in a new process."""
    from huggingface_hub.utils import _xet

    monkeypatch.setattr(_xet, "_GLOBAL_XET_HOLDER", _xet.XetSessionHolder())


@pytest.mark.parametrize(("format", "grants"), [("imagefolder", True), ("webdataset", False)])
def test_the_storage_rebuilds_every_file_and_gets_no_telemetry(
    xet_hub: Hub, make_run: MakeRun, tmp_path: Path, files_of: FilesOf, format: str, grants: bool
) -> None:
    xet_hub.cas.grants_enabled = grants
    run = make_run({"label": "cat", "split": "val"}, {}, {})
    publish(run, format)
    assert_published(xet_hub, run, tmp_path / "out", files_of, format)
    asked = {path.split("/")[2] for _, path in xet_hub.cas.requests if path.startswith("/v")}
    assert asked == {"chunks", "shards", "xorb-grants", "xorb-commits" if grants else "xorbs"}


@pytest.mark.parametrize(("part", "after"), [("/xorb-grants/", 1), ("/shards", 0)])
def test_an_upload_cut_in_the_middle_goes_on_and_no_block_arrives_twice(
    xet_hub: Hub,
    make_run: MakeRun,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    files_of: FilesOf,
    part: str,
    after: int,
) -> None:
    monkeypatch.setattr(hub_target, "COMMIT_FILES", 3)
    monkeypatch.setattr("nst_core.export.imagefolder.SHARD_IMAGES", 5)
    run = make_run(*({} for _ in range(9)))
    xet_hub.cas.fault = at(part, Answer(0), after)
    with pytest.raises(StorageUnreachable, match=r"Xet storage .* broke off .*The same command goes on from here"):
        publish(run)
    assert json.loads(xet_hub.repositories[NAME].files["export.json"].data)["complete"] is False
    xet_hub.cas.fault = healthy
    fresh_client(monkeypatch)
    publish(run)
    assert_published(xet_hub, run, tmp_path / "out", files_of)
    assert len(xet_hub.cas.received) == len(xet_hub.cas.xorbs)


def test_what_the_storage_knows_from_another_dataset_is_not_sent_again(
    xet_hub: Hub, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = make_run({}, {})
    publish(run, "webdataset")
    sent = list(xet_hub.cas.received)
    monkeypatch.setenv("HF_XET_CACHE", str(tmp_path / "empty"))
    fresh_client(monkeypatch)
    publish(run, "webdataset", name="ada/again")
    assert xet_hub.cas.received == sent
    first, again = (xet_hub.repositories[name].files["train-000000.tar"] for name in (NAME, "ada/again"))
    assert first.data == again.data


def test_a_file_of_a_block_that_did_not_arrive_is_refused(xet_hub: Hub, make_run: MakeRun) -> None:
    xet_hub.cas.fault = at("/xorb-commits/", Answer(200, {"was_inserted": True}))  # it says so, and forgets
    with pytest.raises(StorageRefused, match=r"The Xet storage .*127\.0\.0\.1:\d+. refuses with 400"):
        publish(make_run({}))
    assert xet_hub.repositories[NAME].messages == ["Begin"]
    assert xet_hub.objects == {}


def test_a_token_that_expires_is_renewed(xet_hub: Hub, make_run: MakeRun) -> None:
    xet_hub.cas.lifetime = 20  # the client renews it half a minute before
    publish(make_run({}))
    assert len(xet_hub.cas.tokens) > len([path for _, path in xet_hub.requests if "/commit/" in path])


FRAME = b'{"type":"error","message":"busy with another","retryable":false}\n'


@pytest.mark.parametrize(
    ("part", "answer", "error", "says"),
    [
        ("/xorb-grants/", Answer(401), StorageRefused, r"127.0.0.1:\d+. refuses with 401. If a firewall or proxy"),
        ("/xorb-grants/", Answer(403), StorageRefused, "refuses with 403. If .*HF_HUB_DISABLE_XET=1 sends files"),
        ("/xorb-grants/", Answer(429), StorageUnreachable, "answers 429. The same command goes on"),
        ("/shards", Answer(500), StorageUnreachable, "Xet storage .* answers 500. The same command goes on"),
        ("/shards", Answer(0), StorageUnreachable, r"broke off .Request middleware error: error sending request.\."),
        ("/shards", Answer(200, FRAME), StorageUnreachable, "broke off .busy with another.*goes on from here"),
    ],
)
def test_what_the_storage_answers_is_a_sentence(
    xet_hub: Hub, make_run: MakeRun, part: str, answer: Answer, error: type[Exception], says: str
) -> None:
    xet_hub.cas.fault = at(part, answer)
    with pytest.raises(error, match=says):
        publish(make_run({}))


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [
        (401, StorageRefused, "The Hugging Face Hub knows no such token: set HF_TOKEN"),
        (403, StorageRefused, "Your token may not write to ada/stylized"),
        (503, StorageUnreachable, "The Hugging Face Hub answers 503. The same command goes on"),
        (0, StorageUnreachable, "The Hugging Face Hub cannot be reached, or broke off"),
    ],
)
def test_what_the_hub_answers_when_it_is_asked_for_leave_to_send_is_a_sentence(
    xet_hub: Hub, make_run: MakeRun, status: int, error: type[Exception], says: str
) -> None:
    xet_hub.fault = at("/xet-write-token/", Answer(status))
    with pytest.raises(error, match=says):
        publish(make_run({}))


def test_a_storage_out_of_reach_or_a_cache_that_cannot_be_written_is_said(
    xet_hub: Hub, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = make_run({})
    xet_hub.cas.address = "http://127.0.0.1:9"
    with pytest.raises(StorageUnreachable, match=r"The Xet storage .*:9. cannot be reached.*HF_HUB_DISABLE_XET"):
        publish(run)
    (tmp_path / "file").touch()
    monkeypatch.setenv("HF_XET_CACHE", str(tmp_path / "file" / "xet"))
    fresh_client(monkeypatch)
    with pytest.raises(UsageError, match=r"write to its cache .*: HF_XET_CACHE names another"):
        publish(run)


def test_no_token_and_no_signed_address_stands_in_a_file_or_on_a_line(
    xet_hub: Hub,
    xet_log: Path,
    make_run: MakeRun,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    run = make_run({}, {})
    caplog.set_level(0)
    xet_hub.cas.fault = lambda method, path: Answer(500) if path.startswith(("/granted/", "/v1/xorbs/")) else None
    with pytest.raises(StorageUnreachable) as caught:
        publish(run)
    xet_hub.cas.fault = healthy
    publish(run)
    files = [path for folder in (tmp_path, xet_log) for path in folder.rglob("*") if path.is_file()]
    shown = capfd.readouterr()
    written = "".join(path.read_bytes().decode("latin-1") for path in files)
    for text in (written, caplog.text, shown.out, shown.err, str(caught.value)):
        assert [secret for secret in (TOKEN, TOKEN_START, SIGNATURE) if secret in text] == []
    assert len(xet_hub.cas.tokens) > 1
