"""A gallery that is watched: what leads to a build, what a failed one comes to, and when it is over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from exhibits import Page, files, new_run, row, write_results

from nst_core.errors import DiskFull, FolderInUse, Interrupted, RunFolderError, StorageUnreachable, UsageError
from nst_core.run_folder.artists import ArtistFacts, record_artist_facts
from nst_core.run_folder.folder import RunFolder
from nst_core.run_folder.lock.run_lock import read_holders
from nst_core.run_folder.quality import quality_file
from nst_core.views import gallery_watch
from nst_core.views.gallery.lock import hold_gallery
from nst_core.views.gallery_watch import REST, GalleryWatch
from nst_core.views.pages import build_pages


@pytest.fixture
def run(tmp_path: Path) -> Path:
    run = new_run(tmp_path / "run")
    write_results(run, "x", [row(run, "a")])
    write_results(run, "y", [row(run, "b", artist="Y")])
    return run


def looked(watch: GalleryWatch) -> bool:
    """Whether there was something to build, which has then been built."""
    assert watch.look() == ""
    outdated = watch.is_outdated
    if outdated:
        assert watch.build().report
    return outdated


def index(run: Path) -> str:
    return Page(run / "gallery" / "index.html").text


def test_what_a_run_adds_is_built_until_it_has_ended(run: Path) -> None:
    with RunFolder(run).locked():
        watch = GalleryWatch([run])
        watch.look()
        report = watch.build().report
        assert report is not None
        assert (report.artists, report.pictures, report.rebuilt, report.new) == (2, 2, 2, 2)
        assert "2 pictures so far: the run goes on" in index(run)
        before = files(run / "gallery")["x/index.html"]
        assert not looked(watch)
        assert not watch.has_ended
        write_results(run, "y", [row(run, "c", artist="Y")], part="1")
        watch.look()
        assert watch.is_outdated
        report = watch.build().report
        assert report is not None
        assert (report.pictures, report.rebuilt, report.new) == (3, 1, 1)
        assert files(run / "gallery")["x/index.html"] == before
    assert looked(watch), "the index still says that the run goes on"
    assert watch.has_ended
    assert "so far" not in index(run)


@pytest.mark.parametrize("change", ["quality", "facts", "name"])
def test_what_a_gallery_shows_beside_results_leads_to_a_build(run: Path, change: str) -> None:
    watch = GalleryWatch([run])
    assert looked(watch)
    assert not looked(watch)
    match change:
        case "quality":
            quality_file(run, "0").parent.mkdir()
            quality_file(run, "0").write_bytes(b"damaged")
        case "facts":
            record_artist_facts(run, {"Y": ArtistFacts("1900")})
        case "name":
            (run / "run.yaml").write_text("name: another\n")
    assert looked(watch)
    assert not looked(watch)


def test_looking_reads_nothing(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = GalleryWatch([run])
    assert looked(watch)
    monkeypatch.setattr("nst_core.run_folder.results_reader.pq.ParquetFile", None)
    monkeypatch.setattr("nst_core.run_folder.results_reader.pq.read_metadata", None)
    assert not looked(watch)


@pytest.mark.parametrize(
    "error", [DiskFull("No space left."), StorageUnreachable("No answer."), OSError("Stale handle.")]
)
def test_a_build_that_fails_is_tried_again(run: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    with RunFolder(run).locked():
        watch = GalleryWatch([run])
        with monkeypatch.context() as patch:
            patch.setattr(gallery_watch, "build_pages", fail)
            for _ in range(5):
                watch.look()
                assert watch.is_outdated
                assert watch.build().failure == str(error)
        assert looked(watch)
        assert not looked(watch)


def test_once_the_run_has_ended_a_build_may_fail_three_times(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise DiskFull("No space left.")

    monkeypatch.setattr(gallery_watch, "build_pages", fail)
    watch = GalleryWatch([run])
    for _ in range(2):
        watch.look()
        assert watch.build().failure
        assert not watch.has_ended
    watch.look()
    with pytest.raises(DiskFull):
        watch.build()


@pytest.mark.parametrize("error", [UsageError("No."), Interrupted()])
def test_wrong_usage_and_an_interruption_end_the_watch(
    run: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(gallery_watch, "build_pages", fail)
    with RunFolder(run).locked():
        watch = GalleryWatch([run])
        watch.look()
        with pytest.raises(type(error)):
            watch.build()


def test_a_store_that_does_not_answer_is_looked_at_again(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise StorageUnreachable("No answer.")

    watch = GalleryWatch([run])
    with monkeypatch.context() as patch:
        patch.setattr(gallery_watch, "source_states", fail)
        assert watch.look() == "No answer."
    assert not watch.is_outdated
    assert not watch.has_ended
    assert looked(watch)


def test_one_process_builds_a_gallery_at_a_time(run: Path) -> None:
    with RunFolder(run).locked():
        watch = GalleryWatch([run])
        watch.look()
        with hold_gallery(run):
            with pytest.raises(FolderInUse, match=r"Another nst process is building the gallery of .*run: wait"):
                build_pages([run])
            assert "Another nst process is building the gallery" in watch.build().failure
            build_pages([run], run.parent / "elsewhere")
            assert not (run / "gallery" / "index.html").exists()
        assert watch.build().report


def test_a_run_that_begins_leaves_a_build_under_way_alone(run: Path) -> None:
    half = run / "gallery" / "thumbs" / f".{'0' * 16}.tmp~"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half")
    with RunFolder(run).locked():
        assert half.exists()
        build_pages([run])
    assert not half.exists()


def test_of_several_runs_the_last_one_to_end_ends_the_watch(run: Path, tmp_path: Path) -> None:
    other = new_run(tmp_path / "other", "other")
    write_results(other, "x", [row(other, "z")])
    watch = GalleryWatch([run, other], tmp_path / "both")
    with RunFolder(other).locked():
        assert looked(watch)
        assert not watch.has_ended
    assert looked(watch)
    assert watch.has_ended
    assert "so far" not in (tmp_path / "both" / "index.html").read_text("utf-8")


def test_a_run_that_is_planning_is_waited_for(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with RunFolder(run).locked():
        watch = GalleryWatch([run])
        assert not looked(watch)
        assert not watch.has_ended
        (run / "run.yaml").write_text("name: run\n")
        assert looked(watch)
        assert "no pictures in this run yet. Open this page again" in index(run)


def test_a_run_that_is_not_there_or_never_began_is_refused(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with pytest.raises(RunFolderError, match="is not a run folder"):
        GalleryWatch([run])
    with RunFolder(run).locked():
        watch = GalleryWatch([run])
    with pytest.raises(RunFolderError, match="is not a run folder"):
        watch.look()


def test_after_a_long_build_the_pause_is_long(run: Path) -> None:
    times = iter([0.0, 20.0])
    watch = GalleryWatch([run], clock=lambda: next(times))
    assert watch.pause(30) == 30
    watch.look()
    watch.build()
    assert watch.pause(30) == 20 * REST
    assert read_holders(run) == []
