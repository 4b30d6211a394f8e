"""The deployed flows: how they end, what they say, whom they tell, and where their credentials come from."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from webhook import SECRET, Webhook, webhook

from nst_core.config.run_config import RunConfig
from nst_core.run_folder.folder import RunFolder

pytestmark = pytest.mark.usefixtures("api")

Make = Callable[..., RunConfig]


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    with webhook() as found:
        monkeypatch.setenv("NST_NOTIFY_URL", found.url)
        yield found


@pytest.fixture
def run_file(config: Make, tmp_path: Path) -> str:
    path = tmp_path / "photos.yaml"
    path.write_text(yaml.safe_dump(config("pairing=random").model_dump(mode="json")))
    return str(path)


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], list[str]]]:
    """The lines of the flow's log so far."""
    from prefect.logging.configuration import setup_logging
    from prefect.settings import PREFECT_LOGGING_LEVEL, temporary_settings

    with temporary_settings({PREFECT_LOGGING_LEVEL: "INFO"}):
        setup_logging()
        yield lambda: [line.getMessage() for line in caplog.records if line.name == "prefect.flow_runs"]
    setup_logging()


def state_of(name: str, file: str, *overrides: str, **options: Any) -> Any:
    from flows.deploy import deployments

    return getattr(deployments, name)(file, list(overrides), **options, return_state=True)


