"""One file over HTTP: whole and right, or kept for the next try."""

from __future__ import annotations

import hashlib
import json
import random
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from download.fake_server import Fault, Server

from nst_core.errors import DiskFull, DownloadFailed, DownloadRefused, Interrupted, UsageError
from nst_core.sources.download.http import HttpRequest, PublishedChecksum, fetch
from nst_core.sources.download.http_errors import Unreachable, WrongContent, place_of
from nst_core.sources.download.partial_file import PartialFile
from nst_core.sources.download.progress import DownloadWatch, no_progress
from nst_core.storage.retry_after import seconds_to_wait
from nst_core.storage.web_access import name_places
from nst_core.storage.web_client import open_client

DATA = random.Random(7).randbytes(200_000)
PATH = "/a.zip"


@pytest.fixture
def target(tmp_path: Path, server: Server) -> Path:
    server.files[PATH] = DATA
    return tmp_path / "data" / "a.zip"


def get(server: Server, target: Path, watch: DownloadWatch, published: PublishedChecksum | None = None) -> None:
    with open_client() as client:
        fetch(client, HttpRequest(server.url + PATH), target, watch, published)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_arrives_whole_and_is_not_fetched_twice(server: Server, target: Path, watch: DownloadWatch) -> None:
    get(server, target, watch, PublishedChecksum(len(DATA), hashlib.md5(DATA).hexdigest(), official=True))
    get(server, target, watch)
    assert target.read_bytes() == DATA
    assert len(server.requests) == 1


def test_a_cut_download_goes_on_where_it_was_cut(server: Server, target: Path, watch: DownloadWatch) -> None:
    server.faults[PATH] = [Fault(cut=50_000), Fault(cut=60_000)]
    for _ in range(2):
        with pytest.raises(DownloadFailed):
            get(server, target, watch)
        assert not target.exists()
    get(server, target, watch)
    assert target.read_bytes() == DATA
    assert [request.range for request in server.requests] == [None, "bytes=50000-", "bytes=110000-"]
    assert "If-Range" in server.requests[1].headers


def test_an_error_in_between_keeps_what_has_arrived(server: Server, target: Path, watch: DownloadWatch) -> None:
    """Kaggle's own client writes the text of the error over it, and appends to that on the next call."""
    server.faults[PATH] = [Fault(cut=50_000), Fault(status=503), Fault(status=500)]
    for _ in range(3):
        with pytest.raises(DownloadFailed):
            get(server, target, watch)
    get(server, target, watch)
    assert target.read_bytes() == DATA
    assert server.requests[-1].range == "bytes=50000-"


def test_a_server_that_ignores_range_starts_over(server: Server, target: Path, watch: DownloadWatch) -> None:
    server.faults[PATH] = [Fault(cut=50_000), Fault(whole=True)]
    with pytest.raises(DownloadFailed):
        get(server, target, watch)
    get(server, target, watch)
    assert target.read_bytes() == DATA


def test_a_file_that_changed_in_between_is_fetched_anew(server: Server, target: Path, watch: DownloadWatch) -> None:
    server.faults[PATH] = [Fault(cut=50_000)]
    with pytest.raises(DownloadFailed):
        get(server, target, watch)
    server.files[PATH] = DATA[::-1]
    get(server, target, watch)
    assert target.read_bytes() == DATA[::-1]


def test_a_file_that_shrank_is_fetched_anew(server: Server, target: Path, watch: DownloadWatch) -> None:
    """416, from a server that does not know If-Range."""
    server.faults[PATH] = [Fault(cut=50_000), Fault(status=416)]
    with pytest.raises(DownloadFailed):
        get(server, target, watch)
    server.files[PATH] = DATA[:100]
    get(server, target, watch)
    assert target.read_bytes() == DATA[:100]


def test_another_part_than_asked_for_is_not_appended(server: Server, target: Path, watch: DownloadWatch) -> None:
    server.faults[PATH] = [Fault(cut=50_000), Fault(shift=3)]
    with pytest.raises(DownloadFailed):
        get(server, target, watch)
    with pytest.raises(WrongContent, match="another part"):
        get(server, target, watch)
    get(server, target, watch)
    assert target.read_bytes() == DATA


def test_without_a_validator_a_cut_download_starts_over(server: Server, target: Path, watch: DownloadWatch) -> None:
    server.faults[PATH] = [Fault(cut=50_000, headers={"ETag": 'W/"weak"'})]
    with pytest.raises(DownloadFailed):
        get(server, target, watch)
    get(server, target, watch)
    assert target.read_bytes() == DATA
    assert server.requests[-1].range is None


def test_everything_arrived_but_not_renamed_needs_no_request(
    server: Server, target: Path, watch: DownloadWatch
) -> None:
    target.parent.mkdir()
    partial = PartialFile(target)
    partial.restart('"etag"', len(DATA))
    partial.part.write_bytes(DATA)
    get(server, target, watch)
    assert target.read_bytes() == DATA
    assert server.requests == []


@pytest.mark.parametrize("state", ["", "{", "[1]", '{"validator": 3, "total": "x"}'])
def test_a_part_whose_state_is_unreadable_is_not_trusted(
    server: Server, target: Path, watch: DownloadWatch, state: str
) -> None:
    target.parent.mkdir()
    target.with_name("a.zip.part").write_bytes(b"from somewhere")
    target.with_name("a.zip.part.json").write_text(state)
    get(server, target, watch)
    assert target.read_bytes() == DATA


