"""What a second build leaves alone, makes again, and takes away."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from exhibits import Page, check_links, details, files, new_run, picture, row, write_results

from nst_core.views.gallery import artist_pages, build_gallery, builder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return new_run(tmp_path / "my run")


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The slugs of the artists whose results are read, as they are."""
    slugs: list[str] = []

    def noted(artist: Any) -> Any:
        slugs.append(artist.slug)
        return read_artist(artist)

    read_artist = builder.read_artist
    monkeypatch.setattr(builder, "read_artist", noted)
    return slugs


def test_a_second_build_writes_nothing_and_reads_no_results(run: Path, read: list[str]) -> None:
    write_results(run, "x", [row(run, "a"), row(run, "b", status="failed")])
    index = build_gallery([run])
    before, text = files(run / "gallery"), index.read_text()
    read.clear()
    build_gallery([run])
    assert (files(run / "gallery"), index.read_text(), read) == (before, text, [])


def test_an_addition_touches_its_own_artist_and_the_index(run: Path, read: list[str]) -> None:
    write_results(run, "x", [row(run, "a")])
    write_results(run, "y", [row(run, "b", artist="Y")])
    build_gallery([run])
    before = files(run / "gallery")
    read.clear()
    write_results(run, "y", [row(run, "c", artist="Y")], part="1")
    build_gallery([run])
    after = files(run / "gallery")
    changed = {name for name in after if after[name] != before.get(name) and not name.startswith("thumbs/")}
    assert read == ["y"]
    assert changed == {"index.html", *(f"y/{name}" for name in ("index.html", "items.js", "details-1.js", "made.json"))}


@pytest.mark.parametrize("damage", ["result gone", "result replaced", "thumbnail gone", "page gone", "record damaged"])
def test_an_artist_is_made_again_when_something_of_theirs_is_not_as_it_was(
    run: Path, read: list[str], damage: str
) -> None:
    write_results(run, "x", [row(run, "a")])
    write_results(run, "y", [row(run, "b", artist="Y")])
    build_gallery([run])
    result, page = run / "images" / "a--style.png", run / "gallery" / "x" / "details-1.js"
    match damage:
        case "result gone":
            result.unlink()
        case "result replaced":
            picture(result, size=(60, 60), seed=4)
        case "thumbnail gone":
            shown = Page(run / "gallery" / "x" / "index.html").shown[0]["src"]
            (run / "gallery" / "x" / shown).unlink()
        case "page gone":
            page.unlink()
        case "record damaged":
            (run / "gallery" / "x" / "made.json").write_text('{"format": 1}')
    read.clear()
    build_gallery([run])
    assert read == ["x"]
    assert page.is_file()
    check_links(run / "gallery", run)


def test_pictures_that_come_back_are_shown(run: Path) -> None:
    write_results(run, "x", [row(run, "a")])
    content = run.parent / "sources" / "a.png"
    content.unlink()
    build_gallery([run])
    picture(content)
    build_gallery([run])
    assert '"before":{' in (run / "gallery" / "x" / "details-1.js").read_text()


def test_pictures_are_shared_between_pairs(run: Path) -> None:
    write_results(run, "x", [row(run, "a"), row(run, "b")])
    write_results(run, "y", [row(run, "a", artist="Y")])
    build_gallery([run])
    assert len(list((run / "gallery" / "thumbs").iterdir())) == 5  # contents a and b, one style, results a and b


def test_changed_results_renew_their_thumbnails_and_stale_files_go(run: Path) -> None:
    told = row(run, "b")
    write_results(run, "x", [row(run, "a"), *(told | {"pair_id": f"{number:016x}"} for number in range(200))])
    write_results(run, "y", [row(run, "c", artist="Y")])
    build_gallery([run])
    thumbs = run / "gallery" / "thumbs"
    before = files(thumbs)
    stranger = run / "gallery" / "notes" / "index.html"
    stranger.parent.mkdir()
    stranger.write_text("a person's own page")

    (run / "results" / "artist_slug=y" / "part-0.parquet").unlink()
    write_results(run, "x", [row(run, "a")])
    picture(run / "images" / "a--style.png", size=(60, 60), seed=4)
    os.utime(run.parent / "sources" / "style.png", ns=(1, 1))
    build_gallery([run])

    assert len(files(thumbs)) == 3
    assert not (run / "gallery" / "y").exists()
    assert set(files(run / "gallery" / "x")) == {"index.html", "items.js", "details-1.js", "made.json"}
    assert stranger.exists()
    assert any("60x60" in name for name in files(thumbs).keys() - before.keys())
    check_links(run / "gallery", run)


