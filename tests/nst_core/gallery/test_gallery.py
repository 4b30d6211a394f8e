"""The static gallery: what a visitor finds on its pages, and what a second build leaves alone."""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import nst_core.gallery
from nst_core.errors import RunFolderError
from nst_core.gallery import build_gallery
from nst_core.gallery.results import split_styles
from nst_core.gallery.sparkline import HEIGHT, WIDTH, sparkline
from nst_core.web import number

POINT = pa.struct([("iteration", pa.int32()), *((name, pa.float32()) for name in ("content", "style", "tv", "total"))])
HOSTILE = ['"><script>alert(1)</script>', "AC/DC & Söhne's", "🎨 mère", "ابن سينا", "100% #1?a=b;c", "{{ 7*7 }}"]


# Small runs, built in the open -------------------------------------------------------------------------------------


def picture(path: Path, size: tuple[int, int] = (48, 32), seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def row(run: Path, name: str, **changes: Any) -> dict[str, Any]:
    """A finished pair of its own content, style and result files; `changes` replace columns."""
    sources = run.parent / "sources"
    told = {
        "pair_id": hashlib.sha256(name.encode()).hexdigest()[:16],
        "status": "success",
        "content_path": str(sources / f"{name}.png"),
        "style_path": str(sources / "style.png"),
        "file_name": f"images/{name}--style.png",
        "artist": "Vincent van Gogh",
        "width": 48,
        "height": 32,
        "evaluations": 140,
        "total_loss": 1234.5,
        "seconds": 14.2,
        "method": "wavelet",
        "loss_trace": [
            {"iteration": i, "content": 0.0, "style": 0.0, "tv": 0.0, "total": 10.0 ** (4 - i)} for i in range(4)
        ],
    } | changes
    if told["status"] == "success":
        picture(sources / f"{name}.png", seed=1)
        picture(sources / "style.png", seed=2)
        picture(run / told["file_name"], seed=3)
    return told


def write_results(run: Path, slug: str, rows: Sequence[dict[str, Any]], part: str = "0") -> None:
    folder = run / "results" / f"artist_slug={slug}"
    folder.mkdir(parents=True, exist_ok=True)
    columns = {name: [one.get(name) for one in rows] for name in dict.fromkeys(key for one in rows for key in one)}
    trace = pa.array(columns.pop("loss_trace", [None] * len(rows)), pa.list_(POINT))
    pq.write_table(pa.table({**columns, "loss_trace": trace}), folder / f"part-{part}.parquet")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    run = tmp_path / "my run"
    run.mkdir()
    (run / "run.yaml").write_text("name: Cats & cups\n")
    return run


class Page(HTMLParser):
    """The tags of a page, its addresses, and its text as a visitor reads it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path, self.tags, self.addresses, self.words = path, list[tuple[str, dict[str, str]]](), list[str](), [""]
        self._silent = False
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.tags.append((tag, values))
        self.addresses += [values[name] for name in ("href", "src") if name in values]
        self.addresses += [one.split()[0] for one in values.get("srcset", "").split(",") if one.strip()]
        self._silent = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._silent = False

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def every(self, tag: str, **values: str) -> list[dict[str, str]]:
        wanted = {name.rstrip("_"): value for name, value in values.items()}
        return [attrs for name, attrs in self.tags if name == tag and wanted.items() <= attrs.items()]


def pages(run: Path) -> list[Page]:
    return [Page(path) for path in sorted((run / "gallery").rglob("*.html"))]


def check_links(run: Path) -> None:
    """Every address leads to a file of the run folder, on no other host."""
    for page in pages(run):
        for address in set(page.addresses):
            parts = urlsplit(address)
            if parts.scheme == "data":
                continue
            assert not parts.scheme, address
            assert not parts.netloc, address
            target = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path
            assert target.is_file(), f"{page.path}: {address}"
            assert target.is_relative_to(run.resolve()), address


def files(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


# What a visitor finds ----------------------------------------------------------------------------------------------


def test_index_counts_and_links_every_artist(run: Path) -> None:
    write_results(run, "vincent-van-gogh", [row(run, name, genre="Post-Impressionism") for name in ("a", "b")])
    write_results(run, "1984", [row(run, "c", artist="1984")])

    index = build_gallery(run)

    assert index == run / "gallery" / "index.html"
    page = Page(index)
    assert "Cats & cups" in page.text
    assert "2 artists 3 pictures" in page.text
    assert "Vincent van Gogh Post-Impressionism 2 pictures" in page.text
    assert [link["href"] for link in page.every("a", class_="artist")] == [
        "1984/index.html",
        "vincent-van-gogh/index.html",
    ]
    assert page.every("html", lang="en")
    assert page.every("meta", name="viewport")
    check_links(run)


def test_artist_page_shows_each_pair_with_content_style_result_and_caption(run: Path) -> None:
    write_results(run, "vincent-van-gogh", [row(run, "a"), row(run, "b")])
    build_gallery(run)

    page = Page(run / "gallery" / "vincent-van-gogh" / "index.html")

    assert len(page.every("figure")) == 2
    assert [image["alt"] for image in page.every("img")][:3] == [
        "Content: a",
        "Style: style",
        "a in the style of style (full image)",
    ]
    assert [link["href"] for link in page.every("a", class_="panel result")] == [
        "../../images/a--style.png",
        "../../images/b--style.png",
    ]
    assert "a in the style of style Loss 1,234 Evaluations 140 Time 14.2 s Method wavelet" in page.text
    assert len(page.every("path")) == 2, "a line of the loss per pair"
    check_links(run)


def test_parts_are_read_together_and_ordered_by_file_name(run: Path) -> None:
    write_results(run, "x", [row(run, "c"), row(run, "a")], part="1")
    write_results(run, "x", [row(run, "b")], part="2")
    build_gallery(run)
    links = Page(run / "gallery" / "x" / "index.html").every("a", class_="panel result")
    assert [Path(link["href"]).name[0] for link in links] == ["a", "b", "c"]


def test_images_reserve_their_space_and_load_lazily(run: Path) -> None:
    write_results(run, "x", [row(run, f"p{number}") for number in range(5)])
    picture(run / "images" / "p4--style.png", size=(800, 400))
    build_gallery(run)

    images = Page(run / "gallery" / "x" / "index.html").every("img")

    assert all(int(image["width"]) > 0 and int(image["height"]) > 0 for image in images)
    assert all(image.get("loading") == "lazy" for image in images[6:])
    assert (images[-1]["width"], images[-1]["height"]) == ("640", "320")
    assert [one.split()[1] for one in images[-1]["srcset"].split(",")] == ["240w", "640w"]
    with Image.open(run / "gallery" / "x" / images[-1]["src"]) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("WEBP", (640, 320))


def test_rows_with_nothing_but_a_name_are_shown(run: Path) -> None:
    write_results(run, "unknown", [{"pair_id": "0" * 16, "status": "success", "content_path": None, "artist": None}])
    build_gallery(run)
    page = Page(run / "gallery" / "unknown" / "index.html")
    assert "Unknown artist" in page.text
    assert "unknown content in the style of unknown style" in page.text
    check_links(run)


def test_blended_styles_are_shown_side_by_side_with_their_shares(run: Path) -> None:
    blend = row(run, "a")
    other = picture(run.parent / "sources" / "other.png", seed=9)
    write_results(run, "x", [blend | {"style_path": f"{blend['style_path']}@0.7;{other}@0.3"}])
    build_gallery(run)
    page = Page(run / "gallery" / "x" / "index.html")
    assert "style (70%) + other (30%)" in page.text
    assert [image["alt"] for image in page.every("img")][1:3] == ["Style: style", "Style: other"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_text_and_their_links_work(run: Path, name: str) -> None:
    (run / "run.yaml").write_text(f"name: {name!r}\n")
    file = name.replace("/", "∕")
    write_results(run, "x", [row(run, file, artist=name, label=name, genre=name, method=name, content_source_url=name)])
    write_results(run, "y", [row(run, "b", status="failed", error_message=name)])
    build_gallery(run)

    page = Page(run / "gallery" / "x" / "index.html")

    assert not page.every("script")
    assert page.text.count(name) >= 5
    assert f"{Path(f'{file}.png').stem} in the style of" in page.text
    assert name in Page(run / "gallery" / "index.html").text
    check_links(run)


def test_missing_and_broken_pictures_become_placeholders(run: Path) -> None:
    rows = [row(run, name) for name in ("gone", "broken", "lost")]
    Path(rows[0]["content_path"]).unlink()
    Path(rows[1]["content_path"]).write_bytes(b"no image at all")
    (run / rows[2]["file_name"]).unlink()
    rows.append(row(run, "outside") | {"file_name": "../sources/style.png"})
    rows.append(row(run, "strange") | {"content_path": "no\0such\0name", "style_path": "x" * 5000})
    write_results(run, "x", rows)
    build_gallery(run)

    page = Page(run / "gallery" / "x" / "index.html")

    assert len(page.every("figure")) == 5
    assert len(page.every("span", class_="missing")) == 6
    assert len(page.every("a", class_="panel result")) == 3
    check_links(run)


def test_rows_without_a_picture_are_counted_and_listed_without_folders(run: Path) -> None:
    bad = row(run, "bad", status="quarantined", error_class="TruncatedImage")
    bad["error_message"] = f"{bad['content_path']}: the file ends before the image does"
    failed = row(run, "c", status="failed", error_class="NumericalError")
    write_results(run, "x", [row(run, "a"), bad, bad | {"pair_id": "f" * 16}, failed])
    build_gallery(run)

    for name in ("index.html", "x/index.html"):
        text = Page(run / "gallery" / name).text
        assert "1 picture 1 failed 2 quarantined" in text
        assert "2 quarantined: bad.png: the file ends before the image does" in text
        assert "1 failed: NumericalError" in text
        assert str(run.parent) not in text
    assert len(Page(run / "gallery" / "x" / "index.html").every("figure")) == 1


def test_many_reasons_are_cut_short(run: Path) -> None:
    write_results(run, "x", [row(run, f"{i}", status="failed", error_message=f"reason {i:02}") for i in range(30)])
    text = Page(build_gallery(run)).text
    assert "30 failed" in text
    assert "and 18 more" in text


@pytest.mark.parametrize("failed", [0, 1])
def test_a_run_without_pictures_says_so(run: Path, failed: int) -> None:
    if failed:
        write_results(run, "x", [row(run, "a", status="failed", error_class="TransientError")])
    assert "no pictures in this run yet" in Page(build_gallery(run)).text
    check_links(run)


def test_more_than_200_pairs_are_paged(run: Path) -> None:
    told = row(run, "a")
    write_results(run, "x", [told | {"pair_id": f"{number:016x}"} for number in range(401)])
    build_gallery(run)

    folder = run / "gallery" / "x"
    first, second, third = (Page(folder / name) for name in ("index.html", "index-2.html", "index-3.html"))

    assert [len(page.every("figure")) for page in (first, second, third)] == [200, 200, 1]
    assert [page.every("a", rel="next")[0]["href"] for page in (first, second)] == ["index-2.html", "index-3.html"]
    assert [page.every("a", rel="prev")[0]["href"] for page in (second, third)] == ["index.html", "index-2.html"]
    assert not first.every("a", rel="prev")
    assert not third.every("a", rel="next")
    assert "Page 2 of 3" in second.text
    check_links(run)


def test_camera_pictures_stand_upright_and_transparency_lies_on_white(run: Path) -> None:
    told = row(run, "a")
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.new("RGB", (48, 32)).save(told["content_path"], exif=exif)
    Image.new("RGBA", (48, 32), (0, 0, 0, 0)).save(told["style_path"])
    write_results(run, "x", [told])
    build_gallery(run)

    content, style, _ = Page(run / "gallery" / "x" / "index.html").every("img")

    assert (content["width"], content["height"]) == ("32", "48")
    with Image.open(run / "gallery" / "x" / style["src"]) as thumbnail:
        assert thumbnail.convert("RGB").getpixel((5, 5)) == (255, 255, 255)


# What a second build does ------------------------------------------------------------------------------------------


def test_second_build_leaves_every_file_untouched(run: Path) -> None:
    write_results(run, "x", [row(run, "a"), row(run, "b", status="failed")])
    build_gallery(run)
    before = files(run / "gallery")
    build_gallery(run)
    assert files(run / "gallery") == before


def test_pictures_are_shared_between_pairs(run: Path) -> None:
    write_results(run, "x", [row(run, "a"), row(run, "b")])
    write_results(run, "y", [row(run, "a", artist="Y")])
    build_gallery(run)
    assert len(list((run / "gallery" / "thumbs").iterdir())) == 5  # contents a and b, one style, results a and b


def test_changed_results_renew_their_thumbnails_and_stale_files_go(run: Path) -> None:
    told = row(run, "b")
    write_results(run, "x", [row(run, "a"), *(told | {"pair_id": f"{number:016x}"} for number in range(200))])
    write_results(run, "y", [row(run, "c", artist="Y")])
    build_gallery(run)
    thumbs = run / "gallery" / "thumbs"
    before = files(thumbs)
    stranger = run / "gallery" / "notes.txt"
    stranger.write_text("a person's own file")

    (run / "results" / "artist_slug=y" / "part-0.parquet").unlink()
    write_results(run, "x", [row(run, "a")])
    picture(run / "images" / "a--style.png", size=(60, 60), seed=4)
    os.utime(run.parent / "sources" / "style.png", ns=(1, 1))
    build_gallery(run)

    assert len(files(thumbs)) == 3
    assert not (run / "gallery" / "y").exists()
    assert not (run / "gallery" / "x" / "index-2.html").exists()
    assert stranger.exists()
    assert any("60x60" in name for name in files(thumbs).keys() - before.keys())
    check_links(run)


def test_a_build_cut_short_between_two_sizes_is_completed(run: Path) -> None:
    write_results(run, "x", [row(run, "a")])
    picture(run / "images" / "a--style.png", size=(800, 400))
    build_gallery(run)
    before = files(run / "gallery").keys()
    next((run / "gallery" / "thumbs").glob("*-240x120.webp")).unlink()
    (run / "gallery" / "thumbs" / f".{'0' * 16}.tmp~").write_bytes(b"half a picture")
    build_gallery(run)
    assert files(run / "gallery").keys() == before


def test_progress_counts_every_row(run: Path) -> None:
    write_results(run, "x", [row(run, "a"), row(run, "b", status="failed")])
    write_results(run, "y", [row(run, "c")])
    told: list[tuple[int, int]] = []
    build_gallery(run, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


# The parts ---------------------------------------------------------------------------------------------------------


def test_no_run_folder_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="no run folder"):
        build_gallery(tmp_path / "nowhere")


@pytest.mark.parametrize("text", [None, "name: [", "- a list", "config: {name: ''}"])
def test_a_run_without_a_name_goes_by_its_folder(run: Path, text: str | None) -> None:
    (run / "run.yaml").unlink()
    if text:
        (run / "run.yaml").write_text(text)
    assert "my run" in Page(build_gallery(run)).text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (math.nan, ""),
        (0.0, "0"),
        (140.0, "140"),
        (14.2, "14.2"),
        (0.01234, "0.0123"),
        (1234.5, "1,234"),
        (1_234_567.0, "1.23 × 10⁶"),
        (-1e-7, "-1 × 10⁻⁷"),
    ],
)
def test_numbers_are_said_with_three_digits(value: float | None, text: str) -> None:
    assert number(value) == text


def test_styles_are_taken_apart_as_the_manifest_puts_them_together() -> None:
    told = [(style.path, style.share) for style in split_styles("a@b.jpg@0.7; c.jpg")]
    assert told == [("a@b.jpg", 0.7), ("c.jpg", None)]


def test_sparkline_is_a_straight_line_for_an_exponential_and_leaves_out_what_has_no_logarithm() -> None:
    totals = np.array([1000.0, math.nan, 100.0, 0.0, 10.0])
    path = sparkline(np.array([0, 5, 10, 15, 20]), totals)
    assert path == f"M2.0 2.0L{WIDTH / 2} {HEIGHT / 2}L{WIDTH - 2.0} {HEIGHT - 2.0}"
    assert sparkline(np.array([0]), np.array([1.0])) == ""


def test_the_gallery_imports_neither_prefect_nor_flows() -> None:
    for module in Path(nst_core.gallery.__file__).parent.glob("*.py"):
        assert not re.search(r"^\s*(import|from) (prefect|flows)\b", module.read_text("utf-8"), re.MULTILINE), module
