"""Galleries at an object store: the same pages, passed over when nothing has changed, and copies to and from a disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from exhibits import Page, check_links, files, new_run, row, write_results

from nst_core.errors import UsageError
from nst_core.storage.paths import file_state, files_below, located
from nst_core.views.gallery import build_gallery


@pytest.fixture
def here(tmp_path: Path) -> Path:
    run = new_run(tmp_path / "run")
    write_results(run, "x", [row(run, "a"), row(run, "b")])
    write_results(run, "y", [row(run, "c", artist="Y")])
    return run


@pytest.fixture
def there(here: Path, bucket: str) -> Path:
    run = located(f"{bucket}/run")
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
    build_gallery([here], located(f"{bucket}/gallery"))
    copy = fetched(located(f"{bucket}/gallery"), tmp_path / "copy")
    check_links(copy, copy)


def test_pages_at_a_store_cannot_lead_to_a_disk(here: Path, bucket: str) -> None:
    with pytest.raises(UsageError, match="--no-copy"):
        build_gallery([here], located(f"{bucket}/gallery"), copy=False)