def test_a_record_of_somebody_else_deletes_nothing_outside_of_the_gallery(run: Path) -> None:
    write_results(run, "x", [row(run, "a")])
    build_gallery([run])
    record = run / "gallery" / "x" / "made.json"
    told = json.loads(record.read_text())
    told["pages"] += ["../../run.yaml", str(run / "run.yaml")]
    told["originals"] += [["../..", "run.yaml"], ["x", "../../../run.yaml"], ["x", str(run / "run.yaml")]]
    (run / "gallery" / "y").mkdir()
    for folder in ("x", "y"):  # of an artist who is made again, and of one who is gone
        (run / "gallery" / folder / "made.json").write_text(json.dumps(told))
    write_results(run, "x", [row(run, "a"), row(run, "b")])
    build_gallery([run])
    assert (run / "run.yaml").is_file()
    assert not (run / "gallery" / "y").exists()


def test_a_build_cut_short_between_two_sizes_is_completed(run: Path) -> None:
    write_results(run, "x", [row(run, "a")])
    picture(run / "images" / "a--style.png", size=(800, 400))
    build_gallery([run])
    before = files(run / "gallery").keys()
    next((run / "gallery" / "thumbs").glob("*-320x160.webp")).unlink()
    (run / "gallery" / "x" / "made.json").unlink()
    (run / "gallery" / "thumbs" / f".{'0' * 16}.tmp~").write_bytes(b"half a picture")
    build_gallery([run])
    assert files(run / "gallery").keys() == before


def test_progress_counts_every_row_of_every_build(run: Path) -> None:
    write_results(run, "x", [row(run, "a"), row(run, "b", status="failed")])
    write_results(run, "y", [row(run, "c")])
    told: list[tuple[int, int]] = []
    build_gallery([run], progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]
    build_gallery([run], progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (3, 3)


def test_a_change_of_the_pages_look_makes_all_anew(run: Path, read: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    write_results(run, "x", [row(run, "a")])
    build_gallery([run])
    read.clear()
    monkeypatch.setattr("nst_core.views.gallery.build_record.templates_digest", lambda: "another")
    build_gallery([run])
    assert read == ["x"]


def test_one_page_at_a_time_is_in_the_making(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def noted(folder: Any, pictures: Any, *lasting: Any) -> Any:
        several = list(pictures)
        asked.append(len(several))
        return make(folder, several, *lasting)

    make = artist_pages.ThumbnailFolder.make
    monkeypatch.setattr(artist_pages.ThumbnailFolder, "make", noted)
    write_results(run, "x", [row(run, f"{number}") for number in range(7)])
    build_gallery([run], per_page=3)
    assert asked == [9, 9, 3]


def test_inputs_that_are_gone_keep_the_thumbnails_they_had(run: Path) -> None:
    write_results(run, "x", [row(run, "a")])
    build_gallery([run])
    (before,) = details(run / "gallery" / "x")
    shutil.rmtree(run.parent / "sources")
    (run / "gallery" / "x" / "made.json").unlink()
    for _ in range(2):
        build_gallery([run])
        (after,) = details(run / "gallery" / "x")
        assert after == before
        assert after["before"]
        assert after["styles"][0]["thumb"]
        check_links(run / "gallery", run)


def test_a_result_that_is_gone_is_told_as_gone(run: Path) -> None:
    write_results(run, "x", [row(run, "a")])
    build_gallery([run])
    (run / "images" / "a--style.png").unlink()
    build_gallery([run])
    assert Page(run / "gallery" / "x" / "index.html").every("span", class_="missing")


def test_half_written_files_of_others_below_a_gallery_stay(run: Path) -> None:
    write_results(run, "x", [row(run, "a")])
    name = f".{'0' * 16}.tmp~"
    ours = [run / "gallery" / folder / name for folder in ("thumbs", "x", "gone")]
    theirs = run / "gallery" / "somebody" / "else" / name
    build_gallery([run])
    shutil.copytree(run / "gallery" / "x", run / "gallery" / "gone")
    for file in (*ours, theirs):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"half")
    build_gallery([run])
    assert not any(file.exists() for file in ours)
    assert not ours[-1].parent.exists()
    assert theirs.exists()
