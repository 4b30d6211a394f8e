"""The artworks from Kaggle, through the unmodified `kaggle` package and a server that plays Kaggle."""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path

import pytest
from download.fake_datasets import artworks, put_kaggle, zipped
from download.fake_server import KAGGLE, SIGNATURE, TOKEN_CHECK, Fault, Server

from nst_core.config.sources import ArtworksSource
from nst_core.errors import DownloadFailed, DownloadRefused, Interrupted, UnsafeArchive
from nst_core.sources.download import kaggle_client
from nst_core.sources.download.artworks import DATASET, artworks_complete, download_artworks
from nst_core.sources.download.dataset_archive import DatasetArchive
from nst_core.sources.download.folder import LOCK, MARKER
from nst_core.sources.download.http_errors import Unreachable, WrongContent
from nst_core.sources.download.kaggle_client import kaggle_archive
from nst_core.sources.download.progress import DownloadWatch, no_progress
from nst_core.sources.download.source import download_source, needed_download

SMALL = DatasetArchive("best-artworks-of-all-time.zip")


@pytest.fixture
def archive(kaggle: Server) -> str:
    """The path at which the server has the archive."""
    return put_kaggle(kaggle, DATASET, artworks())


def below(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in (MARKER, LOCK)]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_the_dataset_arrives_without_a_token_and_is_marked_complete(
    kaggle: Server, archive: str, tmp_path: Path, watch: DownloadWatch
) -> None:
    folder = tmp_path / "art"
    assert not artworks_complete(folder)
    assert "6 paintings" in download_artworks(folder, watch, SMALL)
    assert below(folder) == artworks(), "neither the archive nor anything else remains"
    marker = json.loads((folder / MARKER).read_text())["parts"]["artworks"]
    assert (marker["state"], marker["files"]) == ("complete", 13)
    assert marker["source"] == f"http://storage.test{archive}"
    assert SIGNATURE not in (folder / MARKER).read_text()
    assert "Authorization" not in kaggle.asked(KAGGLE)[0].headers


def test_a_second_call_asks_nobody(kaggle: Server, archive: str, tmp_path: Path, watch: DownloadWatch) -> None:
    download_artworks(tmp_path, watch, SMALL)
    before = len(kaggle.requests)
    download_artworks(tmp_path, watch, SMALL)
    assert len(kaggle.requests) == before


def test_what_was_deleted_is_fetched_again(kaggle: Server, archive: str, tmp_path: Path, watch: DownloadWatch) -> None:
    download_artworks(tmp_path, watch, SMALL)
    (tmp_path / "images" / "images" / "Ada_Bo" / "Ada_Bo_1.jpg").unlink()
    assert not artworks_complete(tmp_path)
    download_artworks(tmp_path, watch, SMALL)
    assert below(tmp_path) == artworks()


