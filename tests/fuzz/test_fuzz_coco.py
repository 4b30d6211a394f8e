"""Random faults in a small COCO file, read by `nst plan` and by the reader of the export."""

from __future__ import annotations

import copy
import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mutations import HARD_FIELDS, byte_mutations, run_command

from nst_core.errors import InputError, SourceError
from nst_core.export.coco_annotations import SourceAnnotations
from nst_core.export.coco_scaling import scaled_annotation
from nst_core.export.rows import ExportRow

pytestmark = pytest.mark.slow

PLAN = """
name: plan
content: {source: coco, path: coco, split: val2017, annotations: coco/own.json, categories: CATEGORIES}
style: {source: sample, path: samples}
method: {recipe: wavelet, size: 40, evaluations: 2}
"""
WRONG_TYPES: tuple[Any, ...] = (
    None, True, 0, -1, 10**25, 1.5, float("nan"), float("inf"), -1e300, [], {}, [[]], [None], {"a": 1}, "x", [1] * 7,
    [[1, 2]], "\ud800",
)  # fmt: skip


def whole() -> dict[str, Any]:
    images = [
        {"id": n, "file_name": f"{n}.jpg", "width": 24, "height": 16, "license": 1, "coco_url": f"http://x/{n}.jpg"}
        for n in range(3)
    ]
    runs = {"size": [16, 24], "counts": [5, 10, 16 * 24 - 15]}
    shapes: list[dict[str, Any]] = [
        {"segmentation": [[1, 1, 9.5, 1, 9, 9]]}, {"segmentation": runs, "iscrowd": 1}, {"keypoints": [4, 4, 2] * 3},
    ]  # fmt: skip
    boxes = [
        {"id": 7 + n, "image_id": n, "category_id": 1, "bbox": [1, 2, 3.5, 4], "area": 9.5, **shape}
        for n, shape in enumerate(shapes)
    ]
    return {
        "info": {"year": 2017}, "licenses": [{"id": 1, "name": "é", "url": "http://x"}], "images": images,
        "annotations": boxes, "categories": [{"id": 1, "name": "person", "supercategory": "none"}],
    }  # fmt: skip


def fields(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values within a value."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, key)
        if isinstance(inner, dict | list):
            yield from fields(inner, (*path, key))


def field_mutations(count: int) -> Iterator[tuple[str, bytes]]:
    """Copies with one value changed, or taken away."""
    draw, paths = random.Random(1), list(fields(whole()))
    for _ in range(count):
        data = copy.deepcopy(whole())
        *above, key = draw.choice(paths)
        place: Any = data
        for part in above:
            place = place[part]
        wrong = draw.choice([*WRONG_TYPES, *HARD_FIELDS, "missing"])
        if wrong == "missing":
            del place[key]
        else:
            place[key] = wrong
        yield f"{[*above, key]}: {wrong!r:.60}", json.dumps(data).encode()


def mutations() -> Iterator[tuple[str, bytes]]:
    yield from byte_mutations(json.dumps(whole(), ensure_ascii=False).encode(), 150)
    yield from field_mutations(150)


def test_a_plan_says_what_is_wrong_and_ends(tmp_path: Path, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "coco/val2017").mkdir(parents=True)
    picture = next((shared / "data/coco/val2017").glob("*.jpg"))
    for n in range(3):
        shutil.copy(picture, tmp_path / f"coco/val2017/{n}.jpg")
    codes = []
    for number, (fault, data) in enumerate(mutations()):
        Path("plan.yaml").write_text(PLAN.replace("CATEGORIES", "[person]" if number % 2 else "null"), encoding="utf-8")
        Path("coco/own.json").write_bytes(data)
        code, text = run_command(["plan", "plan.yaml"])
        assert code in (0, 2), (fault, text)
        assert code == 0 or "Error: " in text, (fault, text)
        codes.append(code)
    assert 60 < codes.count(0) < 290


def row(number: int) -> ExportRow:
    columns = {"content_id": f"{number}.jpg", "width": 12, "height": 8, "x_coco_image_id": None}
    return ExportRow(f"{number:016x}", f"images/{number}.png", None, f"/x/{number}.jpg", columns)


def test_what_the_export_s_reader_lets_through_can_be_scaled_and_written(tmp_path: Path) -> None:
    usable = 0
    for _, data in mutations():
        (tmp_path / "own.json").write_bytes(data)
        try:
            source = SourceAnnotations([tmp_path / "own.json"])
        except SourceError:
            continue
        for number in range(3):
            try:
                photograph = source.photograph(row(number))
            except InputError:
                continue
            source.check(photograph)
            assert all(str(group) for group in source.faults())
            json.dumps([source.header, source.entry(photograph)])
            for annotation in source.annotations(photograph):
                scaled = scaled_annotation(annotation, (photograph.width, photograph.height), (12, 8))
                json.dumps(scaled)
                usable += 1
    assert usable > 300
