"""Publication on the Hub, with its unmodified client and a Hub on this machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from http_stand_in import Answer
from hub_stand_in import READ_TOKEN, TOKEN, Blob, Hub

from nst_core.errors import StorageRefused, StorageUnreachable, UsageError
from nst_core.export import ExportOptions, export_run
from nst_core.publishing import PublicationReport, hub_target, publish_run
from nst_core.publishing.hub import HubRepository

MakeRun = Callable[..., Path]
FilesOf = Callable[[Path], dict[str, bytes]]
NAME = "ada/stylized"


def publish(run: Path, format: str = "imagefolder", **options: object) -> PublicationReport:
    return publish_run(run, HubRepository(NAME), format, **options)  # type: ignore[arg-type]


def published(hub: Hub) -> dict[str, bytes]:
    files = hub.repositories[NAME].files
    return {path: blob.data for path, blob in files.items() if path != ".gitattributes"}


def staged(tmp_path: Path) -> list[str]:
    return [path.name for path in (tmp_path / "cache").rglob("*") if path.is_file() and path.name != ".lock"]


@pytest.mark.parametrize("format", ["imagefolder", "webdataset"])
def test_the_repository_holds_the_export_and_is_private(
    hub: Hub, make_run: MakeRun, tmp_path: Path, files_of: FilesOf, format: str
) -> None:
    run = make_run({"label": "cat", "split": "val"}, {"content_source_url": "https://example.org/1"}, {})
    before = files_of(run)
    report = publish(run, format)
    export_run(run, format, tmp_path / "out")
    there, local = published(hub), files_of(tmp_path / "out")
    card, described = there.pop("README.md").decode(), json.loads(there.pop("croissant.json"))
    assert there.items() == {k: v for k, v in local.items() if k not in ("README.md", "croissant.json")}.items()
    assert f'load_dataset("{NAME}"' in card
    assert described["url"] == report.place == f"{hub.address}/datasets/{NAME}"
    assert (report.public, hub.repositories[NAME].private, report.export.images) == (False, True, 3)
    assert staged(tmp_path) == []
    assert files_of(run) == before


def test_published_again_nothing_is_sent_and_nothing_committed(hub: Hub, make_run: MakeRun) -> None:
    run = make_run({}, {})
    publish(run)
    sent, commits = list(hub.sent), list(hub.repositories[NAME].commits)
    assert publish(run).export.written == 0
    assert (hub.sent, hub.repositories[NAME].commits) == (sent, commits)


@pytest.mark.parametrize("cut", [1, 7])
def test_an_upload_cut_in_the_middle_goes_on_without_sending_finished_files_again(
    hub: Hub, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, files_of: FilesOf, cut: int
) -> None:
    monkeypatch.setattr(hub_target, "COMMIT_FILES", 3)
    monkeypatch.setattr("nst_core.export.imagefolder.SHARD_IMAGES", 5)
    run = make_run(*({} for _ in range(9)))

    def broken(method: str, path: str) -> Answer | None:
        return Answer(0) if path.startswith("/lfs/") and len(hub.sent) >= cut else None

    hub.fault = broken
    with pytest.raises(StorageUnreachable, match="The same command goes on from here"):
        publish(run)
    assert json.loads(published(hub)["export.json"])["complete"] is False
    assert staged(tmp_path) == []
    hub.fault = lambda method, path: None
    publish(run)
    assert len(hub.sent) == len(set(hub.sent)) == 9 + 2  # the images, and two tables
    export_run(run, "imagefolder", tmp_path / "out")
    there, local = published(hub), files_of(tmp_path / "out")
    assert there.keys() == local.keys()
    assert all(there[name] == data for name, data in local.items() if name not in ("README.md", "croissant.json"))


def test_a_run_that_has_changed_brings_the_dataset_up_to_date(
    hub: Hub, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("nst_core.export.imagefolder.SHARD_IMAGES", 2)
    publish(make_run(*({} for _ in range(5)), name="first"), options=ExportOptions(where='artist == "Monet"'))
    (tmp_path / "first").rename(tmp_path / "old")
    publish(make_run(*({"artist": "Ada" if n == 1 else "Monet"} for n in range(3)), name="first"))
    told = published(hub)
    assert sorted({path.rpartition("/")[0] for path in told if "/" in path}) == ["train/0000", "train/0001"]
    assert sum(path.endswith(".png") for path in told) == json.loads(told["export.json"])["images"] == 3
    assert "* Ada: 1" in told["README.md"].decode()


def test_public_comes_when_it_is_complete_and_only_if_said(hub: Hub, make_run: MakeRun) -> None:
    run = make_run({}, {})
    seen: list[bool] = []

    def watch(method: str, path: str) -> Answer | None:
        seen.extend(repository.private for repository in hub.repositories.values())
        return None

    hub.fault = watch
    publish(run, public=True)
    assert set(seen) == {True}
    assert hub.repositories[NAME].private is False
    with pytest.raises(UsageError, match="is there already, and public: say --public"):
        publish(run)
    publish(run, public=True)


def test_a_repository_with_something_else_is_left_alone(hub: Hub, make_run: MakeRun) -> None:
    publish(make_run({}))
    repository = hub.repositories[NAME]
    with pytest.raises(UsageError, match="holds an export of the run 'run' as imagefolder"):
        publish(make_run({}, name="other"))
    del repository.files["export.json"]
    repository.files["notes.txt"] = Blob(b"mine", lfs=False)
    before = dict(repository.files)
    with pytest.raises(UsageError, match=r"holds README.md|croissant.json and is no export|notes.txt"):
        publish(make_run({}, name="run2"))
    assert repository.files == before


def test_whoever_else_writes_there_meanwhile_is_not_mixed_with(hub: Hub, make_run: MakeRun) -> None:
    def meddle(method: str, path: str) -> Answer | None:
        if path.startswith("/lfs/"):
            hub.repositories[NAME].commits.append("f" * 40)
        return None

    hub.fault = meddle
    with pytest.raises(StorageUnreachable, match=f"Somebody else changed {NAME}"):
        publish(make_run({}))


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (Answer(401, {}, {"X-Error-Message": "Invalid credentials"}), StorageRefused, "no such token"),
        (Answer(403, {"error": "not yours"}), StorageRefused, "may not write to ada/stylized .*not yours"),
        (Answer(503, {}), StorageUnreachable, "answers 503. The same command goes on"),
        (Answer(429, {}), StorageUnreachable, "answers 429"),
        (Answer(400, {"error": "too many files"}), StorageRefused, "refuses with 400 .too many files"),
        (Answer(0), StorageUnreachable, "cannot be reached, or broke off"),
    ],
)  # fmt: skip
def test_what_the_hub_answers_is_a_sentence(
    hub: Hub, make_run: MakeRun, answer: Answer, error: type[Exception], says: str
) -> None:
    hub.fault = lambda method, path: answer if "/commit/" in path else None
    with pytest.raises(error, match=says):
        publish(make_run({}))


def test_without_a_network_or_a_token_that_is_said(
    hub: Hub, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = make_run({})
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(StorageUnreachable, match="The Hugging Face Hub cannot be reached"):
        publish(run)
    monkeypatch.setenv("HF_ENDPOINT", hub.address)
    monkeypatch.setenv("HF_TOKEN", READ_TOKEN)
    with pytest.raises(StorageRefused, match="Your token may not write to ada/stylized"):
        publish(run)
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "none"))
    with pytest.raises(UsageError, match="There is no token for the Hugging Face Hub: set HF_TOKEN"):
        publish(run)


def test_the_token_stands_in_no_file_and_on_no_line(
    hub: Hub, make_run: MakeRun, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    run = make_run({}, {})
    caplog.set_level(0)
    hub.fault = lambda method, path: Answer(500, {}) if path.startswith("/lfs/") else None
    with pytest.raises(StorageUnreachable) as caught:
        publish(run)
    hub.fault = lambda method, path: None
    publish(run)
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    shown = capfd.readouterr()
    for text in (written.decode("latin-1"), caplog.text, shown.out, shown.err, str(caught.value)):
        assert TOKEN not in text
        assert "X-Amz-Signature" not in text
    assert TOKEN.encode() not in b"".join(published(hub).values())
