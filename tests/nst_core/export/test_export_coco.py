"""The COCO export, as pycocotools sees it, and annotations in another size against what they must be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as masks
from pycocotools.coco import COCO

from nst_core.errors import SourceError
from nst_core.export import ExportOptions, export_run
from nst_core.export.coco_scaling import scaled_annotation

MakeRun = Callable[..., Path]

CROWD = np.zeros((32, 48), np.uint8)
CROWD[4:20, 8:40] = 1
CROWD[0, 0] = 1


def uncompressed(pixels: np.ndarray) -> list[int]:
    flat, counts, value = pixels.flatten(order="F"), [0], 0
    for pixel in flat:
        if pixel != value:
            counts.append(0)
            value = pixel
        counts[-1] += 1
    return counts


def source() -> dict[str, Any]:
    """Three photographs of 48 × 32: the person and crowd are on the second, nothing is on the first."""
    person = {
        "id": 900, "image_id": 71, "category_id": 1, "iscrowd": 0, "bbox": [4.5, 8, 10, 12.25], "area": 77.5,
        "segmentation": [[4.5, 8, 14.5, 8, 14.5, 20.25], [5, 9, 6, 9, 6, 10.125]],
        "keypoints": [5, 9, 2, 0, 0, 0], "num_keypoints": 1,
    }  # fmt: skip
    crowd = {"id": 901, "image_id": 71, "category_id": 1, "iscrowd": 1, "bbox": [8, 4, 32, 16], "area": 512.0,
             "segmentation": {"size": [32, 48], "counts": uncompressed(CROWD)}}  # fmt: skip
    packed = masks.encode(np.asfortranarray(CROWD))["counts"].decode()
    compressed = crowd | {"id": 902, "segmentation": {"size": [32, 48], "counts": packed}}
    images = [
        {"id": number, "file_name": f"{name}.jpg", "width": 48, "height": 32, "license": 4, "flickr_url": f"u{number}"}
        for number, name in ((70, "1"), (71, "0"), (72, "absent"))
    ]
    return {
        "info": {"description": "source", "year": 2017},
        "licenses": [{"id": 4, "name": "Attribution License", "url": "http://creativecommons.org/licenses/by/2.0/"}],
        "categories": [{"id": 1, "name": "person"}],
        "images": images,
        "annotations": [
            person,
            crowd,
            {"id": 950, "image_id": 72, "category_id": 1, "bbox": [0, 0, 1, 1], "area": 1},
            compressed,
        ],
    }


@pytest.fixture
def annotations(tmp_path: Path) -> Path:
    path = tmp_path / "annotations" / "instances_val2017.json"
    path.parent.mkdir()
    path.write_text(json.dumps(source()))
    return path


def loaded(target: Path, name: str = "instances_val2017") -> COCO:
    return COCO(target / "annotations" / f"{name}.json")


def test_every_copy_gets_the_annotations_in_its_own_size(make_run: MakeRun, tmp_path: Path, annotations: Path) -> None:
    halved = {"content_path": "/photos/0.jpg", "content_license": None}
    run = make_run(halved, {}, {**halved, "width": 48, "height": 32}, {**halved, "width": 96, "height": 64})
    report = export_run(run, "coco", tmp_path / "out", ExportOptions(annotations=(annotations,)))
    assert (report.images, report.splits, report.left_out) == (4, {"val2017": 4}, ())
    coco = loaded(tmp_path / "out")
    images = coco.loadImgs(coco.getImgIds())
    assert [image["id"] for image in images] == [1, 2, 3, 4]
    assert [image["pair_id"] for image in images] == sorted(image["pair_id"] for image in images)
    assert sorted(image["source_image_id"] for image in images) == [70, 71, 71, 71]
    assert [a["id"] for a in coco.dataset["annotations"]] == list(range(1, 10))
    for image in images:
        assert (tmp_path / "out" / "val2017" / image["file_name"]).is_file()
        assert (image["license"], image["artist"], image["style_license"]) == (4, "Monet", "CC0-1.0")
        assert image["content_license"] == "CC-BY-2.0"
        found = coco.loadAnns(coco.getAnnIds(image["id"]))
        scale = image["width"] / 48
        assert [a["source_annotation_id"] for a in found] == ([900, 901, 902] if image["source_image_id"] == 71 else [])
        for annotation in found:
            original = next(a for a in source()["annotations"] if a["id"] == annotation["source_annotation_id"])
            assert annotation["bbox"] == [scale * value for value in original["bbox"]]
            assert annotation["area"] == scale**2 * original["area"]
            assert annotation["category_id"] == original["category_id"]
            mask = coco.annToMask(annotation)
            assert mask.shape == (image["height"], image["width"])
            if scale == 1:
                assert {
                    **annotation,
                    "id": original["id"],
                    "image_id": original["image_id"],
                }.items() >= original.items()
            elif annotation["iscrowd"]:
                assert mask[8 * image["height"] // 32, 20 * image["width"] // 48] == 1
                assert mask.sum() == pytest.approx(512 * scale**2, abs=4)
    assert coco.dataset["licenses"] == source()["licenses"]
    assert coco.dataset["categories"] == source()["categories"]
    assert coco.dataset["info"]["description"] == "source"
    assert coco.dataset["info"]["run"] == "run"


def test_signatures_of_addresses_are_masked(make_run: MakeRun, tmp_path: Path) -> None:
    told = source()
    for image in told["images"]:
        image["coco_url"] = f"https://photos.example/{image['file_name']}?X-Amz-Signature=5ec2e7"
    path = tmp_path / "instances_val2017.json"
    path.write_text(json.dumps(told), encoding="utf-8")
    run = make_run({"content_path": "/photos/0.jpg", "content_source_url": None})
    export_run(run, "coco", tmp_path / "out", ExportOptions(annotations=(path,)))
    assert loaded(tmp_path / "out").dataset["images"][0]["coco_url"].startswith("https://photos.example/0.jpg?")
    for file in (tmp_path / "out").rglob("*.*"):
        assert b"5ec2e7" not in file.read_bytes(), file


def test_the_source_s_id_counts_before_the_file_s_name(make_run: MakeRun, tmp_path: Path, annotations: Path) -> None:
    run = make_run({"x_coco_image_id": "72", "x_coco_annotation_ids": "950"})
    export_run(run, "coco", tmp_path / "out", ExportOptions(annotations=(annotations,)))
    [image] = loaded(tmp_path / "out").dataset["images"]
    assert (image["source_image_id"], image["source_file_name"]) == (72, "absent.jpg")


def test_the_run_s_own_annotation_file_is_found(make_run: MakeRun, tmp_path: Path, annotations: Path) -> None:
    section = {"source": "coco", "path": str(tmp_path), "split": "val2017", "annotations": None}
    run = make_run({"split": "val"}, content=section)
    assert export_run(run, "coco", tmp_path / "out").splits == {"val2017": 1}
    annotations.unlink()
    with pytest.raises(SourceError, match="is not there: say with --annotations where it is"):
        export_run(run, "coco", tmp_path / "other")
    with pytest.raises(SourceError, match="are no COCO source: say with --annotations"):
        export_run(make_run({}, name="folder"), "coco", tmp_path / "other")
    (run / "run.yaml").write_text("config: [what, is, this]")
    with pytest.raises(SourceError, match="are no COCO source: say with --annotations"):
        export_run(run, "coco", tmp_path / "other")


def test_splits_are_files_of_their_own_with_ids_of_their_own(
    make_run: MakeRun, tmp_path: Path, annotations: Path
) -> None:
    rows = ({"content_path": "0.jpg", "split": split} for split in ("train", "val", "train", "mine 2"))
    export_run(make_run(*rows), "coco", tmp_path / "out", ExportOptions(annotations=(annotations,)))
    names = sorted(path.name for path in (tmp_path / "out" / "annotations").iterdir())
    assert names == ["instances_mine_2.json", "instances_train2017.json", "instances_val2017.json"]
    assert loaded(tmp_path / "out", "instances_train2017").getImgIds() == [1, 2]
    assert loaded(tmp_path / "out", "instances_val2017").getImgIds() == [1]


def test_captions_are_carried_as_they_are(make_run: MakeRun, tmp_path: Path) -> None:
    path = tmp_path / "captions_val2017.json"
    data = {"info": {}, "images": source()["images"]} | {
        "annotations": [{"id": 5, "image_id": 71, "caption": 'a “skier” \ud83d\ude00 "here"'}]
    }
    path.write_text(json.dumps(data))
    export_run(make_run({}), "coco", tmp_path / "out", ExportOptions(annotations=(path,)))
    [annotation] = loaded(tmp_path / "out", "captions_val2017").dataset["annotations"]
    assert annotation == {
        "id": 1, "image_id": 1, "caption": 'a “skier” 😀 "here"', "source_annotation_id": 5, "source_image_id": 71,
    }  # fmt: skip


def test_photographs_that_are_not_annotated_or_have_another_shape_are_left_out(
    make_run: MakeRun, tmp_path: Path, annotations: Path
) -> None:
    run = make_run({}, {"content_path": "stranger.jpg"}, {"content_path": "0.jpg", "width": 24, "height": 24})
    report = export_run(run, "coco", tmp_path / "out", ExportOptions(annotations=(annotations,)))
    assert sorted(one.reason for one in report.left_out) == [
        "is 24 × 24, which is not the shape of the annotated photograph (48 × 32)",
        "its photograph is not in instances_val2017.json",
    ]
    assert loaded(tmp_path / "out").getImgIds() == [1]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ('{"images": [', "is damaged"),
        ("[]", "is a list, and COCO's annotation files are objects"),
        ('[{"image_id": 1, "score": 0.5}]', "is a file of results"),
        ('{"annotations": []}', "it has no list 'images'; it has 'annotations'"),
        ('{"images": [{"id": 1}]}', r"lists no images: 1 image without file_name: images\[0\] \(id 1\)"),
        (
            '{"images": [{"id": 1, "file_name": "0.jpg", "width": 0, "height": 5}]}',
            r"No image of .*run can get annotations: .* gives no usable width and height of its photograph \(1\)",
        ),
        (
            '{"images": [{"id": 1, "file_name": "other.jpg", "width": 5, "height": 5}]}',
            r"No image of .*: its photograph is not in instances_val2017.json \(1\)\. .* has other.jpg: say with --ann",
        ),
        ('{"images": [], "annotations": [{"image_id": 1, "segments_info": []}]}', "panoptic"),
    ],
)
def test_annotation_files_that_are_none_are_refused(make_run: MakeRun, tmp_path: Path, data: str, says: str) -> None:
    path = tmp_path / "instances_val2017.json"
    path.write_text(data)
    with pytest.raises(SourceError, match=says):
        export_run(make_run({}), "coco", tmp_path / "out", ExportOptions(annotations=(path,)))
    assert not (tmp_path / "out").exists()
    with pytest.raises(SourceError, match="cannot be read: No such file"):
        export_run(make_run({}), "coco", tmp_path / "out", ExportOptions(annotations=(tmp_path / "gone.json",)))


def faulty() -> list[tuple[dict[str, Any], str]]:
    """An annotation's keys, each wrong, and what is said of it."""
    box, polygon = "whose bbox is not x, y, width and height", "polygons of three points or more"
    return [
        ({"bbox": []}, box), ({"bbox": None}, box), ({"bbox": "text"}, box), ({"bbox": [1, 2, 3]}, box),
        ({"bbox": [1, 2, None, 4]}, "bbox has what is no number"), ({"area": None}, "whose area is no number"),
        ({"area": float("nan")}, "whose area is no number"), ({"area": "77"}, "whose area is no number"),
        ({"segmentation": [1, 2, 3, 4, 5, 6]}, polygon), ({"segmentation": [[1, 2, 3, 4, 5]]}, polygon),
        ({"segmentation": [[]]}, polygon), ({"segmentation": [[[1, 2], [3, 4], [5, 6]]]}, "polygons"),
        ({"segmentation": "[]"}, "neither polygons nor run lengths"),
        ({"segmentation": {"size": [32, 48], "counts": [5]}}, "do not add up"),
        ({"segmentation": {"size": [48, 32], "counts": [32 * 48]}}, "another size than the photograph"),
        ({"category_id": 99}, "whose category_id is none of the categories"), ({"keypoints": [1, 2]}, "keypoints"),
    ]  # fmt: skip


