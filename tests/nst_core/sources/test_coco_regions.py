"""COCO's polygons and run-length codes as masks, and the regions of an annotation file."""

import json

import pytest

from nst_core.errors import ConfigError
from nst_core.sources.coco_reference import CocoReference
from nst_core.sources.coco_regions import (
    check_regions,
    read_regions,
    region_hash,
    segmentation_mask,
    unpacked_counts,
)


def _file(folder, person):
    folder.mkdir(exist_ok=True)
    dog = [[12, 2, 15, 2, 15, 5, 12, 5]]
    data = {
        "images": [{"id": 7, "file_name": "a.jpg", "width": 20, "height": 10}],
        "categories": [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 1, "area": 50, "segmentation": [person]},
            {"id": 2, "image_id": 7, "category_id": 18, "area": 9, "segmentation": dog},
        ],
    }
    path = folder / "instances.json"
    path.write_text(json.dumps(data))
    return path


def test_a_polygon_covers_its_inside():
    mask = segmentation_mask([[2, 1, 8, 1, 8, 6, 2, 6]], 20, 10)
    assert mask.shape == (10, 20)
    assert mask[2:5, 3:7].all()
    assert not mask[:, 10:].any()
    assert not mask[8:].any()


def test_run_lengths_go_down_the_columns():
    mask = segmentation_mask({"size": [2, 3], "counts": [1, 2, 3]}, 3, 2)
    assert mask.astype(int).tolist() == [[0, 1, 0], [1, 0, 0]]


def test_packed_run_lengths_are_unpacked():
    assert unpacked_counts("P1") == [32]  # five bits, and more to come
    assert unpacked_counts("5342O") == [5, 3, 4, 5, 3]  # from the fourth on, the difference to the last but one


@pytest.mark.parametrize("code", [{"size": [2, 3], "counts": [1, 2]}, {"size": [3, 2], "counts": [6]}])
def test_run_lengths_that_do_not_fit_are_refused(code):
    with pytest.raises(ValueError, match="image"):
        segmentation_mask(code, 3, 2)


def test_regions_are_named_by_category_or_as_things(tmp_path):
    file = _file(tmp_path, [1, 1, 6, 1, 6, 8, 1, 8])
    persons = read_regions(CocoReference.to(file, 7, ["person"]))
    assert persons.regions() == ["background", "person"]
    assert persons.mask(["Person"])[3, 3]
    assert not persons.mask(["person"])[3, 13]
    assert read_regions(CocoReference.to(file, 7, ["thing"])).mask(["thing"])[3, 13]
    assert read_regions(CocoReference.to(file, 7, ["category"])).regions() == ["background", "person", "dog"]


def test_another_polygon_is_another_hash_and_an_unknown_category_an_error(tmp_path):
    one, other = _file(tmp_path / "a", [1, 1, 6, 1, 6, 8]), _file(tmp_path / "b", [1, 1, 6, 1, 6, 7])
    assert region_hash(CocoReference.to(one, 7, ["person"])) != region_hash(CocoReference.to(other, 7, ["person"]))
    assert region_hash(CocoReference.to(one, 7, ["dog"])) == region_hash(CocoReference.to(other, 7, ["dog"]))
    with pytest.raises(ConfigError, match="no category 'persn'"):
        check_regions(one, ["persn"], "content.regions")
