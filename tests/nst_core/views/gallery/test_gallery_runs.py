"""One gallery of several runs, at a place of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from exhibits import Page, check_links, details, files, new_run, picture, row, script_data, write_results

from nst_core.errors import UsageError
from nst_core.storage.slugs import slugify
from nst_core.views.gallery import build_gallery
from nst_core.views.pages import build_pages


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Two runs of one name that share an artist, however they spell them, and a pair."""
    first, second = new_run(tmp_path / "one", "night"), new_run(tmp_path / "two", "night")
    write_results(first, "vincent-van-gogh", [row(first, "a"), row(first, "b")])
    write_results(first, "hokusai", [row(first, "c", artist="Hokusai")])
    write_results(second, "vincent-van-gogh-2", [row(second, "a", artist="vincent van gogh"), row(second, "d")])
    return [first, second]


def test_artists_of_one_name_are_one_and_every_result_says_its_run(runs: list[Path], tmp_path: Path) -> None:
    index = build_gallery(runs, tmp_path / "both")
    assert index == tmp_path / "both" / "index.html"
    assert "night, night (2) 2 artists 5 pictures" in Page(index).text
    folder = tmp_path / "both" / "vincent-van-gogh"
    assert "a style night a style night (2) b style night d style night (2)" in Page(folder / "index.html").text
    items = script_data(folder / "items.js")
    assert (items["tables"]["run"], items["run"]) == (["night", "night (2)"], [0, 1, 0, 1])
    check_links(tmp_path / "both", tmp_path / "both")


def test_a_pair_that_two_runs_have_keeps_a_link_to_each(runs: list[Path], tmp_path: Path) -> None:
    build_gallery(runs, tmp_path / "both")
    ids = script_data(tmp_path / "both" / "vincent-van-gogh" / "items.js")["ids"]
    assert ids[1] == f"{ids[0]}-night-2"
    assert len(set(ids)) == 4


def test_a_gallery_with_copies_needs_its_runs_no_more(runs: list[Path], tmp_path: Path) -> None:
    build_gallery(runs, tmp_path / "both")
    moved = shutil.move(tmp_path / "both", tmp_path / "elsewhere")
    for run in runs:
        shutil.rmtree(run)
    check_links(moved, moved)
    assert Page(moved / "vincent-van-gogh" / "index.html").cards[0] == "../originals/night/images/a--style.png"


def test_without_copies_its_pages_lead_to_the_runs(runs: list[Path], tmp_path: Path) -> None:
    build_gallery(runs, tmp_path / "galleries" / "both", copy=False)
    folder = tmp_path / "galleries" / "both" / "vincent-van-gogh"
    assert details(folder)[1]["file"] == "../../../two/images/a--style.png"
    assert not (tmp_path / "galleries" / "both" / "originals").exists()
    check_links(tmp_path / "galleries" / "both", tmp_path)


def test_a_second_build_copies_nothing_again_and_follows_what_changed(runs: list[Path], tmp_path: Path) -> None:
    gallery = tmp_path / "both"
    build_gallery(runs, gallery)
    before = files(gallery)
    build_gallery(runs, gallery)
    assert files(gallery) == before

    stranger = gallery / "originals" / "notes.txt"
    stranger.write_text("a person's own file")
    picture(runs[0] / "images" / "a--style.png", size=(60, 60))
    write_results(runs[0], "vincent-van-gogh", [row(runs[0], "b")])
    (runs[0] / "results" / "artist_slug=hokusai" / "part-0.parquet").unlink()
    write_results(runs[1], "vincent-van-gogh-2", [row(runs[1], "a"), row(runs[1], "d")])
    build_gallery(runs, gallery)
    copies = {path.relative_to(gallery / "originals").as_posix() for path in gallery.glob("originals/*/images/*")}
    assert copies == {"night/images/b--style.png", "night-2/images/a--style.png", "night-2/images/d--style.png"}
    assert stranger.exists()
    assert not (gallery / "hokusai").exists()


def test_replaced_results_are_copied_again(runs: list[Path], tmp_path: Path) -> None:
    build_gallery(runs, tmp_path / "both")
    result = picture(runs[0] / "images" / "a--style.png", size=(60, 60))
    build_gallery(runs, tmp_path / "both")
    assert (tmp_path / "both" / "originals" / "night" / "images" / "a--style.png").read_bytes() == result.read_bytes()


def test_copies_that_are_lost_are_made_again(runs: list[Path], tmp_path: Path) -> None:
    gallery = tmp_path / "both"
    build_gallery(runs, gallery)
    before = set(files(gallery))
    shutil.rmtree(gallery / "originals")
    build_gallery(runs, gallery)
    assert set(files(gallery)) == before


def test_a_copy_stays_while_any_artist_needs_it(runs: list[Path], tmp_path: Path) -> None:
    gallery = tmp_path / "both"
    build_gallery(runs, gallery)
    moved = row(runs[0], "a", artist="Hokusai")  # a painting was given to its real painter
    write_results(runs[0], "vincent-van-gogh", [row(runs[0], "b")])
    write_results(runs[0], "hokusai", [row(runs[0], "c", artist="Hokusai"), moved])
    build_gallery(runs, gallery)
    assert (gallery / "originals" / "night" / moved["file_name"]).is_file()
    check_links(gallery, gallery)


