"""`exclude` and `limit` choose among the items of every source, and count what they leave out."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nst_core.config.run_config import parse_config
from nst_core.errors import SourceError
from nst_core.sources.base import Catalogue
from nst_core.sources.left_out import catalogue_notes, count_by_reason
from nst_core.sources.registry import open_source


def folder(root: Path) -> dict[str, Any]:
    for number in range(20):
        place = root / f"{'ab'[number % 2]}/{number:02}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"x")
    return {"source": "folder", "path": str(root)}


def artworks(root: Path) -> dict[str, Any]:
    for artist in ("A_A", "B_B"):
        for number in range(10):
            place = root / "images" / "images" / artist / f"{artist}_{number}.jpg"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(b"x%d" % number)
    with (root / "artists.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [["name", "years", "genre", "nationality"], ["A A", "", "", ""], ["B B", "", "", ""]]
        )
    return {"source": "artworks", "path": str(root)}


def coco(root: Path) -> dict[str, Any]:
    images = [{"id": number, "file_name": f"{number:03}.jpg", "width": 64, "height": 64} for number in range(20)]
    (root / "annotations").mkdir(parents=True)
    (root / "annotations" / "instances_val2017.json").write_text(
        json.dumps({"images": images, "annotations": [], "categories": [], "licenses": []})
    )
    (root / "val2017").mkdir()
    for image in images:
        (root / "val2017" / str(image["file_name"])).write_bytes(b"x")
    return {"source": "coco", "path": str(root)}


def sample(root: Path) -> dict[str, Any]:
    return {"source": "sample", "path": str(root)}


Make = Callable[[Path], dict[str, Any]]


def opened(section: dict[str, Any], **keys: Any) -> Catalogue:
    return open_source(parse_config({"style": section | keys}).style, "style")


@pytest.mark.parametrize("make", [folder, artworks, coco, sample])
def test_a_limit_draws_the_same_of_any_source_and_a_larger_one_more(make: Make, tmp_path: Path) -> None:
    section = make(tmp_path)
    everything = opened(section)
    few, again, more, other = (
        {item.id for item in opened(section, **keys).items}
        for keys in ({"limit": 5}, {"limit": 5}, {"limit": 9}, {"limit": 5, "seed": 1})
    )
    assert few == again
    assert few < more
    assert (len(few), len(more), len(other)) == (5, 9, 5)
    assert few != other
    assert opened(section, limit=1000).items == everything.items


@pytest.mark.parametrize(
    ("make", "pattern", "left"),
    [(folder, "a", 10), (artworks, "A_A", 10), (coco, "01?.jpg", 10), (sample, "dotty-lumen", 15)],
)
def test_patterns_are_relative_to_the_folder_of_any_source(make: Make, pattern: str, left: int, tmp_path: Path) -> None:
    section = make(tmp_path)
    total = len(opened(section).items)
    found = opened(section, exclude=[pattern])
    assert len(found.items) == left
    assert count_by_reason(found) == {"exclude": total - left}
    assert catalogue_notes(found, "style")[-1].startswith(f"Left out of style: {total - left} files by style.exclude")


def test_a_draw_depends_on_no_other_image_and_what_is_left_out_is_counted(tmp_path: Path) -> None:
    section = folder(tmp_path)
    drawn = opened(section, limit=6)
    assert count_by_reason(drawn) == {"limit": 14}
    unlucky = {item.id for item in opened(section).items} - {item.id for item in drawn.items}
    for name in unlucky:
        (tmp_path / name).unlink()
    assert opened(section, limit=6).items == drawn.items
    assert catalogue_notes(opened(section, limit=5), "style") == ["Left out of style: 1 image beyond style.limit."]


def test_excluded_files_are_none_for_splits_labels_and_rows(tmp_path: Path) -> None:
    for name in ("train/cat/a.png", "val/cat/b.png", "extra/c.png", "extra/deep/d.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "metadata.csv").write_text(
        "file_name,license\ntrain/cat/a.png,CC0\nval/cat/b.png,CC0\nextra/c.png,CC0\n"
    )
    config = parse_config({"content": {"source": "folder", "path": str(tmp_path), "exclude": ["extra"]}})
    found = open_source(config.content, "content")
    assert [(item.id, item.split, item.label) for item in found.items] == [
        ("train/cat/a.png", "train", "cat"),
        ("val/cat/b.png", "val", "cat"),
    ]
    assert found.notes == ()
    assert count_by_reason(found) == {"exclude": 2}


def test_a_pattern_without_a_match_is_told_and_one_that_leaves_nothing_refused(tmp_path: Path) -> None:
    section = folder(tmp_path)
    assert opened(section, exclude=["*.gif", "a"]).notes == ("style.exclude: nothing matches '*.gif'.",)
    with pytest.raises(SourceError, match=r"style\.path: .* holds no images .* 20 files by style\.exclude"):
        opened(section, exclude=["*.png"])
    with pytest.raises(SourceError, match=r"style\.exclude leaves out every image"):
        opened(sample(tmp_path), exclude=["*.jpg"])
