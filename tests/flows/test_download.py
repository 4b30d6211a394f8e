"""Downloads under Prefect, and `nst download` as a person meets it."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from download.fake_datasets import artworks, coco, put_coco, put_kaggle
from download.fake_server import KAGGLE, Fault, Server, serving

import nst_core.sources.download.coco  # noqa: F401 (before a test changes what it takes from coco_releases)
from flows.cli import main
from flows.download import FEW, LONGEST_WAIT, download, download_stage, sources_to_download
from flows.download_progress import line
from flows.signals import stop_requested
from nst_core.chunks import retry_policy
from nst_core.chunks.retry_policy import DELAYS
from nst_core.config.run_config import parse_config
from nst_core.config.sources import CocoSource
from nst_core.errors import DiskFull, DownloadFailed, DownloadRefused, Interrupted
from nst_core.sources.download.artworks import DATASET
from nst_core.sources.download.http_errors import Unreachable, WrongContent
from nst_core.sources.download.progress import DownloadWatch
from nst_core.sources.download.source import needed_download


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@dataclass(frozen=True)
class Answer:
    returncode: int
    stdout: str
    stderr: str


Nst = Callable[..., Answer]


@pytest.fixture(autouse=True)
def _environment(api: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flows run at the session's Prefect server; there are no proxies and no credentials of Kaggle."""
    for name in [name for name in os.environ if "proxy" in name.lower() or "KAGGLE" in name]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PREFECT_API_URL", api)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")  # Prefect's server


@pytest.fixture
def nst(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Nst]:
    """`nst download` with arguments, in this process (which has imported everything already)."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["nst", "download", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        return Answer(int(str(ended.value.code)), *capsys.readouterr())

    before = signal.getsignal(signal.SIGTERM)
    yield run
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow one another at once."""
    monkeypatch.setattr(retry_policy, "DELAYS", (0.0,) * len(DELAYS))


class Work:
    """Fails as told, try by try, then works; `arrives` bytes come with every try."""

    def __init__(self, *errors: Exception, arrives: int = 0) -> None:
        self.errors, self.arrives, self.tries, self.done = list(errors), arrives, 0, 0

    def __call__(self, watch: DownloadWatch) -> str:
        self.tries += 1
        self.done += self.arrives
        watch.step("Downloading a.zip", 0, 100)
        watch.step("Downloading a.zip", self.done, 100)
        if self.errors:
            raise self.errors.pop(0)
        return "done"


@pytest.mark.usefixtures("impatient")
def test_what_may_pass_is_tried_again() -> None:
    work = Work(DownloadFailed("cut"), DownloadFailed("500"), Unreachable("cut off"))
    assert download("x", work) == "done"
    assert work.tries == 4


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("error", [DownloadRefused("403"), DiskFull("full"), Interrupted(), KeyError("a bug")])
def test_what_will_not_pass_is_not_tried_again(error: Exception) -> None:
    work = Work(error)
    with pytest.raises(type(error)):
        download("x", work)
    assert work.tries == 1


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("error", "tries"),
    [(DownloadFailed("500"), len(DELAYS) + 1), (Unreachable("offline"), FEW + 1), (WrongContent("md5"), FEW + 1)],
)
def test_tries_end(error: DownloadFailed, tries: int) -> None:
    work = Work(*[error] * 20)
    with pytest.raises(type(error)):
        download("x", work)
    assert work.tries == tries


@pytest.mark.usefixtures("impatient")
def test_failures_count_anew_after_every_byte_that_arrives() -> None:
    work = Work(*[DownloadFailed("cut")] * 12, arrives=1)
    assert download("x", work) == "done"
    assert work.tries == 13


@pytest.mark.usefixtures("impatient")
def test_the_server_says_how_long_to_wait() -> None:
    began = time.monotonic()
    assert download("x", Work(DownloadFailed("429", retry_after=1.5))) == "done"
    assert time.monotonic() - began >= 1.5
    work = Work(DownloadFailed("429", retry_after=LONGEST_WAIT + 1))
    with pytest.raises(DownloadFailed):
        download("x", work)
    assert work.tries == 1


