"""COCO: the images that a run file chooses from an annotation file, the same draw everywhere, and what is missing."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


def image(number: int, license: int | None = 4, width: int = 640, height: int = 480, **more: Any) -> dict[str, Any]:
    entry = {"id": number, "file_name": f"{number:012}.jpg", "width": width, "height": height, "license": license,
             "coco_url": f"http://images.cocodataset.org/val2017/{number:012}.jpg"} | more  # fmt: skip
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


def chosen(path: Path, **options: object) -> list[int]:
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


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd.jpg", "/etc/x.jpg", "a/../../x.jpg", "..\\x.jpg", "C:\\x.jpg", "\\\\host\\x.jpg", "a\0.jpg"],
)
def test_a_file_name_that_leads_outside_is_refused(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "own.json", [image(1), image(2, file_name=name)])
    with pytest.raises(SourceError, match=r"images\[1\]: its file_name .* leads outside"):
        chosen(path)


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
        ("", "is damaged or not JSON"),
        ("<html>Not found</html>", "is damaged or not JSON"),
        ('{"images": [{"id": 1, "file', "is damaged or not JSON"),
        ('{"images": [1 2]}', "is wrong: images"),
        ('{"images": []', "is damaged or not JSON"),
        ('{"images" []}', "is damaged or not JSON"),
        ("[]", "is damaged or not JSON"),
        ("{}", "is not a COCO annotation file: it has no list 'images'"),
        ('{"images": {"1": {}}}', "it has no list 'images'"),
        ('{"images": [1]}', r"images\[0\]: "),
        ('{"images": [{"id": 1, "file_name": "a.jpg", "height": 5}]}', r"images\[0\] has no 'width'"),
        ('{"images": [{"id": "x"}]}', r"images\[0\]: 'x' is not a whole number"),
        ('{"images": [], "annotations": [{"id": 1}]}', r"annotations\[0\] has no 'image_id'"),
        ('{"images": [], "annotations": [{"id": 1e99, "image_id": 2}]}', r"annotations\[0\]: "),
        ('{"images": [], "annotations": [{"id": 99999999999999999999, "image_id": 2}]}', r"annotations\[0\]: "),
        ('{"images": [], "categories": [{"id": 1}]}', r"categories\[0\] has no 'name'"),
        ('{"images": []}', "lists no images: it is not that of val2017"),
        ('{"images": [{"id": 99999999999999999999}]}', r"images\[0\]: 9+ is too large a number"),
        ('{"images": [{"id": 1, "file_name": "a", "width": 99999999999999999999}]}', r"images\[0\]: 9+ is too large"),
        ('{"images": [{"id": ' + "1" * 5000 + "}]}", "is damaged or not JSON .*: delete it, then fetch it again"),
        (
            '{"images": [{"id": 1, "file_name": "a", "width": 1, "height": 1, "coco_url": "\\ud800"}]}',
            r"images\[0\]: .*surrogates not allowed",
        ),
        ("[" * 100_000, "is damaged or not JSON"),
        ('{"images": ' + "[" * 100_000, "is damaged or not JSON"),
    ],
)
def test_a_damaged_or_wrong_annotation_file_is_told_in_a_sentence(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "own.json").write_text(text)
    with pytest.raises(SourceError, match=message):
        chosen(tmp_path / "own.json")


def test_bytes_that_are_no_text_are_told(tmp_path: Path) -> None:
    (tmp_path / "own.json").write_bytes(b"PK\x03\x04\xff\xfe")
    with pytest.raises(SourceError, match="is damaged or not JSON"):
        chosen(tmp_path / "own.json")


def test_ids_and_file_names_that_are_there_twice_are_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"images\[1\]: the id 1 is there twice"):
        chosen(write(tmp_path / "own.json", [image(1), image(1)]))
    with pytest.raises(SourceError, match=r"several images have the file name a\.jpg\."):
        chosen(write(tmp_path / "own.json", [image(1, file_name="a.jpg"), image(2, file_name="a.jpg")]))


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
        patch.setattr(reader, "_parse", lambda path: pytest.fail("parsed again"))
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
