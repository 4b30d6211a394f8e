"""Galleries at an object store: the same pages, passed over when nothing has changed, and copies to and from a disk."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from exhibits import Page, check_links, files, new_run, row, write_results
from fsspec.implementations.memory import MemoryFileSystem

from nst_core.errors import StorageUnreachable, UsageError
from nst_core.storage.paths import file_state, files_below, parse_path
from nst_core.storage.remote_path import RemotePath
from nst_core.views.gallery import build_gallery
from nst_core.views.pages import build_pages


@pytest.fixture
def here(tmp_path: Path) -> Path:
    run = new_run(tmp_path / "run")
    write_results(run, "x", [row(run, "a"), row(run, "b")])
    write_results(run, "y", [row(run, "c", artist="Y")])
    return run


@pytest.fixture
def there(here: Path, bucket: str) -> Path:
    run = parse_path(f"{bucket}/run")
    for name in files_below(here):
        (run / name).write_bytes((here / name).read_bytes())
    return run


def fetched(place: Path, target: Path) -> Path:
    for name in files_below(place):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes((place / name).read_bytes())
    return target


def states(place: Path) -> Mapping[str, Any]:
    return {name: file_state(place / name) for name in files_below(place)}


def test_a_gallery_at_a_store_is_that_of_the_disk(here: Path, there: Path, tmp_path: Path) -> None:
    build_gallery([here])
    assert str(build_gallery([there])) == f"{there}/gallery/index.html"
    copy = fetched(there, tmp_path / "copy")
    assert Page(copy / "gallery" / "x" / "index.html").text == Page(here / "gallery" / "x" / "index.html").text
    assert Page(copy / "gallery" / "x" / "index.html").cards == Page(here / "gallery" / "x" / "index.html").cards
    check_links(copy / "gallery", copy)


def test_a_second_build_puts_nothing(there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build_gallery([there])
    before = states(there)
    monkeypatch.setattr(
        "nst_core.views.gallery.builder.read_artist", lambda artist: pytest.fail(f"{artist.slug} is read")
    )
    build_gallery([there])
    assert states(there) == before


def test_runs_at_a_store_and_on_a_disk_are_copied_together(here: Path, there: Path, tmp_path: Path) -> None:
    build_gallery([here, there], tmp_path / "both")
    check_links(tmp_path / "both", tmp_path / "both")
    before = files(tmp_path / "both")
    build_gallery([here, there], tmp_path / "both")
    assert files(tmp_path / "both") == before


def test_a_gallery_of_several_runs_goes_to_a_store(here: Path, bucket: str, tmp_path: Path) -> None:
    build_gallery([here], parse_path(f"{bucket}/gallery"))
    copy = fetched(parse_path(f"{bucket}/gallery"), tmp_path / "copy")
    check_links(copy, copy)


def test_pages_at_a_store_cannot_lead_to_a_disk(here: Path, bucket: str) -> None:
    with pytest.raises(UsageError, match="--no-copy"):
        build_gallery([here], parse_path(f"{bucket}/gallery"), copy=False)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts what is asked of the store in memory."""
    counts: Counter[str] = Counter()
    for name in ("details", "details_below", "read_bytes", "write_bytes", "unlink"):
        monkeypatch.setattr(RemotePath, name, _counted(getattr(RemotePath, name), name, counts))
    monkeypatch.setattr(MemoryFileSystem, "_open", _counted(MemoryFileSystem._open, "open", counts))
    return counts


def _counted(method: Callable[..., Any], name: str, counts: Counter[str]) -> Callable[..., Any]:
    def call(*args: Any, **options: Any) -> Any:
        counts[name] += 1
        return method(*args, **options)

    return call


def some_artists(run: Path, count: int) -> Path:
    new_run(run)
    for number in range(count):
        write_results(run, f"x{number}", [row(run, f"{number}-{n}", artist=f"X {number}") for n in range(2)])
    return run


def uploaded(run: Path, there: Path) -> Path:
    for name in files_below(run):
        (there / name).write_bytes((run / name).read_bytes())
    return there


@pytest.mark.parametrize("place", ["the gallery", "the run"])
def test_an_unchanged_gallery_asks_no_more_of_a_store_for_more_artists(
    tmp_path: Path, memory: Path, asked: Counter[str], place: str
) -> None:
    told = []
    for count in (1, 3):
        run, gallery = some_artists(tmp_path / f"run-{count}", count), memory / f"gallery-{count}"
        runs, where = ([run], gallery) if place == "the gallery" else ([uploaded(run, memory / f"run-{count}")], None)
        build_pages(runs, where)
        asked.clear()
        build_pages(runs, where)
        told.append(dict(asked))
    assert told[0] == told[1]
    assert sum(told[0].values()) < 40


def test_one_more_result_asks_nothing_about_other_artists(tmp_path: Path, memory: Path, asked: Counter[str]) -> None:
    told = []
    for count in (1, 3):
        run, gallery = some_artists(tmp_path / f"run-{count}", count), memory / f"gallery-{count}"
        build_pages([run], gallery)
        painting = run.parent / "sources" / "style.png"
        before = painting.stat().st_mtime_ns
        write_results(run, "x0", [row(run, "new", artist="X 0")], part="1")
        os.utime(painting, ns=(before, before))
        asked.clear()
        build_pages([run], gallery)
        told.append(asked["details"] + asked["details_below"] + asked["write_bytes"])
    assert told[0] == told[1]


def test_without_its_records_a_gallery_is_not_made_again(here: Path, memory: Path) -> None:
    gallery = memory / "gallery"
    build_pages([here], gallery)
    (gallery / "records.json").write_bytes(
        b'{"format": 1, "pages": {"x": [[1, 2], 3]}, "sheets": 4, "choices": {"x": []}}'
    )
    before = states(gallery)
    build_pages([here], gallery)
    after = states(gallery)
    assert {name for name in after if after[name] != before.get(name)} == {"records.json"}
    (gallery / "records.json").unlink()
    build_pages([here], gallery)
    assert {name: state for name, state in states(gallery).items() if name != "records.json"} == {
        name: state for name, state in before.items() if name != "records.json"
    }


def test_an_upload_that_was_cut_goes_on_with_what_is_missing(
    here: Path, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery, write = memory / "gallery", RemotePath.write_bytes
    put: list[str] = []

    def failing(path: RemotePath, data: bytes) -> int:
        if len(put) == limit and not path.name.startswith(".lock"):
            raise StorageUnreachable("No answer.")
        if not path.name.startswith(".lock"):
            put.append(str(path))
        return write(path, data)

    monkeypatch.setattr(RemotePath, "write_bytes", failing)
    written: list[str] = []
    for limit in (4, 8, 6, 1000):
        put.clear()
        if limit < 1000:
            with pytest.raises(StorageUnreachable):
                build_pages([here], gallery)
        else:
            build_pages([here], gallery)
        written += put
        put.clear()
    again = [path for path, count in Counter(written).items() if count > 1]
    assert [path for path in again if not path.endswith("records.json")] == []
    check_links(fetched(gallery, here.parent / "copy"), here.parent / "copy")
