"""The report on a source's files: every file is counted once, for people and for scripts."""

from __future__ import annotations

import json
from pathlib import Path

from nst_core.errors import MissingImage, TruncatedImage
from nst_core.sources.index.inputs import Input
from nst_core.sources.index.report import BadItem, ImageSize, index_report


def sound(
    width: int, height: int, sha256: str, mode: str = "RGB", format: str = "JPEG", phash: int | None = None
) -> Input:
    return Input(Path("x"), width, height, sha256, 1000, 0, mode=mode, format=format, phash=phash)


ITEMS = [
    ("d", sound(20, 400, "1", phash=0)),
    ("c", sound(80, 60, "2", phash=0)),
    ("b", sound(640, 480, "3", "L", "PNG", phash=0xFFFF)),
    ("a", sound(20, 400, "1", phash=0)),
    ("f", Input(Path("x"), sha256="5", size_bytes=500, error=TruncatedImage("x", "it ends early"))),
    ("e", Input(Path("x"), error=MissingImage("x", "there is no such file"))),
]


def test_everything_is_counted() -> None:
    report = index_report(ITEMS, hashed=True)
    assert (report.items, report.bytes) == (6, 4500)
    assert report.by_format == {"JPEG": 3, "PNG": 1}
    assert report.by_mode == {"RGB": 3, "L": 1}
    assert (report.smallest, report.largest) == (ImageSize("c", 80, 60), ImageSize("b", 640, 480))
    assert report.bad == (
        BadItem("e", "MissingImage", "there is no such file"),
        BadItem("f", "TruncatedImage", "it ends early"),
    )
    assert report.bad_by_class() == {"MissingImage": 1, "TruncatedImage": 1}
    assert report.exact_duplicates == {"d": "a"}
    assert report.similar_images == {"c": "a"}


def test_the_order_has_no_say() -> None:
    assert index_report(reversed(ITEMS)) == index_report(ITEMS)


def test_without_hashes_nothing_is_said_of_looks() -> None:
    assert index_report(ITEMS).similar_images is None


def test_a_script_gets_json() -> None:
    report = json.loads(json.dumps(index_report(ITEMS, hashed=True).as_dict()))
    assert report["largest"] == {"id": "b", "width": 640, "height": 480}
    assert report["bad"][0]["error_class"] == "MissingImage"
    assert report["bad_by_class"] == {"MissingImage": 1, "TruncatedImage": 1}


def test_a_person_gets_lines() -> None:
    assert index_report(ITEMS, hashed=True).lines() == [
        "6 images, 4.5 kB",
        "formats: JPEG 3, PNG 1",
        "modes: RGB 3, L 1",
        "smallest: 80 x 60 (c)",
        "largest: 640 x 480 (b)",
        "1 with the same bytes as another:",
        "  d = a",
        "1 that look like another:",
        "  c ≈ a",
        "2 that cannot be used (MissingImage 1, TruncatedImage 1):",
        "  e: there is no such file",
        "  f: it ends early",
    ]


def test_long_lists_are_cut_with_a_count() -> None:
    bad = [(f"{i}", Input(Path("x"), error=MissingImage("x", "gone"))) for i in range(8)]
    assert index_report(bad).lines()[1:] == [
        "8 that cannot be used (MissingImage 8):",
        *(f"  {i}: gone" for i in range(5)),
        "  … and 3 more",
    ]


def test_a_source_of_nothing_is_reported_too() -> None:
    assert index_report([]).lines() == ["0 images, 0 bytes"]