def test_a_token_goes_to_kaggle_and_nowhere_else(
    kaggle: Server, archive: str, tmp_path: Path, watch: DownloadWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", "KGAT_0123456789")
    download_artworks(tmp_path, watch, SMALL)
    assert kaggle.asked(TOKEN_CHECK)
    assert kaggle.asked(KAGGLE)[0].headers["Authorization"] == "Bearer KGAT_0123456789"
    assert "Authorization" not in kaggle.asked(archive)[-1].headers
    assert "KGAT" not in (tmp_path / MARKER).read_text()


def test_a_cut_archive_goes_on_under_a_new_address(
    kaggle: Server, archive: str, tmp_path: Path, watch: DownloadWatch
) -> None:
    """Addresses of archives are signed for some minutes: each try asks for one anew."""
    kaggle.faults[archive] = [Fault(), Fault(cut=5000), Fault(), Fault(status=503), Fault()]
    for _ in range(2):
        with pytest.raises(DownloadFailed) as caught:
            download_artworks(tmp_path, watch, SMALL)
        assert SIGNATURE not in str(caught.value)
        assert not artworks_complete(tmp_path)
    download_artworks(tmp_path, watch, SMALL)
    assert below(tmp_path) == artworks()
    assert kaggle.asked(archive)[-1].range == "bytes=5000-"
    assert len(kaggle.asked(KAGGLE)) == 3


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_says_how_to_get_a_token(
    kaggle: Server, archive: str, tmp_path: Path, watch: DownloadWatch, status: int
) -> None:
    kaggle.always[KAGGLE] = Fault(status=status)
    with pytest.raises(DownloadRefused, match=r"Generate New Token.*KAGGLE_API_TOKEN"):
        download_artworks(tmp_path, watch, SMALL)


def test_a_dataset_that_is_gone_is_refused(kaggle: Server, tmp_path: Path, watch: DownloadWatch) -> None:
    with pytest.raises(DownloadRefused, match=r"best-artworks-of-all-time is not there \(HTTP 404\)"):
        download_artworks(tmp_path, watch, SMALL)


def test_a_busy_kaggle_says_when_to_come_back(kaggle: Server, archive: str, watch: DownloadWatch) -> None:
    kaggle.faults[KAGGLE] = [Fault(status=429, headers={"Retry-After": "9"}), Fault(status=500)]
    with pytest.raises(DownloadFailed) as caught:
        kaggle_archive(DATASET, watch)
    assert caught.value.retry_after == 9
    with pytest.raises(DownloadFailed, match="HTTP 500"):
        kaggle_archive(DATASET, watch)


def test_no_network_is_one_sentence(kaggle: Server, watch: DownloadWatch, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(Unreachable, match="Kaggle cannot be reached"):
            kaggle_archive(DATASET, watch)


def test_a_kaggle_that_does_not_answer_is_left(
    kaggle: Server, archive: str, watch: DownloadWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{deaf.getsockname()[1]}")
        monkeypatch.setattr(kaggle_client, "DEADLINE", 0.5)
        with pytest.raises(DownloadFailed, match="did not answer"):
            kaggle_archive(DATASET, watch)
        stop = threading.Event()
        threading.Timer(0.3, stop.set).start()
        monkeypatch.setattr(kaggle_client, "DEADLINE", 60)
        began = time.monotonic()
        with pytest.raises(Interrupted):
            kaggle_archive(DATASET, DownloadWatch(no_progress, stop.is_set))
        assert time.monotonic() - began < 10


def test_a_damaged_archive_is_deleted_and_fetched_anew(
    kaggle: Server, archive: str, tmp_path: Path, watch: DownloadWatch
) -> None:
    good = kaggle.files[archive]
    kaggle.files[archive] = good[: len(good) // 2]
    with pytest.raises(WrongContent, match="damaged"):
        download_artworks(tmp_path, watch, SMALL)
    assert below(tmp_path) == {}
    kaggle.files[archive] = good
    download_artworks(tmp_path, watch, SMALL)
    assert below(tmp_path) == artworks()


def test_another_archive_than_expected_is_refused(kaggle: Server, tmp_path: Path, watch: DownloadWatch) -> None:
    put_kaggle(kaggle, DATASET, {"readme.txt": b"moved"})
    with pytest.raises(UnsafeArchive, match=r"holds no artists\.csv"):
        download_artworks(tmp_path, watch, SMALL)
    assert not artworks_complete(tmp_path)


def test_an_archive_cannot_bring_its_own_marker(kaggle: Server, tmp_path: Path, watch: DownloadWatch) -> None:
    put_kaggle(kaggle, DATASET, artworks() | {MARKER: b"{}", "__MACOSX/x": b"", "images/.hidden": b""})
    download_artworks(tmp_path, watch, SMALL)
    assert below(tmp_path) == artworks()
    assert artworks_complete(tmp_path)


def test_an_archive_put_there_by_hand_is_used_and_kept(kaggle: Server, tmp_path: Path, watch: DownloadWatch) -> None:
    by_hand = tmp_path / SMALL.name
    by_hand.write_bytes(zipped(artworks()))
    download_artworks(tmp_path, watch, SMALL)
    assert below(tmp_path) == artworks() | {SMALL.name: by_hand.read_bytes()}
    assert kaggle.requests == []


def test_missing_tells_complete_by_hand_and_half_there_apart(
    kaggle: Server, archive: str, tmp_path: Path, watch: DownloadWatch
) -> None:
    source = ArtworksSource(path=tmp_path)
    assert needed_download(source) == f"nst download artworks --output {tmp_path}"
    kaggle.faults[archive] = [Fault(), Fault(cut=5000)]
    with pytest.raises(DownloadFailed):
        download_artworks(tmp_path, watch, SMALL)
    assert needed_download(source)
    download_source(source, DownloadWatch(no_progress, lambda: False))
    assert needed_download(source) is None
    (tmp_path / MARKER).unlink()
    assert needed_download(source) is None, "now it looks as if put there by hand"
