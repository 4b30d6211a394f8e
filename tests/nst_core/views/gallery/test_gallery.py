"""The static gallery: what a visitor finds on its pages, without script and in the data behind it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from exhibits import HOSTILE, Page, check_links, details, new_run, picture, row, script_data, write_results
from PIL import Image

import nst_core.views.gallery
from nst_core.errors import RunFolderError, StorageUnreachable
from nst_core.storage import listed_states
from nst_core.views.gallery import build_gallery
from nst_core.views.pages import build_pages


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return new_run(tmp_path / "my run")


def test_index_counts_and_links_every_artist(run: Path) -> None:
    write_results(run, "vincent-van-gogh", [row(run, name, genre="Post-Impressionism") for name in ("a", "b")])
    write_results(run, "1984", [row(run, "c", artist="1984")])

    index = build_gallery([run])

    assert index == run / "gallery" / "index.html"
    page = Page(index)
    assert "Cats & cups 2 artists 3 pictures" in page.text
    assert "1984 1 picture best: c , loss down to 0.1 %" in page.text
    assert "Vincent van Gogh Post-Impressionism 2 pictures" in page.text
    headings = ["1984/index.html", "vincent-van-gogh/index.html"]
    assert [link["href"] for link in page.every("a", class_="artist")] == headings
    assert page.every("html", lang="en")
    assert page.every("meta", name="viewport")
    check_links(run / "gallery", run)


def test_what_is_known_of_an_artist_stands_on_the_index_and_their_page(run: Path) -> None:
    write_results(run, "x", [row(run, "a", genre="Painting")])
    known = run / "artists.csv"
    known.write_text("artist,years,genre,nationality\nVincent van Gogh,1853–1890,,Dutch\n", "utf-8")
    build_gallery([run])
    for page in ("index.html", "x/index.html"):
        assert "Vincent van Gogh 1853–1890 Painting Dutch 1 picture" in Page(run / "gallery" / page).text
    known.write_text("artist,genre\nVincent van Gogh,Ink\n")
    build_gallery([run])
    for page in ("index.html", "x/index.html"):
        assert "Vincent van Gogh Ink 1 picture" in Page(run / "gallery" / page).text


def test_an_artist_page_shows_each_result_and_leads_to_its_file(run: Path) -> None:
    write_results(run, "x", [row(run, "a"), row(run, "b")])
    build_gallery([run])
    page = Page(run / "gallery" / "x" / "index.html")
    assert [image["alt"] for image in page.shown] == ["a in the style of style", "b in the style of style"]
    assert page.cards == ["../../images/a--style.png", "../../images/b--style.png"]
    assert "a style b style" in page.text
    check_links(run / "gallery", run)


def test_the_lightbox_is_told_all_that_is_known_of_a_pair(run: Path) -> None:
    rights = {"content_license": "CC0", "content_source_url": "https://example.org/a", "style_license": "PD"}
    write_results(run, "x", [row(run, "a", label="cat", split="train", **rights)])
    build_gallery([run])
    (told,) = details(run / "gallery" / "x")
    assert told["file"] == "../../images/a--style.png"
    assert told["before"]["sizes"] == [[48, 32]]
    assert told["trace"] == [0, [10000, 1000, 100, 10]]
    assert script_data(run / "gallery" / "x" / "details-1.js")["iterations"] == [[0, 1, 2, 3]]
    assert (
        told["parameters"].items() >= {"Loss": "1,234", "Method": "wavelet", "Label": "cat", "Split": "train"}.items()
    )
    assert list(told["rights"].values()) == ["CC0", "https://example.org/a", "PD"]


def test_parts_are_read_together_and_ordered_as_people_order_names(run: Path) -> None:
    write_results(run, "x", [row(run, "c 10"), row(run, "a")], part="1")
    write_results(run, "x", [row(run, "B"), row(run, "c 9")], part="2")
    build_gallery([run])
    assert script_data(run / "gallery" / "x" / "items.js")["names"] == ["a", "B", "c 9", "c 10"]


def test_images_reserve_their_space_and_load_lazily(run: Path) -> None:
    write_results(run, "x", [row(run, f"p{number}") for number in range(5)])
    picture(run / "images" / "p4--style.png", size=(800, 400))
    build_gallery([run])
    images = Page(run / "gallery" / "x" / "index.html").shown
    assert all(int(image["width"]) > 0 and int(image["height"]) > 0 for image in images)
    assert all(image.get("loading") == "lazy" for image in images[3:])
    assert (images[-1]["width"], images[-1]["height"]) == ("640", "320")
    assert len(images[-1]["srcset"].split(", ")) == 2


def test_unstylized_pairs_say_so(run: Path) -> None:
    write_results(run, "unstylized", [row(run, "a", artist="unstylized", style_path="", loss_trace=None)])
    build_gallery([run])
    page = Page(run / "gallery" / "unstylized" / "index.html")
    assert [image["alt"] for image in page.shown] == ["a as it is"]
    assert details(run / "gallery" / "unstylized")[0]["styles"] == []
    check_links(run / "gallery", run)


def test_blended_styles_are_named_together_and_shown_with_their_shares(run: Path) -> None:
    blend = row(run, "a")
    other = picture(run.parent / "sources" / "other.png", seed=9)
    write_results(run, "x", [blend | {"style_path": f"{blend['style_path']}@0.7;{other}@0.3"}])
    build_gallery([run])
    assert "a style + other" in Page(run / "gallery" / "x" / "index.html").text
    styles = details(run / "gallery" / "x")[0]["styles"]
    assert [(style["name"], style["share"]) for style in styles] == [("style", "70%"), ("other", "30%")]
    assert all(style["thumb"] for style in styles)


@pytest.mark.parametrize(
    ("cell", "shares"),
    [("{}@2;{}@1", ["67%", "33%"]), ("{};{}", ["50%", "50%"]), ("{}@1e-05;{}@1e-05", ["50%", "50%"])],
)
def test_the_shares_of_a_blend_are_of_one_in_all(run: Path, cell: str, shares: list[str]) -> None:
    told, other = row(run, "a"), picture(run.parent / "sources" / "other.png", seed=9)
    write_results(run, "x", [told | {"style_path": cell.format(told["style_path"], other)}])
    build_gallery([run])
    styles = details(run / "gallery" / "x")[0]["styles"]
    assert [(style["name"], style["share"]) for style in styles] == [("style", shares[0]), ("other", shares[1])]


def test_a_painting_of_a_name_like_a_blend_is_one_painting(run: Path) -> None:
    painting = picture(run.parent / "sources" / "day; night@2.png", seed=9)
    write_results(run, "x", [row(run, "a") | {"style_path": str(painting)}])
    build_gallery([run])
    (style,) = details(run / "gallery" / "x")[0]["styles"]
    assert (style["name"], style["share"]) == ("day; night@2", "")
    assert style["thumb"]


@pytest.mark.parametrize("damage", ["no parquet", "cut", "a page", "empty"])
def test_a_damaged_results_file_counts_as_not_there(run: Path, damage: str) -> None:
    write_results(run, "x", [row(run, "a")])
    write_results(run, "x", [row(run, "b")], part="1")
    broken = run / "results" / "artist_slug=x" / "part-1.parquet"
    plain = {"compression": "none", "use_dictionary": False, "write_statistics": False}
    pq.write_table(pq.ParquetFile(broken).read(), broken, write_page_checksum=True, **plain)
    data = bytearray(broken.read_bytes())
    at = data.index(b"b--style.png")
    data[at : at + 12] = b"z--style.png"
    broken.write_bytes({"no parquet": b"PAR1 no more", "cut": data[:-9], "a page": data, "empty": b""}[damage])
    build_gallery([run])
    assert script_data(run / "gallery" / "x" / "items.js")["names"] == ["a"]
    broken.rename(run / "results" / "artist_slug=x" / "part-0.parquet")
    assert "no pictures in this run yet" in Page(build_gallery([run])).text


@pytest.mark.parametrize("place", ["nowhere://photos/a.png", "s3://user:secret@photos/a.png"])
def test_inputs_at_a_place_that_nobody_knows_are_missing_pictures(run: Path, place: str) -> None:
    write_results(
        run, "x", [row(run, "a") | {"content_path": place, "style_path": f"{place};{place}@2"}, row(run, "b")]
    )
    build_pages([run])
    first, second = details(run / "gallery" / "x")
    assert first["file"]
    assert first["before"] is None
    assert second["before"]


def test_inputs_at_a_store_that_cannot_be_reached_keep_what_is_known_of_them(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = row(run, "a")
    write_results(run, "x", [told])
    build_gallery([run])
    (before,) = details(run / "gallery" / "x")
    file_state = listed_states.file_state

    def state(path: Path) -> tuple[int, int]:
        if path == Path(told["content_path"]):
            raise StorageUnreachable("no answer")
        return file_state(path)

    monkeypatch.setattr(listed_states, "file_state", state)
    (run / "gallery" / "x" / "made.json").unlink()
    build_gallery([run])
    assert details(run / "gallery" / "x") == [before]
    shutil.rmtree(run / "gallery")
    build_gallery([run])
    (after,) = details(run / "gallery" / "x")
    assert after["before"] is None
    assert after["file"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_text_and_their_links_work(run: Path, name: str) -> None:
    (run / "run.yaml").write_text(f"name: {name!r}\n")
    file = name.replace("/", "∕")
    write_results(run, "x", [row(run, file, artist=name, label=name, genre=name, method=name, content_source_url=name)])
    write_results(run, "y", [row(run, "b", status="failed", error_message=name)])
    build_gallery([run])

    page = Page(run / "gallery" / "x" / "index.html")

    assert name not in "".join(str(attributes) for _, attributes in page.tags if "on" in attributes)
    assert page.text.count(name) >= 3
    assert Path(f"{file}.png").stem in page.text
    assert name in Page(run / "gallery" / "index.html").text
    assert "<script>alert" not in (run / "gallery" / "x" / "index.html").read_text()
    assert "<script>" not in (run / "gallery" / "x" / "details-1.js").read_text()
    assert script_data(run / "gallery" / "x" / "items.js")["tables"]["label"] == [name]
    assert details(run / "gallery" / "x")[0]["rights"]["Photograph’s source"] == name
    check_links(run / "gallery", run)


def test_missing_and_broken_pictures_become_placeholders(run: Path) -> None:
    rows = [row(run, name) for name in ("broken", "gone", "lost")]
    Path(rows[0]["content_path"]).write_bytes(b"no image at all")
    Path(rows[1]["content_path"]).unlink()
    (run / rows[2]["file_name"]).unlink()
    rows.append(row(run, "outside") | {"file_name": "../sources/style.png"})
    rows.append(row(run, "strange") | {"content_path": "no\0such\0name", "style_path": "x" * 5000})
    write_results(run, "x", rows)
    build_gallery([run])

    page = Page(run / "gallery" / "x" / "index.html")

    assert len(page.every("figure")) - 1 == 5, "one is the lightbox's curve"
    assert len(page.every("span", class_="missing")) == 2
    assert len(page.cards) == 3
    told = {one["parameters"]["Pair"]: one for one in details(run / "gallery" / "x")}
    assert [told[pair["pair_id"]]["before"] is None for pair in rows] == [True, True, False, False, True]
    assert [told[pair["pair_id"]]["file"] is None for pair in rows] == [False, False, True, True, False]
    check_links(run / "gallery", run)


def test_rows_without_a_picture_are_counted_and_listed_without_folders(run: Path) -> None:
    bad = row(run, "bad", status="quarantined", error_class="TruncatedImage")
    bad["error_message"] = f"{bad['content_path']}: the file ends before the image does"
    failed = row(run, "c", status="failed", error_class="NumericalError")
    write_results(run, "x", [row(run, "a"), bad, bad | {"pair_id": "f" * 16}, failed])
    build_gallery([run])
    for name in ("index.html", "x/index.html"):
        text = Page(run / "gallery" / name).text
        assert "1 picture 1 failed 2 quarantined" in text
        assert "2 quarantined: bad.png: the file ends before the image does" in text
        assert "1 failed: NumericalError" in text


def test_nothing_in_a_gallery_tells_where_it_was_made(run: Path) -> None:
    bad = row(run, "bad", status="failed", error_message=f"{run.parent}/sources/bad.png cannot be read")
    write_results(run, "x", [row(run, "a"), bad])
    build_gallery([run])
    texts = [path.read_text() for path in (run / "gallery").rglob("*") if path.suffix in (".html", ".js", ".json")]
    assert len(texts) == 5
    assert not any(str(run.parent) in text for text in texts)


def test_many_reasons_are_cut_short(run: Path) -> None:
    write_results(run, "x", [row(run, f"{i}", status="failed", error_message=f"reason {i:02}") for i in range(30)])
    text = Page(build_gallery([run])).text
    assert "30 failed" in text
    assert "and 18 more" in text


@pytest.mark.parametrize("failed", [0, 1])
def test_a_run_without_pictures_says_so(run: Path, failed: int) -> None:
    if failed:
        write_results(run, "x", [row(run, "a", status="failed", error_class="TransientError")])
    assert "no pictures in this run yet" in Page(build_gallery([run])).text
    check_links(run / "gallery", run)


def test_more_than_200_pairs_are_paged(run: Path) -> None:
    told = row(run, "a")
    write_results(run, "x", [told | {"pair_id": f"{number:016x}"} for number in range(401)])
    build_gallery([run])

    folder = run / "gallery" / "x"
    first, second, third = (Page(folder / name) for name in ("index.html", "index-2.html", "index-3.html"))

    assert [len(page.shown) for page in (first, second, third)] == [200, 200, 1]
    assert [len(details(folder, number)) for number in (1, 2, 3)] == [200, 200, 1]
    assert [page.every("a", rel="next")[0]["href"] for page in (first, second)] == ["index-2.html", "index-3.html"]
    assert [page.every("a", rel="prev")[0]["href"] for page in (second, third)] == ["index.html", "index-2.html"]
    assert not first.every("a", rel="prev")
    assert not third.every("a", rel="next")
    assert "Page 2 of 3" in second.text
    check_links(run / "gallery", run)


def test_contact_sheets_that_are_there_are_linked(run: Path) -> None:
    write_results(run, "x", [row(run, "a")])
    build_gallery([run])
    assert "contact-sheet.png" not in (run / "gallery" / "index.html").read_text()
    picture(run / "gallery" / "contact-sheet.png")
    picture(run / "gallery" / "x" / "contact-sheet.png")
    build_gallery([run])
    for page in (run / "gallery" / "index.html", run / "gallery" / "x" / "index.html"):
        assert Page(page).every("a", href="contact-sheet.png")
    check_links(run / "gallery", run)


def test_camera_pictures_stand_upright_and_transparency_lies_on_white(run: Path) -> None:
    told = row(run, "a")
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.new("RGB", (48, 32)).save(told["content_path"], exif=exif)
    Image.new("RGBA", (48, 32), (0, 0, 0, 0)).save(told["style_path"])
    write_results(run, "x", [told])
    build_gallery([run])
    (one,) = details(run / "gallery" / "x")
    assert one["before"]["sizes"] == [[32, 48]]
    with Image.open(run / "gallery" / "thumbs" / f"{one['styles'][0]['thumb']['key']}-48x32.webp") as thumbnail:
        assert thumbnail.convert("RGB").getpixel((5, 5)) == (255, 255, 255)


def test_no_run_folder_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="no run folder"):
        build_gallery([tmp_path / "nowhere"])


@pytest.mark.parametrize("text", [None, "name: [", "- a list", "config: {name: ''}"])
def test_a_run_without_a_name_goes_by_its_folder(run: Path, text: str | None) -> None:
    (run / "run.yaml").unlink()
    if text:
        (run / "run.yaml").write_text(text)
    assert "my run" in Page(build_gallery([run])).text


def test_a_name_that_is_no_text_is_no_reason_to_have_no_gallery(run: Path, tmp_path: Path) -> None:
    (run / "run.yaml").write_text('name: "n\\uDCFFght"')
    write_results(run, "x", [row(run, "a")])
    assert "n?ght" in Page(build_gallery([run])).text
    assert "n?ght" in Page(build_gallery([run], tmp_path / "copied")).text
    check_links(tmp_path / "copied", tmp_path / "copied")


def test_the_gallery_imports_neither_prefect_nor_flows() -> None:
    for module in Path(nst_core.views.gallery.__file__).parent.glob("*.py"):
        assert not re.search(r"^\s*(import|from) (prefect|flows)\b", module.read_text("utf-8"), re.MULTILINE), module