@pytest.mark.parametrize("width", [48, 24])
def test_faulty_annotations_are_left_out_told_all_at_once_and_the_others_load(
    make_run: MakeRun, tmp_path: Path, annotations: Path, width: int
) -> None:
    data = source()
    good = data["annotations"][0]
    broken = [good | {"id": 2000 + n, **keys} for n, (keys, _) in enumerate(faulty())]
    unplaced = {key: value for key, value in good.items() if key != "image_id"}
    nameless = {key: value for key, value in good.items() if key != "id"} | {"segmentation": None}
    data["annotations"] += [*broken, unplaced, 7, nameless]
    annotations.write_text(json.dumps(data), encoding="utf-8")
    run = make_run({"width": width, "height": width * 2 // 3})
    report = export_run(run, "coco", tmp_path / "out", ExportOptions(annotations=(annotations,)))
    told = [str(group) for group in report.faults]
    assert sum(group.count for group in report.faults) == len(broken) + 2
    for _, says in faulty():
        assert any(says in text for text in told), (says, told)
    assert "1 annotation not an object of JSON: annotations[22] 7" in told
    assert "3 annotations whose area is no number: id 2005 None, id 2006 nan, id 2007 '77'" in told
    coco = loaded(tmp_path / "out")
    assert [a["source_annotation_id"] for a in coco.dataset["annotations"]] == [900, 901, 902, None]
    for annotation in coco.dataset["annotations"][:3]:
        assert coco.annToMask(annotation).any()
    assert "segmentation" not in coco.dataset["annotations"][3]


def test_several_files_have_one_list_of_categories_and_new_ids(make_run: MakeRun, tmp_path: Path) -> None:
    """The same ids mean other things in the two files, and the same names have other ids."""
    paths = []
    for split, categories in (("train2017", ["person", "dog"]), ("val2017", ["Dog", "cat", "person"])):
        entries = [{"id": number, "name": name} for number, name in enumerate(categories, 1)]
        images = [{"id": 5, "file_name": "5.jpg", "width": 24, "height": 16, "license": 1}]
        boxes = [
            {"id": number, "image_id": 5, "category_id": number, "bbox": [1, 1, number, 5], "area": 9}
            for number in range(1, len(categories) + 1)
        ]
        paths.append(tmp_path / f"instances_{split}.json")
        licenses = [{"id": 1, "name": f"licence of {split}", "url": ""}]
        paths[-1].write_text(
            json.dumps({"images": images, "annotations": boxes, "categories": entries, "licenses": licenses})
        )
    rows = [
        {"x_coco_image_id": "5", "split": split, "content_path": f"/coco/{split}2017/5.jpg"}
        for split in ("train", "val")
    ]
    report = export_run(make_run(*rows), "coco", tmp_path / "out", ExportOptions(annotations=tuple(paths)))
    assert (report.splits, report.faults, report.left_out) == ({"train2017": 1, "val2017": 1}, (), ())
    train, val = (loaded(tmp_path / "out", f"instances_{split}2017") for split in ("train", "val"))
    assert train.dataset["categories"] == val.dataset["categories"]
    assert {c["id"]: c["name"] for c in val.dataset["categories"]} == {1: "person", 2: "dog", 3: "cat"}
    assert [(a["category_id"], a["bbox"][2]) for a in train.dataset["annotations"]] == [(1, 1), (2, 2)]
    assert [(a["category_id"], a["bbox"][2]) for a in val.dataset["annotations"]] == [(2, 1), (3, 2), (1, 3)]
    names = {entry["id"]: entry["name"] for entry in val.dataset["licenses"]}
    assert [names[coco.dataset["images"][0]["license"]] for coco in (train, val)] == [
        "licence of train2017",
        "licence of val2017",
    ]
    report = export_run(
        make_run({"content_path": "/x/5.jpg", "split": "dev"}, {"content_path": "/coco/val2017/5.jpg"}, name="two"),
        "coco", tmp_path / "other", ExportOptions(annotations=tuple(paths)),
    )  # fmt: skip
    assert [one.reason for one in report.left_out] == [
        "its photograph may be either in instances_train2017.json and instances_val2017.json"
    ]


def test_ids_as_text_and_names_in_another_case_or_with_an_address_s_query_are_found(
    make_run: MakeRun, tmp_path: Path, annotations: Path
) -> None:
    data = source()
    for entry, name in zip(
        data["images"], ("IMAGES\\1.JPG", "https://x.org/0.jpg?rev=2", "/home/me/absent.jpg"), strict=True
    ):
        entry |= {"id": f"img{entry['id']}", "file_name": name}
    for annotation in data["annotations"]:
        annotation["image_id"] = f"img{annotation['image_id']}"
    annotations.write_text(json.dumps(data), encoding="utf-8")
    run = make_run({}, {}, {"x_coco_image_id": "img72", "content_path": "photos/absent.jpg"})
    report = export_run(run, "coco", tmp_path / "out", ExportOptions(annotations=(annotations,)))
    assert (report.images, report.faults, report.left_out) == (3, (), ())
    images = {
        image["source_image_id"]: image["source_file_name"] for image in loaded(tmp_path / "out").dataset["images"]
    }
    assert images == {"img70": "IMAGES/1.JPG", "img71": "https:/x.org/0.jpg?rev=2", "img72": "absent.jpg"}


def test_scaling_is_by_the_exact_factor_of_each_axis() -> None:
    annotation = source()["annotations"][0]
    scaled = scaled_annotation(annotation, (48, 32), (31, 21))
    x, y = 31 / 48, 21 / 32
    assert scaled["bbox"] == pytest.approx([4.5 * x, 8 * y, 10 * x, 12.25 * y], rel=1e-12)
    assert scaled["area"] == pytest.approx(77.5 * x * y, rel=1e-12)
    assert scaled["segmentation"][1] == pytest.approx([5 * x, 9 * y, 6 * x, 9 * y, 6 * x, 10.125 * y], rel=1e-12)
    assert scaled["keypoints"] == pytest.approx([5 * x, 9 * y, 2, 0, 0, 0], rel=1e-12)
    assert scaled["num_keypoints"] == 1
    assert scaled_annotation(annotation, (48, 32), (48, 32)) == annotation


@pytest.mark.parametrize("target", [(96, 64), (24, 16), (144, 32), (7, 5)])
@pytest.mark.parametrize("number", [1, 3])
def test_run_lengths_are_scaled_to_the_nearest_pixel(target: tuple[int, int], number: int) -> None:
    width, height = target
    scaled = scaled_annotation(source()["annotations"][number], (48, 32), target)["segmentation"]
    assert scaled["size"] == [height, width]
    assert isinstance(scaled["counts"], str if number == 3 else list)
    rle = scaled if number == 3 else masks.frPyObjects(scaled, height, width)
    expected = [
        [CROWD[int((row + 0.5) * 32 / height), int((column + 0.5) * 48 / width)] for column in range(width)]
        for row in range(height)
    ]
    assert np.array_equal(masks.decode(rle), expected)


def test_compressed_run_lengths_are_read_as_pycocotools_does() -> None:
    """At random, with runs of many lengths; at double the size every pixel is there four times."""
    rng = np.random.default_rng(0)
    for density in (0, 0.001, 0.1, 0.5, 0.9, 1):
        pixels = (rng.random((150, 200)) < density).astype(np.uint8)
        counts = masks.encode(np.asfortranarray(pixels))["counts"].decode()
        scaled = scaled_annotation({"segmentation": {"size": [150, 200], "counts": counts}}, (200, 150), (400, 300))
        assert np.array_equal(masks.decode(scaled["segmentation"]), pixels.repeat(2, 0).repeat(2, 1))


def test_damaged_run_lengths_are_an_error_and_never_a_crash() -> None:
    rng = np.random.default_rng(0)
    for length in rng.integers(0, 40, 2000):
        counts = "".join(map(chr, rng.integers(48, 112, length)))
        with pytest.raises(ValueError, match=r"run lengths are damaged|are no run lengths|do not add up"):
            scaled_annotation({"segmentation": {"size": [30, 40], "counts": counts}}, (40, 30), (20, 15))


@pytest.mark.parametrize(
    "broken",
    [
        {"bbox": "box"},
        {"area": "large"},
        {"segmentation": [[1, 2, 3]]},
        {"segmentation": [[1, None]]},
        {"segmentation": {"size": [100_000, 100_000], "counts": "x"}},
        {"segmentation": {"size": [32, 48], "counts": [5]}},
        {"segmentation": {"size": [32, 48], "counts": [-1, 48 * 32 + 1]}},
        {"segmentation": {"size": [32, 48], "counts": "nonsense"}},
        {"segmentation": "everything"},
        {"keypoints": [1, 2]},
    ],
)
def test_annotations_that_break_the_format_are_said(broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        scaled_annotation(broken, (48, 32), (24, 16))
