"""The format imagefolder: folders of images with `metadata.parquet`, as Hugging Face `datasets` loads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from nst_core.export.croissant import (
    IMAGE,
    IMAGE_TYPES,
    PARQUET_TYPE,
    TEXT,
    Distribution,
    column_fields,
    file_property,
    file_set,
    record_field,
    record_set,
    split_records,
)
from nst_core.export.formats import Advance, UsableImage, UsableImages, WrittenShards, write_folder
from nst_core.export.rows import Selection
from nst_core.export.shards import SHARD_IMAGES, ExportShard, group_names, shards_of
from nst_core.export.target import ExportTarget, ShardRecord
from nst_core.sources.coco_entries import FaultGroup

METADATA = "metadata.parquet"
_VALIDATION = {"val", "valid", "dev", "validation"}
_RESERVED = {"all"}  # every split together
_IMAGE_ENDING = ("_file_name", "_file_names")


class ImageFolder:
    """`<split>/<number>/` with at most `SHARD_IMAGES` images and their metadata."""

    name = "imagefolder"
    passes = 1

    def __init__(self, selection: Selection, link: bool) -> None:
        self.groups: Mapping[str | None, str] = group_names(selection.ids)
        self.salt = self.name
        self._selection = selection
        self._link = link
        names = [("file_name", pa.string()), *((_column(f.name), f.type) for f in selection.schema)]
        self._schema = pa.schema(names)

    def prepare(self, advance: Advance) -> tuple[FaultGroup, ...]:
        return ()

    def shards(self, group: str, splits: list[str | None]) -> Iterator[tuple[str, ExportShard]]:
        for shard in shards_of(self._selection, group, splits, SHARD_IMAGES):
            yield folder_name(shard), shard

    def write(self, shard: ExportShard, path: Path, digest: str, advance: Advance) -> ShardRecord:
        images = UsableImages(self._selection.run, shard, advance)
        return write_folder(path, digest, images, self._link, self._add_metadata)

    def finish(self, target: ExportTarget, written: WrittenShards) -> dict[str, ShardRecord]:
        return {}

    def card(self, written: WrittenShards, repository: str | None) -> tuple[dict[str, Any], list[str]]:
        names = split_names(self.groups.values())
        files = [{"split": name, "path": f"{group}/**"} for group, name in names.items()]
        yaml = {
            "task_categories": ["image-to-image"],
            "configs": [{"config_name": "default", "data_files": files}],
        }
        place = repository or "path/to/this/folder"
        return yaml, ["from datasets import load_dataset", "", f'dataset = load_dataset("{place}")']

    def describe(self, target: ExportTarget, written: WrittenShards) -> Distribution:
        groups = sorted(set(self.groups.values()))
        suffixes = sorted(written.suffixes)
        types = [IMAGE_TYPES[suffix] for suffix in suffixes]
        files = [
            file_set("pictures", [f"{group}/*{suffix}" for group in groups for suffix in suffixes], types),
            file_set("metadata", [f"{group}/*/{METADATA}" for group in groups], [PARQUET_TYPE]),
        ]
        name = file_property("pictures", "filename")
        records = []
        for title, description in (("images", "Every image with its columns."), ("rows", "The columns alone.")):
            fields = column_fields(title, "metadata", self._schema)
            if title == "images":
                fields[0]["references"] = name
                fields.append(record_field(title, "image", IMAGE, file_property("pictures", "content")))
            fields.append(
                record_field(title, "split_folder", TEXT, file_property("metadata", "fullpath", "([^/]+)/.*"))
            )
            records.append(record_set(title, description, fields, "pair_id"))
        return Distribution(files, [split_records(groups), *records])

    def _add_metadata(self, folder: Path, images: list[UsableImage]) -> None:
        records = [
            {"file_name": image.name} | {_column(name): value for name, value in image.row.columns.items()}
            for image in images
        ]
        pq.write_table(pa.Table.from_pylist(records, schema=self._schema), folder / METADATA, compression="zstd")


def folder_name(shard: ExportShard) -> str:
    """The sub-folder of a shard: image folders on the Hub must not have 10 000 entries."""
    return f"{shard.group}/{shard.number:04d}"


def split_names(groups: Iterable[str]) -> dict[str, str]:
    """The name of each split in `datasets`, which calls `val` `validation`; several such keep their own."""
    groups = sorted(set(groups))
    alone = sum(group in _VALIDATION for group in groups) == 1
    names = {group: "validation" if alone and group in _VALIDATION else group for group in groups}
    return {group: f"{name}_split" if name in _RESERVED else name for group, name in names.items()}


def _column(name: str) -> str:
    """The exported name of a column: `datasets` opens every other column that ends like `file_name` as an image."""
    return name.replace("file_name", "filename") if name.endswith(_IMAGE_ENDING) else name