def everything_written(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_second_night_makes_only_what_is_new(
    run_file: str, config: Make, folders: Path, make_image: Callable[..., Path], said: Callable[[], list[str]]
) -> None:
    assert state_of("nightly", run_file).name == "Completed"
    first = {path: path.stat().st_mtime_ns for path in (config().run_folder / "images").rglob("*.png")}
    make_image(folders / "content" / "new.png", seed=7)
    state = state_of("nightly", run_file)
    assert state.message.startswith("1 new images; 4 of 4 pairs are done")
    assert all(path.stat().st_mtime_ns == time for path, time in first.items())
    state = state_of("nightly", run_file)
    assert state.message.startswith("Nothing new to make; 4 of 4 pairs are done")
    stages = [line for line in said() if line.startswith("Stylizing")]
    assert [line.partition(" in ")[0] for line in stages] == ["Stylizing: 3/3 images", "Stylizing: 1/1 images"]


def test_a_run_with_failures_is_completed_under_another_name_and_somebody_is_told(
    run_file: str, config: Make, folders: Path, hook: Webhook, said: Callable[[], list[str]]
) -> None:
    (folders / "content" / "bad.png").write_text("no picture")
    state = state_of("nightly", run_file)
    assert (state.type.value, state.name) == ("COMPLETED", "CompletedWithFailures")
    assert state.message.startswith("1 of 4 pairs did not succeed (NotAnImage 1). 3 new images")
    (told,) = hook.told
    assert told["state"] == "CompletedWithFailures"
    assert told["message"] == state.message
    assert told["text"].startswith("nst-nightly, nightly photos: CompletedWithFailures\n1 of 4 pairs")
    assert SECRET not in "".join(said())
    assert SECRET.encode() not in everything_written(config().run_folder)


def test_a_run_without_failures_tells_nobody(run_file: str, hook: Webhook) -> None:
    assert state_of("nightly", run_file).name == "Completed"
    assert hook.told == []


def test_what_a_person_must_mend_is_a_failure_with_that_sentence(
    run_file: str, hook: Webhook, said: Callable[[], list[str]]
) -> None:
    state = state_of("nightly", run_file, "method.sise=64")
    assert state.name == "Failed"
    assert state.message.startswith("method.sise is not a known key")
    assert state.message in said()
    assert [told["message"] for told in hook.told] == [state.message]


def test_a_run_of_a_folder_that_is_in_use_is_refused(run_file: str, config: Make) -> None:
    with RunFolder(config().run_folder).locked():
        state = state_of("nightly", run_file)
    assert state.name == "Failed"
    assert str(config().run_folder) in state.message


def test_a_bug_fails_the_run_and_somebody_is_told(
    run_file: str, hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.deploy import deployments

    def broken(*_: Any) -> None:
        raise ZeroDivisionError("of nothing by nothing")

    monkeypatch.setattr(deployments, "pipeline", broken)
    state = state_of("nightly", run_file)
    assert state.name == "Failed"
    assert ["of nothing by nothing" in told["message"] for told in hook.told] == [True]


@pytest.mark.parametrize("fault", ["refused", "not there", "nonsense"])
def test_a_notification_that_fails_is_a_warning_without_the_address(
    fault: str, run_file: str, hook: Webhook, monkeypatch: pytest.MonkeyPatch, said: Callable[[], list[str]]
) -> None:
    hook.status = 500
    urls = {"refused": hook.url, "not there": f"http://127.0.0.1:9/{SECRET}", "nonsense": f"{SECRET}:/{SECRET}"}
    monkeypatch.setenv("NST_NOTIFY_URL", urls[fault])
    state = state_of("nightly", run_file, "method.sise=64")
    assert "method.sise" in state.message
    (warning,) = [line for line in said() if line.startswith("The notification by webhook")]
    assert warning.endswith(
        {"refused": "was refused (HTTP 500).", "not there": "could not be sent (URLError)."}.get(
            fault, "could not be sent (URLError)."
        )
    )
    assert SECRET not in "".join(said())


def test_a_block_tells_as_well_and_its_address_is_in_no_log(
    run_file: str,
    hook: Webhook,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    said: Callable[[], list[str]],
) -> None:
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    block: Any = CustomWebhookNotificationBlock(
        name="nst", url=hook.url, method="POST", json_data={"title": "{{subject}}", "text": "{{body}}"}
    )
    block.save("nst", overwrite=True)
    monkeypatch.delenv("NST_NOTIFY_URL")
    monkeypatch.setenv("NST_NOTIFY_BLOCK", "custom-webhook/nst")
    caplog.set_level(logging.INFO, logger="httpx")
    state = state_of("nightly", run_file, "method.sise=64")
    (told,) = hook.told
    assert told["title"] == "nst-nightly, nightly photos: Failed"
    assert state.message in told["text"]
    hook.status = 500
    state_of("nightly", run_file, "method.sise=64")
    assert "The notification by block could not be sent (HTTPStatusError)." in said()
    assert SECRET not in caplog.text


def test_the_address_may_be_in_a_secret_block(
    run_file: str, hook: Webhook, monkeypatch: pytest.MonkeyPatch, secret_block: Callable[[str, str], None]
) -> None:
    monkeypatch.delenv("NST_NOTIFY_URL")
    secret_block("nst-notify-url", hook.url)
    state_of("nightly", run_file, "method.sise=64")
    assert len(hook.told) == 1


@pytest.fixture
def secret_block() -> Iterator[Callable[[str, str], None]]:
    from prefect.blocks.system import Secret

    made = []

    def make(name: str, value: str) -> None:
        block: Any = Secret(value=value)
        block.save(name, overwrite=True)
        made.append(name)

    yield make
    for name in made:
        Secret.delete(name)  # type: ignore[unused-coroutine]


def test_credentials_of_blocks_are_in_the_environment_of_the_run_only(
    run_file: str,
    config: Make,
    secret_block: Callable[[str, str], None],
    monkeypatch: pytest.MonkeyPatch,
    said: Callable[[], list[str]],
) -> None:
    from flows.deploy import deployments

    monkeypatch.delenv("KAGGLE_API_TOKEN", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of the environment")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)
    secret_block("nst-kaggle-api-token", "K4ggle")
    secret_block("nst-aws-secret-access-key", "of another account")
    during, stylized = {}, deployments.pipeline

    def seen(*arguments: Any) -> Any:
        during.update(os.environ)
        return stylized(*arguments)

    monkeypatch.setattr(deployments, "pipeline", seen)
    assert state_of("nightly", run_file).name == "Completed"
    assert during["KAGGLE_API_TOKEN"] == "K4ggle"
    assert "AWS_SECRET_ACCESS_KEY" not in during, "a block's half would not fit the environment's"
    assert "KAGGLE_API_TOKEN" not in os.environ
    assert "Credentials from Secret blocks: KAGGLE_API_TOKEN" in said()
    assert "K4ggle" not in "".join(said())
    assert b"K4ggle" not in everything_written(config().run_folder)


def test_stages_can_be_run_one_by_one(run_file: str, config: Make) -> None:
    state = state_of("gallery", run_file)
    assert (state.name, "stylize first" in state.message) == ("Failed", True)
    assert state_of("download", run_file).message == "Nothing was lacking."
    assert state_of("stylize", run_file, "output.gallery=true").message.startswith("3 new images")
    index = config().run_folder / "gallery" / "index.html"
    assert not index.exists()
    assert state_of("gallery", run_file).message == f"Gallery: {index}"
    assert index.is_file()