def test_a_wrong_checksum_deletes_what_arrived(server: Server, target: Path, watch: DownloadWatch) -> None:
    with pytest.raises(WrongContent, match=r"md5 .* instead of 0123"):
        get(server, target, watch, PublishedChecksum(len(DATA), "0123", official=True))
    assert names(target.parent) == []


def test_a_wrong_size_of_an_official_file_deletes_it(server: Server, target: Path, watch: DownloadWatch) -> None:
    with pytest.raises(WrongContent, match="200000 bytes instead of the 5 published"):
        get(server, target, watch, PublishedChecksum(5, "0123", official=True))
    assert names(target.parent) == []


def test_a_mirrors_file_of_the_published_size_has_the_published_checksum(
    server: Server, target: Path, watch: DownloadWatch
) -> None:
    with pytest.raises(WrongContent):
        get(server, target, watch, PublishedChecksum(len(DATA), "0123"))
    get(server, target, watch, PublishedChecksum(5, "0123"))
    assert target.read_bytes() == DATA


@pytest.mark.parametrize("status", [401, 403, 404, 410, 400])
def test_refusals_are_for_good(server: Server, target: Path, watch: DownloadWatch, status: int) -> None:
    server.always[PATH] = Fault(status=status)
    with pytest.raises(DownloadRefused, match=f"/a.zip .*HTTP {status}"):
        get(server, target, watch)
    assert not target.parent.exists()


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_faults_that_pass_say_when_to_come_back(
    server: Server, target: Path, watch: DownloadWatch, status: int
) -> None:
    server.faults[PATH] = [Fault(status=status, headers={"Retry-After": "7"})]
    with pytest.raises(DownloadFailed) as caught:
        get(server, target, watch)
    assert caught.value.retry_after == 7
    get(server, target, watch)
    assert target.read_bytes() == DATA


def test_retry_after_may_be_a_date_or_nonsense() -> None:
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert 50 < (seconds_to_wait(in_a_minute) or 0) <= 60
    assert seconds_to_wait("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert seconds_to_wait("soon") is None
    assert seconds_to_wait(None) is None


def test_nothing_that_listens_is_one_sentence(target: Path, watch: DownloadWatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/a.zip"
        name_places([url])
        with open_client() as client, pytest.raises(Unreachable, match=r"127\.0\.0\.1 cannot be reached .*network"):
            fetch(client, HttpRequest(url), target, watch)


def test_an_address_of_another_kind_is_the_persons_to_mend(target: Path, watch: DownloadWatch) -> None:
    with open_client() as client, pytest.raises(UsageError, match="must begin with http"):
        fetch(client, HttpRequest("ftp://example.test/a.zip"), target, watch)


def test_a_stop_does_not_wait_for_a_network_that_hangs(server: Server, target: Path) -> None:
    server.always[PATH] = Fault(pause=30.0)
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    began = time.monotonic()
    with pytest.raises(Interrupted):
        get(server, target, DownloadWatch(no_progress, stop.is_set))
    assert time.monotonic() - began < 5
    assert target.with_name("a.zip.part").stat().st_size == 4000, "what has arrived is kept"


def test_no_space_is_said_before_anything_is_written(
    server: Server, target: Path, watch: DownloadWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nst_core.storage.disk.shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(DiskFull, match=r"200\.0 kB are needed, 1\.0 kB are free"):
        get(server, target, watch)
    assert not target.with_name("a.zip.part").exists()


def test_progress_counts_what_was_there_already(server: Server, target: Path) -> None:
    server.faults[PATH] = [Fault(cut=50_000)]
    seen: list[tuple[int, int]] = []
    watch = DownloadWatch(lambda _title, done, total, _unit: seen.append((done, total)), lambda: False)
    with pytest.raises(DownloadFailed):
        get(server, target, watch)
    seen.clear()
    get(server, target, watch)
    assert (seen[0], seen[-1]) == ((50_000, len(DATA)), (len(DATA), len(DATA)))


def test_no_secret_of_an_address_is_kept_or_told(server: Server, target: Path, watch: DownloadWatch) -> None:
    address = HttpRequest(
        f"{server.url}{PATH}?signature=secret", headers={"Authorization": "Bearer secret"}, body=b"secret"
    )
    server.faults[PATH] = [Fault(cut=1000), Fault(status=403)]
    messages = []
    for _ in range(2):
        with open_client() as client, pytest.raises((DownloadFailed, DownloadRefused)) as caught:
            fetch(client, address, target, watch)
        messages.append(str(caught.value))
    state = target.with_name("a.zip.part.json").read_text()
    assert set(json.loads(state)) == {"validator", "total"}
    assert "secret" not in f"{messages} {state} {address!r}"
    assert place_of("https://me:secret@host.test:8/a/b.zip?x=secret#y") == "https://host.test:8/a/b.zip"


def test_forgetting_spares_what_somebody_else_put_there(server: Server, target: Path, watch: DownloadWatch) -> None:
    get(server, target, watch)
    PartialFile(target).delete()
    assert names(target.parent) == []
    target.write_bytes(b"by hand")
    PartialFile(target).delete()
    assert target.read_bytes() == b"by hand"
