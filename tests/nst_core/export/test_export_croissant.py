"""croissant.json of each format, as mlcroissant validates and reads it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlcroissant
import pytest
from PIL import Image

from nst_core.export import ExportOptions, export_run
from nst_core.export.target import MARKER
from nst_core.sources.licenses import license_url

MakeRun = Callable[..., Path]


def opened(folder: Path, caplog: pytest.LogCaptureFixture) -> mlcroissant.Dataset:
    """The dataset; mlcroissant raises its own error where the description is not valid, and warns of what is odd."""
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        dataset = mlcroissant.Dataset(jsonld=folder / "croissant.json")
    lines = "\n".join(record.getMessage() for record in caplog.records).splitlines()
    odd = [line for line in lines if "WARNING" in line and not ("citeAs" in line or "datePublished" in line)]
    assert [line for line in odd if "Found the following" not in line] == []
    return dataset


def document(folder: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((folder / "croissant.json").read_text(encoding="utf-8"))
    return data


@pytest.fixture
def run(make_run: MakeRun) -> Path:
    return make_run(
        {"split": "val", "label": "cat", "x_odd name/ü": "a"},
        {"split": "val", "artist": "Čapek", "total_loss": float("nan"), "style_license": "CC-BY-NC-SA-4.0"},
        {"width": 30, "style_ids": [], "style_license": None},
    )


def test_an_imagefolder_s_records_are_its_images_with_their_columns(
    run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "out"
    export_run(run, "imagefolder", out)
    dataset = opened(out, caplog)
    images = {record["images/pair_id"].decode(): record for record in dataset.records("images")}
    rows = {record["rows/pair_id"].decode(): record for record in dataset.records("rows")}
    assert len(images) == 3
    assert images.keys() == rows.keys()
    for record in images.values():
        number = record["images/seed"]
        [file] = out.rglob(record["images/file_name"].decode())
        with Image.open(file) as picture:
            assert record["images/image"].tobytes() == picture.convert("RGB").tobytes()
        assert record["images/split_folder"] == (b"train" if number == 2 else b"val")
        assert record["images/style_ids"] == ([] if number == 2 else [b"Monet/1.jpg"])
    assert {record["images/x_odd%20name/%C3%BC"] for record in images.values()} == {b"a", None}
    assert sorted(record["splits/name"] for record in dataset.records("splits")) == ["train", "val"]


def test_the_files_of_a_webdataset_are_told_with_their_hashes(
    run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlcroissant._src.core.constants.EXTRACT_PATH", _path(tmp_path / "extracted"))
    monkeypatch.setattr("mlcroissant._src.operation_graph.operations.extract.EXTRACT_PATH", _path(tmp_path / "x"))
    out = tmp_path / "out"
    export_run(run, "webdataset", out, ExportOptions(shard_size=1))
    dataset = opened(out, caplog)
    images = {record["images/pair_id"]: record["images/image"] for record in dataset.records("images")}
    rows = {record["rows/pair_id"]: json.loads(record["rows/json"]) for record in dataset.records("rows")}
    assert len(images) == 3
    assert images.keys() == rows.keys()
    for pair_id, picture in images.items():
        assert rows[pair_id]["pair_id"] == pair_id.decode()
        assert picture.size == (rows[pair_id]["width"], rows[pair_id]["height"])


def test_tars_of_an_export_that_knew_no_hashes_are_told_with_them(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_run(run, "webdataset", out)
    before = (out / "croissant.json").read_bytes()
    marker = json.loads((out / MARKER).read_text())
    for shard in marker["shards"].values():
        del shard["sha256"]
    (out / MARKER).write_text(json.dumps(marker))
    (out / "croissant.json").unlink()
    assert export_run(run, "webdataset", out).written == 0
    assert (out / "croissant.json").read_bytes() == before


def test_coco_s_records_are_images_and_annotations(
    make_run: MakeRun, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    photographs = [{"id": n, "file_name": f"{n}.jpg", "width": 48, "height": 32, "license": 4} for n in range(2)]
    boxes = [
        {"id": 7, "image_id": n, "category_id": 3, "bbox": [2 * n, 4, 8, 8], "area": 64, "iscrowd": 0}
        for n in (0, 1, 1)
    ]
    for number, box in enumerate(boxes):
        box["id"] = number + 7
    annotations = tmp_path / "instances_val2017.json"
    licenses = [{"id": 4, "name": "Attribution", "url": "http://creativecommons.org/licenses/by/2.0/"}]
    told = {"images": photographs, "annotations": boxes, "categories": [{"id": 3, "name": "cat"}], "licenses": licenses}
    annotations.write_text(json.dumps(told))
    out = tmp_path / "out"
    export_run(make_run({}, {}), "coco", out, ExportOptions(annotations=(annotations,)))
    dataset = opened(out, caplog)
    images = {record["val2017-images/id"]: record for record in dataset.records("val2017-images")}
    pictures = {
        r["val2017-pictures/file_name"]: r["val2017-pictures/image"] for r in dataset.records("val2017-pictures")
    }
    assert len(images) == len(pictures) == 2
    for record in images.values():
        assert pictures[record["val2017-images/file_name"].rpartition(b"/")[2]].size == (24, 16)
        assert record["val2017-images/artist"] == b"Monet"
    found = list(dataset.records("val2017-annotations"))
    assert [record["val2017-annotations/bbox"] for record in found if record["val2017-annotations/bbox"][0] > 0] == [
        [1.0, 2.0, 4.0, 4.0]
    ] * 2
    assert {record["val2017-annotations/image_id"] for record in found} == images.keys()


def test_licences_and_provenance_are_told_and_nothing_of_this_machine(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_run(run, "imagefolder", out)
    told = document(out)
    assert told["license"] == [
        "https://creativecommons.org/licenses/by/2.0/",
        "https://creativecommons.org/licenses/by-nc-sa/4.0/",
        "https://creativecommons.org/publicdomain/zero/1.0/",
    ]
    assert told["isBasedOn"][0] == {"@type": "sc:CreativeWork", "name": "content: folder photos"}
    assert told["dateCreated"] == "2026-01-02T00:00:00+00:00"
    assert "/home/" not in (out / "croissant.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("CC-BY-2.0", "https://creativecommons.org/licenses/by/2.0/"),
        ("CC-BY-NC-SA-3.0-DE", "https://creativecommons.org/licenses/by-nc-sa/3.0/de/"),
        ("CC-PDM-1.0", "https://creativecommons.org/publicdomain/mark/1.0/"),
        ("Own terms", None),
        ("CC-BY-X-2.0", None),
    ],
)
def test_addresses_of_licences(name: str, url: str | None) -> None:
    assert license_url(name) == url


def _path(path: Path) -> Any:
    from etils import epath

    return epath.Path(path)
