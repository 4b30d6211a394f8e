"""COCO: the images that a run file chooses from an annotation file, the same draw everywhere, and what is missing."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from nst_core.config.sources import CocoSource
from nst_core.errors import ConfigError, SourceError
from nst_core.sources import coco_annotations as reader
from nst_core.sources.base import Catalogue
from nst_core.sources.coco import CocoImage, annotation_file, draw_ids, selected_images
from nst_core.sources.registry import open_source
from nst_core.storage.machine import cache_folder

LICENSES = [
    {
        "id": 1,
        "url": "http://creativecommons.org/licenses/by-nc-sa/2.0/",
        "name": "Attribution-NonCommercial-ShareAlike",
    },
    {"id": 4, "url": "http://creativecommons.org/licenses/by/2.0/", "name": "Attribution License"},
    {"id": 7, "url": "http://flickr.com/commons/usage/", "name": "No known copyright restrictions"},
]
CATEGORIES = [{"id": 1, "name": "person"}, {"id": 17, "name": "cat"}, {"id": 18, "name": "dog"},
              {"id": 58, "name": "hot dog"}]  # fmt: skip


def image(number: Any, license: Any = 4, width: Any = 640, height: int = 480, **more: Any) -> dict[str, Any]:
    entry = {"id": number, "file_name": f"{number:0>12}.jpg", "width": width, "height": height, "license": license,
             "coco_url": f"http://images.cocodataset.org/val2017/{number:0>12}.jpg"} | more  # fmt: skip
    return {key: value for key, value in entry.items() if value is not None}


def seen(number: int, image_id: int, category: int, area: float) -> dict[str, Any]:
    return {"id": number, "image_id": image_id, "category_id": category, "area": area, "segmentation": [[1, 2, 3, 4]]}


IMAGES = [
    image(30, license=1, flickr_url="http://farm1.staticflickr.com/30_z.jpg"),
    image(10),
    image(20, width=300, height=200),
    image(40, license=None, coco_url=None),
]
SEEN = [seen(5, 30, 18, 10.5), seen(3, 30, 1, 99.0), seen(4, 30, 18, 200.0), seen(9, 10, 17, 5.0), seen(8, 20, 58, 7.0)]


def write(path: Path, images: Any = IMAGES, annotations: Any = SEEN, **sections: Any) -> Path:
    data = {"info": {"year": 2017}, "licenses": LICENSES, "images": images, "annotations": annotations,
            "categories": CATEGORIES} | sections  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({key: value for key, value in data.items() if value is not None}), encoding="utf-8")
    return path


@pytest.fixture
def instances(tmp_path: Path) -> Path:
    return write(tmp_path / "annotations" / "instances_val2017.json")


def dataset(root: Path, *on_disk: int) -> Path:
    (root / "val2017").mkdir()
    for number in on_disk:
        (root / "val2017" / f"{number:012}.jpg").write_bytes(b"x")
    return root


def opened(root: Path, role: str = "content", **options: object) -> Catalogue:
    return open_source(CocoSource.model_validate({"path": root, **options}), role)  # type: ignore[arg-type]


def chosen(path: Path, **options: object) -> list[int | str]:
    return [found.id for found in selected_images(path, CocoSource.model_validate(options))]


def test_an_image_has_what_the_annotation_file_says_of_it(instances: Path) -> None:
    assert selected_images(instances, CocoSource())[2] == CocoImage(
        id=30,
        file_name="000000000030.jpg",
        width=640,
        height=480,
        license="CC-BY-NC-SA-2.0",
        coco_url="http://images.cocodataset.org/val2017/000000000030.jpg",
        flickr_url="http://farm1.staticflickr.com/30_z.jpg",
        annotation_ids=(3, 4, 5),
        label="dog",
    )


def test_images_come_by_id_and_those_without_annotations_or_licence_too(instances: Path) -> None:
    found = selected_images(instances, CocoSource())
    assert [(each.id, each.label) for each in found] == [(10, "cat"), (20, "hot dog"), (30, "dog"), (40, None)]
    assert (found[3].annotation_ids, found[3].license, found[3].coco_url) == ((), None, None)


def test_the_label_is_the_largest_object_among_those_asked_for(instances: Path) -> None:
    found = selected_images(instances, CocoSource(categories=["Person", "hot_dog"]))
    assert [(each.id, each.label) for each in found] == [(20, "hot dog"), (30, "person")]


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ({"categories": ["dog"]}, [30]),
        ({"categories": ["cat", "dog"]}, [10, 30]),
        ({"licenses": ["4"]}, [10, 20]),
        ({"licenses": [1]}, [30]),
        ({"licenses": ["cc by 2.0"]}, [10, 20]),
        ({"licenses": ["CC-BY-2.0", "CC-BY-NC-SA-2.0"]}, [10, 20, 30]),
        ({"licenses": ["NC"]}, [30]),
        ({"licenses": ["by"]}, [10, 20, 30]),
        ({"licenses": ["unknown"]}, [40]),
        ({"smallest_side": 201}, [10, 30, 40]),
        ({"smallest_side": 200}, [10, 20, 30, 40]),
        ({"categories": ["cat", "hot dog"], "licenses": ["by"], "smallest_side": 400}, [10]),
    ],
)
def test_images_are_chosen_by_category_licence_and_size(
    instances: Path, options: dict[str, object], ids: list[int]
) -> None:
    assert chosen(instances, **options) == ids


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"categories": ["dgo", "person"]},
            r"^content\.categories: .*_val2017\.json has no category 'dgo' \(did",
        ),
        ({"categories": ["x1", "y2"]}, r"has no category 'x1', 'y2'\.$"),
        (
            {"licenses": ["CC-BY-NC-SA-20"]},
            r"^content\.licenses: .* no licence .*\(did you mean 'CC-BY-NC-SA-2",
        ),
        ({"licenses": ["3"]}, r"no licence '3'; it has CC-BY-2\.0, CC-BY-NC-SA-2\.0, No known copyright restrictions"),
    ],
)
def test_what_the_file_does_not_have_is_refused(instances: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        selected_images(instances, CocoSource.model_validate(options), "content.")


def test_categories_cannot_be_asked_of_a_file_without_any(tmp_path: Path) -> None:
    path = write(tmp_path / "captions_val2017.json", categories=None)
    with pytest.raises(ConfigError, match=r"categories: .*captions_val2017.json holds no categories: use instances_"):
        chosen(path, categories=["dog"])


@pytest.mark.parametrize("options", [{"smallest_side": 999}, {"categories": ["cat"], "licenses": ["nc"]}])
def test_a_choice_that_nothing_fits_is_told(instances: Path, options: dict[str, object]) -> None:
    with pytest.raises(SourceError, match=r"No image of .*instances_val2017\.json fits .*: ask for less"):
        chosen(instances, **options)


def test_captions_keypoints_and_bare_lists_of_images_are_read_for_what_they_hold(tmp_path: Path) -> None:
    captions = [{"id": 7, "image_id": 10, "caption": "A cat."}, {"id": 6, "image_id": 10, "caption": "Grey."}]
    path = write(tmp_path / "captions.json", annotations=captions, categories=None)
    first = selected_images(path, CocoSource())[0]
    assert (first.annotation_ids, first.label) == ((6, 7), None)
    path = write(tmp_path / "image_info_test2017.json", annotations=None)
    assert [each.label for each in selected_images(path, CocoSource())] == [None] * 4


def test_parts_without_annotations_have_a_list_of_images_by_default() -> None:
    names = {split: annotation_file(CocoSource(split=split)).name for split in ("train2017", "val2017", "test2017")}
    assert names == {
        "train2017": "instances_train2017.json",
        "val2017": "instances_val2017.json",
        "test2017": "image_info_test2017.json",
    }
    assert annotation_file(CocoSource(annotations=Path("own.json"))) == Path("own.json")


def test_annotations_may_come_in_any_order_and_of_images_that_are_not_listed(tmp_path: Path, instances: Path) -> None:
    shuffled = random.Random(0)
    images, annotations = list(IMAGES), [*SEEN, seen(99, 12345, 1, 1.0)]
    shuffled.shuffle(images)
    shuffled.shuffle(annotations)
    path = tmp_path / "own.json"
    parts = {"categories": CATEGORIES, "annotations": annotations, "images": images, "licenses": LICENSES}
    path.write_text(json.dumps(parts, indent=1), encoding="utf-8-sig")
    assert selected_images(path, CocoSource()) == selected_images(instances, CocoSource())


@given(st.sets(st.integers(0, 10**6), max_size=40), st.integers(0, 3), st.integers(1, 40), st.randoms())
def test_the_draw_depends_on_seed_and_ids_alone(ids: set[int], seed: int, limit: int, order: random.Random) -> None:
    shuffled = sorted(ids)
    order.shuffle(shuffled)
    found = draw_ids(shuffled, limit, seed)
    assert found == draw_ids(sorted(ids), limit, seed) == sorted(set(found))
    assert len(found) == min(limit, len(ids))
    assert set(found) <= set(draw_ids(ids, limit + 1, seed)) <= ids


@given(st.sets(st.integers(0, 10**6), min_size=2, max_size=40), st.integers(0, 3), st.data())
def test_an_image_that_was_not_drawn_does_not_matter_to_the_draw(ids: set[int], seed: int, data: st.DataObject) -> None:
    found = draw_ids(ids, len(ids) - 1, seed)
    (left_out,) = ids - set(found)
    assert draw_ids(ids - {left_out}, len(ids) - 1, seed) == found
    gone = data.draw(st.sampled_from(found))
    assert draw_ids(ids - {gone}, len(ids) - 1, seed) == sorted(ids - {gone})


def test_a_draw_is_even_and_another_with_another_seed() -> None:
    assert draw_ids(range(100), 5, 0) == [8, 14, 49, 57, 60]  # by sha256sum and sort
    counts = [sum(number in draw_ids(range(10), 3, seed) for seed in range(2000)) for number in range(10)]
    assert all(520 < count < 680 for count in counts)  # 600 ± 4 standard deviations


def test_limit_and_seed_choose_among_those_that_fit(tmp_path: Path) -> None:
    path = write(tmp_path / "own.json", [image(n, height=100 + n) for n in range(1, 101)], [])
    few, more = chosen(path, limit=5, smallest_side=151), chosen(path, limit=9, smallest_side=151)
    assert len(few) == 5
    assert set(few) < set(more) < set(range(51, 101))
    assert chosen(path, limit=5, seed=1) != chosen(path, limit=5)
    assert chosen(path, limit=1000) == list(range(1, 101))


def test_an_item_says_where_it_comes_from_and_what_is_annotated(tmp_path: Path, instances: Path) -> None:
    catalogue = opened(dataset(tmp_path, 10, 20, 30, 40))
    assert [item.id for item in catalogue.items] == [f"0000000000{n}.jpg" for n in (10, 20, 30, 40)]
    item = catalogue.items[2]
    assert (item.path, item.label, item.split) == (tmp_path / "val2017" / item.id, "dog", "val")
    assert (item.license, item.source_url) == ("CC-BY-NC-SA-2.0", "http://farm1.staticflickr.com/30_z.jpg")
    assert item.extras == (("coco_image_id", "30"), ("coco_annotation_ids", "3;4;5"))
    assert catalogue.items[0].source_url == "http://images.cocodataset.org/val2017/000000000010.jpg"
    assert (catalogue.items[3].source_url, catalogue.items[3].license) == (None, None)
    assert catalogue.notes == ()


@pytest.mark.parametrize(
    ("split", "named"), [("train2017", "train"), ("test2017", "test"), ("unlabeled2017", None), ("val", "val")]
)
def test_the_split_is_told_without_its_year(tmp_path: Path, split: str, named: str | None) -> None:
    config = CocoSource.model_validate({"path": tmp_path, "split": split})
    write(annotation_file(config))
    (tmp_path / config.split).mkdir()
    assert {item.split for item in open_source(config, "style").items} == {named}


def test_images_that_are_not_on_disk_stay_and_are_noted(tmp_path: Path, instances: Path) -> None:
    catalogue = opened(dataset(tmp_path, 10, 30), smallest_side=100)
    assert len(catalogue.items) == 4
    (note,) = catalogue.notes
    assert note.startswith(f"2 of 4 chosen images are not in {tmp_path / 'val2017'}: fetch it with `nst download coco ")
    assert "--smallest-side 100`, or set content.download: true" in note


def test_a_dataset_that_is_not_there_is_told_with_the_command_that_fetches_the_same_choice(tmp_path: Path) -> None:
    options = {"split": "val", "categories": ["hot dog", "cat"], "licenses": ["by"], "limit": 9, "seed": 3}
    command = (
        rf"`nst download coco --output {tmp_path} --split val2017 --categories 'hot dog' --categories cat "
        r"--licenses by --limit 9 --seed 3`, or set style\.download: true"
    )
    with pytest.raises(SourceError, match=rf"no annotation file .*instances_val2017\.json: fetch it with {command}"):
        opened(tmp_path, "style", **options)
    write(tmp_path / "annotations" / "instances_val2017.json")
    with pytest.raises(SourceError, match=rf"there is no folder .*val2017: fetch it with {command}"):
        opened(tmp_path, "style", **options)


def test_what_download_true_has_not_brought_is_told_without_naming_it_again(tmp_path: Path, instances: Path) -> None:
    dataset(tmp_path, 10)
    (note,) = opened(tmp_path, download=True).notes
    assert note.endswith("--split val2017`.")
    (note,) = opened(tmp_path, download=True, annotations=instances).notes
    assert note.endswith(f"add what is missing, or remove {tmp_path / 'val2017'} to have `nst run` fetch it.")


def test_an_annotation_file_of_ones_own_is_nothing_that_a_command_fetches(tmp_path: Path) -> None:
    own = tmp_path / "own.json"
    with pytest.raises(SourceError, match=r"^content\.annotations: there is no annotation file .*own\.json: correct"):
        opened(tmp_path, annotations=own)
    write(own)
    with pytest.raises(SourceError, match=r"no folder .*val2017: set content\.download: true to fetch what is missing"):
        opened(tmp_path, annotations=own)
    assert len(opened(dataset(tmp_path, 10, 20, 30, 40), annotations=own, licenses=["by"]).items) == 3


OUTSIDE = ["../../etc/passwd.jpg", "/etc/x.jpg", "a/../../x.jpg", "..\\x.jpg", "C:\\x.jpg", "\\\\host\\x.jpg"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_file_name_that_leads_outside_is_no_file_and_said(tmp_path: Path, name: str) -> None:
    write(tmp_path / "annotations" / "instances_val2017.json", [image(1), image(2, file_name=name)], [])
    assert chosen(tmp_path / "annotations" / "instances_val2017.json") == [1]
    outside, fine = sorted(opened(dataset(tmp_path, 1)).items, key=lambda item: item.fault is None)
    assert fine.fault is None
    assert "leads outside the folder of images" in str(outside.fault)
    assert outside.path.parent == tmp_path / "val2017"
    catalogue = opened(tmp_path, "style")
    assert [item.id for item in catalogue.items] == ["000000000001.jpg"]
    assert "leads outside the folder of images" in catalogue.notes[-1]


def test_file_names_in_sub_folders_are_fine(tmp_path: Path) -> None:
    write(tmp_path / "annotations" / "instances_val2017.json", [image(1, file_name="a/b.jpg"), image(2)], [])
    (dataset(tmp_path, 2) / "val2017" / "a").mkdir()
    (tmp_path / "val2017" / "a" / "b.jpg").write_bytes(b"x")
    catalogue = opened(tmp_path)
    assert [item.id for item in catalogue.items] == ["000000000002.jpg", "a/b.jpg"]
    assert catalogue.notes == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty: give instances_"),
        ("<html>Not found</html>", "is a web page \\(HTML\\), no JSON"),
        ("<annotation><size/></annotation>", "is XML, no JSON"),
        ('{"images": [{"id": 1, "file', "is damaged or not JSON .* at byte 22.*: correct it, or give another"),
        ('{"images": [1 2]}', "is damaged or not JSON"),
        ('{"images": []', "is damaged or not JSON"),
        ('{"images" []}', "is damaged or not JSON"),
        ("[]", "is a list, and COCO's annotation files are objects"),
        ('[{"image_id": 1, "category_id": 1, "bbox": [], "score": 0.9}]', "is a file of results"),
        ('[{"image_id": 1, "category_id": 1, "bbox": []}]', "is a list of annotations alone"),
        ("{}", "is no COCO annotation file: it has no list 'images'; it has nothing"),
        ('{"shapes": [], "imagePath": "a.jpg"}', "LabelMe"),
        ('{"images": {"1": {}}}', "it has no list 'images'; it has 'images'"),
        ('{"images": [1]}', r"no image that can be used: 1 image not an object of JSON: images\[0\] 1"),
        ('{"images": [{"id": 1}]}', r"1 image without file_name: images\[0\] \(id 1\)"),
        ('{"images": [{"file_name": "a.jpg"}]}', r"1 image without id: images\[0\]"),
        ('{"images": [{"id": [], "file_name": "a.jpg"}]}', r"1 image with a wrong id: images\[0\] \[\]"),
        ('{"images": [{"id": 1, "file_name": "a\\nb.jpg"}]}', "whose file_name has control characters"),
        ('{"images": [{"id": 1, "file_name": " "}]}', "whose file_name names no file"),
        ('{"images": [{"id": 1, "file_name": "\\ud800"}]}', "whose file_name names no file"),
        ('{"images": []}', "lists no images: it is not that of val2017"),
        ('{"images": [{"id": ' + "1" * 5000 + "}]}", "is damaged or not JSON"),
        ("[" * 100_000, "is a list"),
        ('{"images": ' + "[" * 100_000, "is damaged or not JSON"),
    ],
)
def test_a_damaged_or_wrong_annotation_file_is_told_in_a_sentence(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "own.json").write_text(text)
    with pytest.raises(SourceError, match=message) as caught:
        selected_images(tmp_path / "own.json", CocoSource(annotations=tmp_path / "own.json"))
    assert "delete" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"PK\x03\x04\xff\xfe", "is a ZIP archive: unpack it"),
        (gzip.compress(b"{}", mtime=0), r"is compressed \(gzip\): unpack it"),
        ('{"images": []}'.encode("utf-16"), "is in UTF-16: save it as UTF-8"),
        ('{"images": []}'.encode("utf-16-le"), "is in UTF-16 or binary: save it as UTF-8"),
        (b"\xff\xd8\xff\xe0", r"is an image \(JPEG\)"),
        ('{"images": [{"id": 1, "file_name": "\xe9.jpg"}]}'.encode("latin-1"), "is not in UTF-8: save it as UTF-8"),
    ],
)
def test_files_of_another_kind_are_called_by_their_name(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "own.json").write_bytes(data)
    with pytest.raises(SourceError, match=message):
        chosen(tmp_path / "own.json")


def test_what_is_meant_without_doubt_is_understood(tmp_path: Path) -> None:
    images = [
        image(1, license="CC BY 4.0", width=64.0), image("img2", license=""), image(3.0, license=4.0),
        image("4", width=None), image(5, width=-3), image(6, width="640"), image(10**30), image(1),
    ]  # fmt: skip
    for place, entry in enumerate(images):
        entry["file_name"] = f"{min(place, 7) % 7}.jpg"
    images[5]["height"] = float("nan")
    annotations = [{"image_id": 1, "category_id": 17, "area": None}, {"id": "a", "image_id": "1", "category_id": 18.0}]
    path = write(tmp_path / "own.json", images, [*annotations, {"id": 1}, 5])
    found = selected_images(path, CocoSource())
    assert [each.id for each in found] == ["img2", str(10**30), 1, 3, 4, 5, 6]
    assert [each.license for each in found[2:4]] == ["CC-BY-4.0", "CC-BY-2.0"]
    assert (found[2].width, found[2].annotation_ids, found[2].label) == (64, ("a",), "cat")
    assert [(each.width, each.height) for each in found[4:]] == [(0, 0)] * 3
    assert chosen(path, smallest_side=50) == ["img2", str(10**30), 1, 3]
    assert chosen(path, licenses=["by"]) == [str(10**30), 1, 3, 4, 5, 6]
    told = [str(group) for group in reader.read_annotations(path).faults]
    assert "1 annotation without image_id: annotations[2] (id 1)" in told
    assert any(text.startswith("3 sizes not in whole pixels from 1 on: images[3]") for text in told)


def test_images_that_cannot_be_told_apart_are_left_out_and_named(tmp_path: Path) -> None:
    """The same entry twice is one; the first keeps an id and a name that another image has, too."""
    images = [image(1), image(1), image(1, file_name="b.jpg"), image(2, file_name="000000000001.jpg"), 7]
    write(tmp_path / "annotations" / "instances_val2017.json", images, [])
    catalogue = opened(dataset(tmp_path, 1))
    assert [(item.id, item.fault) for item in catalogue.items] == [
        ("000000000001.jpg", None),
        ("instances_val2017.json:images[2]", "images[2] of instances_val2017.json is an entry with the id of another "
         "image (images[0]): 1"),
        ("instances_val2017.json:images[3]", "images[3] of instances_val2017.json is an entry with the file_name of "
         "another image (images[0]): '000000000001.jpg'"),
        ("instances_val2017.json:images[4]", "images[4] of instances_val2017.json is an entry not an object of JSON: "
         "7"),
    ]  # fmt: skip
    assert len(catalogue.notes) == 3
    limited = opened(tmp_path, limit=1)
    assert [item.fault for item in limited.items] == [None]
    assert limited.notes == catalogue.notes


def test_lvis_names_its_images_by_their_addresses(tmp_path: Path) -> None:
    entry = image(7) | {"file_name": None}
    assert selected_images(write(tmp_path / "lvis.json", [entry]), CocoSource())[0].file_name == f"{7:012}.jpg"


def test_categories_are_not_asked_of_panoptic_segments(tmp_path: Path) -> None:
    segments = [{"image_id": 10, "file_name": "10.png", "segments_info": [{"id": 1, "category_id": 17}]}]
    path = write(tmp_path / "panoptic_val2017.json", annotations=segments)
    assert len(selected_images(path, CocoSource())) == 4
    with pytest.raises(ConfigError, match="holds panoptic segments, not objects: use instances_"):
        chosen(path, categories=["cat"])


def test_several_parts_are_one_source_and_later_names_give_way(tmp_path: Path) -> None:
    for split, ids in (("train2017", (1, 2)), ("val2017", (2, 3))):
        write(tmp_path / "annotations" / f"instances_{split}.json", [image(n) for n in ids], [])
        (tmp_path / split).mkdir()
    catalogue = opened(tmp_path, split=["train", "val2017"])
    assert [(item.id, item.split) for item in catalogue.items] == [
        ("000000000001.jpg", "train"), ("000000000002.jpg", "train"), ("000000000003.jpg", "val"),
        ("val2017/000000000002.jpg", "val"),
    ]  # fmt: skip
    assert catalogue.items[3].path == tmp_path / "val2017" / "000000000002.jpg"
    few = {item.id for item in opened(tmp_path, split=["train", "val"], limit=2).items}
    assert len(few) == 2
    assert few < {item.id for item in opened(tmp_path, split=["train", "val"], limit=3).items} | few
    with pytest.raises(ValidationError, match="one file for each part"):
        CocoSource(split=["train2017", "val2017"], annotations=Path("a.json"))
    with pytest.raises(ValidationError, match="names each part once"):
        CocoSource.model_validate({"split": ["val", "val2017"]})


def cached_files() -> list[Path]:
    return sorted((cache_folder() / "coco").glob("*"))


def test_a_large_file_is_parsed_once_and_again_when_it_changed(
    instances: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    fresh = selected_images(instances, CocoSource())
    assert cached_files() == []
    monkeypatch.setattr(reader, "_CACHED_FROM", 1)
    assert selected_images(instances, CocoSource()) == fresh
    with monkeypatch.context() as patch:
        patch.setattr(reader, "_parse", lambda *given: pytest.fail("parsed again"))
        assert selected_images(instances, CocoSource()) == fresh
        assert chosen(instances, categories=["dog"], licenses=["nc"]) == [30]
    write(instances, [image(1)], [])
    assert chosen(instances) == [1]
    assert len(cached_files()) == 2


def test_a_damaged_cache_and_one_that_cannot_be_written_only_cost_time(
    instances: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "_CACHED_FROM", 1)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    expected = chosen(instances)
    (cached,) = cached_files()
    whole = cached.read_bytes()
    for damaged in (b"", whole[:-20], b"x" * len(whole)):
        cached.write_bytes(damaged)
        assert chosen(instances) == expected
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert chosen(instances) == expected


def test_the_real_copy_opens(shared: Path) -> None:
    catalogue = opened(shared / "data" / "coco", categories=["person"])
    assert [(item.id, item.license, item.label) for item in catalogue.items] == [
        ("000000000785.jpg", "CC-BY-2.0", "person"),
        ("000000040083.jpg", "CC-BY-NC-ND-2.0", "person"),
        ("000000196141.jpg", "CC-BY-NC-SA-2.0", "person"),
        ("000000197388.jpg", "CC-BY-NC-ND-2.0", "person"),
    ]
    assert catalogue.items[0].extras == (("coco_image_id", "785"), ("coco_annotation_ids", "442619"))
    assert all(item.path.is_file() for item in catalogue.items)
    assert catalogue.notes == ()
