"""Persons of COCO that stay photographs: a photograph of COCO's, and the boxes of an exported run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_masked_pairs import coco, folder, make, pixels

from nst_core.config.run_config import parse_config
from nst_core.engine.images.pixels import resize_pixels
from nst_core.export.exporter import export_run
from nst_core.sources.coco_reference import CocoReference
from nst_core.sources.coco_regions import read_regions

__all__ = ["folder"]


def test_boxes_of_an_exported_run_still_fit(folder: Path, make_image: Callable[..., Path]) -> None:
    """What the run made smaller: the exported box holds the person, who is as the photograph shows her."""
    make_image(folder / "content" / "a.png", 96, 80, seed=5)
    config = coco(folder, "person", scale=2, keep="person")
    assert [row.status for row in make(config).values()] == ["success"]
    export_run(config.run_folder, "coco", folder / "exported")
    (file,) = (folder / "exported" / "annotations").glob("*.json")
    data = json.loads(file.read_text())
    (image,), (person, dog) = data["images"], data["annotations"]
    assert (image["width"], image["height"]) == (48, 40)
    assert person["bbox"] == [24, 0, 24, 40]
    assert dog["bbox"] == [0, 30, 10, 10]
    (picture,) = (folder / "exported").rglob("*.png")
    x, y, width, height = map(int, person["bbox"])
    small = resize_pixels(pixels(folder / "content" / "a.png").astype(np.uint8), 48, 40).astype(int)
    difference = np.abs(pixels(picture) - small)
    assert difference[y : y + height, x + 2 : x + width].max() <= 1
    assert difference[:, : x - 2].mean() > 5


@pytest.mark.slow
def test_persons_of_a_photograph_of_coco_stay_as_they_are(shared: Path, tmp_path: Path) -> None:
    annotations = shared / "data" / "coco" / "annotations" / "instances_val2017.json"
    config = parse_config(
        {
            "name": "persons",
            "content": {
                "source": "coco",
                "path": str(shared / "data" / "coco"),
                "split": "val2017",
                "categories": ["person"],
                "regions": "person",
                "limit": 1,
            },
            "style": {"source": "artworks", "path": str(shared / "data" / "artworks")},
            "method": {"recipe": "wavelet", "size": 128, "evaluations": 10, "keep": "person"},
            "execution": {"devices": "cpu"},
            "output": {"root": str(tmp_path), "format": "png"},
        }
    )
    (row,) = make(config).values()
    made = pixels(config.run_folder / row.file_name)
    height, width = made.shape[:2]
    photograph = np.array(Image.open(row.content_path).convert("RGB"))
    difference = np.abs(made - resize_pixels(photograph, width, height).astype(int)).max(axis=2)
    labels = read_regions(CocoReference.to(annotations, row.extras["coco_image_id"], ["person"]))
    person = labels.resized(width, height).mask(["person"])
    inside = ~grown(~person, 2)
    assert inside.sum() > 100
    assert difference[inside].max() <= 1
    assert difference[~grown(person, 2)].mean() > 5


def grown(mask: np.ndarray, by: int) -> np.ndarray:
    """The pixels within a square of so many pixels around those of a mask."""
    padded = np.pad(mask, by)
    height, width = mask.shape
    shifts = [(y, x) for y in range(2 * by + 1) for x in range(2 * by + 1)]
    return np.any([padded[y : y + height, x : x + width] for y, x in shifts], axis=0)