@pytest.mark.usefixtures("impatient")
def test_a_stop_ends_the_waiting_at_once() -> None:
    threading.Timer(1.0, stop_requested.set).start()
    began = time.monotonic()
    with pytest.raises(Interrupted):
        download("x", Work(DownloadFailed("429", retry_after=600)))
    assert time.monotonic() - began < 10


def test_a_run_downloads_only_what_it_asks_for_and_lacks(tmp_path: Path, make_image: Callable[..., Path]) -> None:
    art = {"source": "artworks", "path": str(tmp_path / "art")}
    photographs = {"source": "coco", "path": str(tmp_path / "coco"), "download": True}
    config = parse_config({"content": photographs, "style": art})
    assert sources_to_download(config) == [config.content]
    assert sources_to_download(parse_config({"content": "sample", "style": art})) == []
    make_image(tmp_path / "art" / "images" / "images" / "Ada" / "Ada_1.jpg")
    assert sources_to_download(parse_config({"style": {**art, "download": True}})) == []


@pytest.mark.usefixtures("impatient")
def test_the_stage_of_a_run_fetches_chosen_images_only(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect import flow

    put_coco(server, coco())
    monkeypatch.setenv("HTTP_PROXY", server.url)
    monkeypatch.setattr(
        "nst_core.sources.download.coco_releases.BASE_URL", ""
    )  # what is published is not what is served
    photographs = {"source": "coco", "path": str(tmp_path), "download": True, "categories": ["cat"]}
    config = parse_config({"content": photographs})
    stage = flow(lambda: download_stage(config), name="stage", persist_result=False)
    assert stage() == [f"coco: downloaded into {tmp_path}"]
    assert [path.name for path in (tmp_path / "val2017").iterdir()] == ["000000000001.jpg"]
    assert stage() == []


def test_a_plain_line_tells_rate_and_time_left() -> None:
    told = line("Downloading val2017.zip", 285_500_000, 815_600_000, 12_300_000, "bytes")
    assert told == "Downloading val2017.zip: 35% done, 285.5 MB of 815.6 MB, 12.3 MB/s, about 43 s left"
    assert line("Downloading images", 3, 12, 1.5, "files").endswith("3 of 12 files, 1.5/s, about 6 s left")
    assert line("Downloading a.zip", 3_000, 0, 1_000, "bytes") == "Downloading a.zip: 3.0 kB, 1.0 kB/s"


def test_the_command_that_is_named_where_something_lacks_fetches_it(nst: Nst, server: Server, tmp_path: Path) -> None:
    put_coco(server, coco())
    source = CocoSource(path=tmp_path / "a b", categories=["dog"], licenses=["CC-BY-2.0"], limit=2, seed=3)
    command = needed_download(source)
    assert command
    done = nst(*shlex.split(command)[2:], "--base-url", server.url)
    assert done.returncode == 0, done.stderr
    assert needed_download(source) is None
    assert len(list((tmp_path / "a b" / "val2017").iterdir())) == 2


def test_what_prefects_server_keeps_tells_no_address(api: str, nst: Nst, server: Server) -> None:
    put_coco(server, coco())
    address = server.url.replace("://", "://me:secret-word@")
    assert nst("coco", "-o", "kept", "--base-url", address).returncode == 0
    runs = httpx.post(f"{api}/flow_runs/filter", json={"flow_runs": {"name": {"any_": ["download coco"]}}}).text
    tasks = httpx.post(f"{api}/task_runs/filter", json={"task_runs": {"name": {"any_": ["download coco"]}}}).text
    assert "download coco" in runs
    assert "download coco" in tasks
    assert "secret-word" not in runs + tasks + Path("kept/.nst-download.json").read_text(encoding="utf-8")


@pytest.mark.usefixtures("impatient")
def test_faults_of_a_server_are_waited_out(nst: Nst, server: Server, tmp_path: Path) -> None:
    put_coco(server, coco())
    archive = "/annotations/annotations_trainval2017.zip"
    server.faults[archive] = [Fault(status=429, headers={"Retry-After": "1"}), Fault(cut=500)]
    server.faults["/val2017/000000000001.jpg"] = [Fault(status=500)]
    arguments = ("coco", "-o", "c", "--category", "cat", "--base-url", server.url)
    first = nst(*arguments)
    assert first.returncode == 0, first.stderr
    assert first.stdout == "1 image in c/val2017\n"
    assert "Trying again in" in first.stderr
    asked = len(server.requests)
    second = nst(*arguments)
    assert (second.returncode, second.stdout) == (0, "Nothing was left to do: 1 image in c/val2017\n"), second.stderr
    assert len(server.requests) == asked


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("coco", "--split", "val2014"), "--split 'val2014'"),
        (("coco", "--limit", "0"), "limit"),
        (("coco", "--mirror", "elsewhere"), "elsewhere"),
        (("coco", "--base-url", "nowhere"), "must begin with http"),
        (("coco", "--no-annotations", "--limit", "3"), "leave out --no-annotations"),
    ],
)
def test_wrong_usage_is_exit_2(nst: Nst, tmp_path: Path, arguments: tuple[str, ...], sentence: str) -> None:
    process = nst(*arguments)
    assert process.returncode == 2
    assert sentence in process.stderr
    assert "Traceback" not in process.stderr
    assert not (tmp_path / "data").exists()