def test_without_copies_a_run_that_moved_is_led_to_where_it_is(runs: list[Path], tmp_path: Path) -> None:
    gallery = tmp_path / "both"
    build_gallery(runs, gallery, copy=False)
    moved = tmp_path / "archive" / "one"
    moved.parent.mkdir()
    runs[0].rename(moved)
    build_gallery([moved, runs[1]], gallery, copy=False)
    assert details(gallery / "hokusai")[0]["file"] == "../../archive/one/images/c--style.png"
    check_links(gallery, tmp_path)


def test_a_place_inside_a_run_is_refused(runs: list[Path], tmp_path: Path) -> None:
    other = new_run(tmp_path / "three")
    (other / "run.yaml").write_text("config: {name: other}\n")
    unnamed = tmp_path / "four"
    write_results(unnamed, "x", [])
    for place in (runs[1] / "gallery", runs[1], other, other / "a" / "b", unnamed / "results" / "x"):
        with pytest.raises(UsageError, match="choose a place outside"):
            build_gallery(runs, place)


def test_a_place_that_holds_runs_is_refused_before_anything_is_written(runs: list[Path], tmp_path: Path) -> None:
    temporary = new_run(tmp_path / "three") / f".{'0' * 16}.tmp~"
    temporary.write_bytes(b"a run is writing this")
    before = files(tmp_path)
    with pytest.raises(UsageError, match="holds run folders"):
        build_pages(runs, tmp_path, copy=True)
    assert files(tmp_path) == before


def test_a_place_below_a_run_file_of_ones_own_is_none_of_a_run(runs: list[Path], tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("content: photos\nstyle: paintings\n")
    assert build_gallery(runs, tmp_path / "both").is_file()


def test_one_run_at_a_place_of_its_own_has_each_artist_once_with_a_sheet(tmp_path: Path) -> None:
    run = new_run(tmp_path / "one", "night")
    write_results(run, "a-b", [row(run, "z", artist="A  B", status="failed")])
    write_results(run, "van-gogh", [row(run, "a", artist="Van Gogh")])
    write_results(run, "van-gogh-2", [row(run, "b", artist="van gogh")])
    write_results(run, "x", [row(run, "c", artist="A-b")])
    index = build_pages([run], tmp_path / "shown", copy=True).index
    sheets = {path.parent.name for path in index.parent.glob("*/contact-sheet.png")}
    pages = {path.parent.name for path in index.parent.glob("*/index.html")}
    assert len(pages) == 3
    assert sheets == pages - {"a-b"}
    assert "2 pictures" in Page(index.parent / "van-gogh" / "index.html").text
    assert all(Page(index.parent / slug / "index.html").every("a", href="contact-sheet.png") for slug in sheets)


def test_a_slug_that_leads_out_of_the_gallery_is_passed_over(runs: list[Path], tmp_path: Path) -> None:
    write_results(runs[0], "..", [row(runs[0], "e", artist="Nobody")])
    (tmp_path / "site").mkdir()
    home = tmp_path / "site" / "index.html"
    home.write_text("a person's own page")
    index = build_gallery(runs[:1], tmp_path / "site" / "g")
    assert home.read_text() == "a person's own page"
    assert "Nobody" not in Page(index).text


def test_many_runs_are_counted_rather_than_named(runs: list[Path], tmp_path: Path) -> None:
    more = [*runs, new_run(tmp_path / "three"), new_run(tmp_path / "four")]
    assert "4 runs 2 artists" in Page(build_gallery(more, tmp_path / "all")).text


@pytest.mark.parametrize("slug", ["index.html", "thumbs", "originals", "contact-sheet.png", "Index.html"])
def test_an_artist_called_like_a_part_of_the_gallery_has_pages_of_another_name(slug: str, tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    write_results(run, slug, [row(run, "one", artist=slug)])
    write_results(run, "monet", [row(run, "two", artist="Monet")])
    for _ in range(2):
        build_gallery([run])
    assert (run / "gallery" / "monet" / "index.html").is_file()
    (other,) = {page.parent.name for page in (run / "gallery").glob("*/index.html")} - {"monet"}
    assert other.startswith("name-") or other == slugify(slug) != slug
    check_links(run / "gallery", run)


def test_two_spellings_of_an_artist_share_a_place_in_the_gallery_of_several_runs(tmp_path: Path) -> None:
    runs = [new_run(tmp_path / name, "Run") for name in ("a", "b")]
    for run, name in zip(runs, ["Albrecht D\u00fcrer", "albrecht  Du\u0308rer"], strict=True):
        write_results(run, "durer", [row(run, "one", artist=name)])
    build_gallery(runs, tmp_path / "gallery")
    assert [page.parent.name for page in (tmp_path / "gallery").glob("*/index.html")] == ["albrecht-durer"]


@pytest.mark.parametrize("combined", [True, False])
def test_links_in_a_run_folder_are_not_followed(runs: list[Path], tmp_path: Path, combined: bool) -> None:
    result = runs[0] / "images" / "a--style.png"
    secret = shutil.move(result, tmp_path / "secret.png")
    result.symlink_to(secret)
    gallery = tmp_path / "both" if combined else runs[0] / "gallery"
    build_gallery(runs if combined else runs[:1], *([gallery] if combined else []))
    assert not (gallery / "originals" / "night" / "images" / "a--style.png").exists()
    assert (
        "file" not in details(gallery / "vincent-van-gogh")[0] or not details(gallery / "vincent-van-gogh")[0]["file"]
    )
    assert details(gallery / "vincent-van-gogh")[1 if not combined else 2]["file"]
