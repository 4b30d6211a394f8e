"""What croissant.json says of an export in COCO's layout: images with what is known of them, annotations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nst_core.export.croissant import (
    IMAGE,
    IMAGE_TYPES,
    INTEGER,
    JSON_TYPE,
    TEXT,
    Distribution,
    file_object,
    file_property,
    file_set,
    json_path,
    record_field,
    record_set,
    split_records,
)
from nst_core.storage.regular_files import file_sha256

_NUMBERS = {"id", "width", "height", "seed", "image_id", "category_id", "source_image_id", "source_annotation_id"}
_LISTS = {"style_ids": TEXT, "style_shares": "sc:Float", "bbox": "sc:Float"}
_OF_IMAGES = ("id", "file_name", "width", "height", "source_image_id")
_OF_ANNOTATIONS = ("id", "image_id", "source_annotation_id")
_MORE = {"instances": ("category_id", "bbox"), "person_keypoints": ("category_id", "bbox"), "captions": ("caption",)}


def coco_distribution(
    root: Path, kind: str, groups: Sequence[str], suffixes: Sequence[str], columns: Sequence[str]
) -> Distribution:
    """The files and records of an export: for each split its images and its annotations.

    Args:
        kind: of annotations: `instances`, `captions`, …
        columns: what stands with each image beside COCO's own entries.
    """
    files: list[dict[str, Any]] = []
    records: list[dict[str, Any]] = [split_records(groups)]
    for group in groups:
        path = f"annotations/{kind}_{group}.json"
        if not (root / path).is_file():
            continue
        pictures, records_of_pictures = f"{group}-files", f"{group}-pictures"
        files.append(
            file_set(pictures, [f"{group}/*{suffix}" for suffix in suffixes], [IMAGE_TYPES[name] for name in suffixes])
        )
        name = file_property(pictures, "filename")
        records.append(
            record_set(
                records_of_pictures,
                f"The pictures of {group} by the names at the ends of their images' file_name.",
                [
                    record_field(records_of_pictures, "file_name", TEXT, name),
                    record_field(records_of_pictures, "image", IMAGE, file_property(pictures, "content")),
                ],
            )
        )
        sha256, size = file_sha256(root / path), (root / path).stat().st_size
        for title, key in ((f"{group}-images", "images"), (f"{group}-annotations", "annotations")):
            # A file for each: a reader makes one table of all that is read from one file.
            files.append(file_object(f"{title}-json", path, JSON_TYPE, sha256, size))
            names = [*_OF_IMAGES, *columns] if key == "images" else [*_OF_ANNOTATIONS, *_MORE.get(kind, ())]
            fields = [_field(title, key, name) for name in names]
            records.append(record_set(title, f"The {key} of {group}.", fields, "id"))
    return Distribution(files, records)


def _field(records: str, key: str, name: str) -> dict[str, Any]:
    source = json_path(f"{records}-json", f"$.{key}[*].{name}")
    kind = _LISTS.get(name) or (INTEGER if name in _NUMBERS else TEXT)
    return record_field(records, name, kind, source, repeated=name in _LISTS)