def test_a_refusal_by_kaggle_is_exit_2_and_says_how_to_get_a_token(
    nst: Nst, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.always[KAGGLE] = Fault(status=403)
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "LOCALHOST")
    monkeypatch.setenv("HTTP_PROXY", server.url)
    refused = nst("artworks")
    assert refused.returncode == 2
    last = refused.stderr.strip().splitlines()[-1]
    assert last.startswith("Error: Kaggle's dataset ikarus777/best-artworks-of-all-time may not be downloaded")
    assert "Generate New Token" in last
    server.always.clear()
    put_kaggle(server, DATASET, artworks())
    monkeypatch.setenv("KAGGLE_API_TOKEN", "KGAT_secret")
    fetched = nst("artworks", "-o", "art")
    assert (fetched.returncode, fetched.stdout) == (0, "6 paintings in art/images\n")
    assert "KGAT_secret" not in fetched.stderr


@pytest.mark.usefixtures("impatient")
def test_no_network_is_one_sentence_and_exit_1(nst: Nst) -> None:
    offline = nst("coco", "--base-url", "http://127.0.0.1:9")
    assert offline.returncode == 1
    last = offline.stderr.strip().splitlines()[-1]
    assert last.startswith("Error: 127.0.0.1 cannot be reached")
    assert "Traceback" not in offline.stderr


def test_a_terminated_download_is_exit_130_and_goes_on(nst: Nst, server: Server, tmp_path: Path) -> None:
    put_coco(server, coco())
    archive = "/zips/val2017.zip"
    server.always[archive] = Fault(pause=0.5)
    arguments = ["coco", "-o", "c", "--no-annotations", "--base-url", server.url]
    command = [sys.executable, "-m", "flows", "download", *arguments]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    while server.sent < 1000:
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        time.sleep(0.1)
    second = nst(*arguments)
    assert second.returncode == 2
    assert "Another nst process is downloading into c" in second.stderr
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130, errors
    arrived = (tmp_path / "c" / "val2017.zip.part").stat().st_size
    server.always.clear()
    assert nst(*arguments).returncode == 0
    assert server.asked(archive)[-1].range == f"bytes={arrived}-"
    found = {path.relative_to(tmp_path / "c").as_posix(): path.read_bytes() for path in tmp_path.rglob("*.jpg")}
    assert found == {name: data for name, data in coco().items() if name.startswith("val2017/")}
