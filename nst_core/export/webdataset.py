"""The format webdataset: tar shards; per sample the image as it is, its columns as JSON, its class."""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import json
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from nst_core.export.croissant import (
    IMAGE,
    IMAGE_TYPES,
    JSON_TYPE,
    TAR_TYPE,
    TEXT,
    Distribution,
    file_object,
    file_property,
    file_set,
    record_field,
    record_set,
    split_records,
)
from nst_core.export.formats import Advance, UsableImage, UsableImages, WrittenShards
from nst_core.export.imagefolder import split_names
from nst_core.export.rows import Selection
from nst_core.export.shards import SHARD_BYTES, SHARD_IMAGES, ExportShard, group_names, row_json, shards_of
from nst_core.export.target import ExportTarget, ShardRecord
from nst_core.sources.coco_entries import FaultGroup
from nst_core.storage.atomic import atomic_path, write_if_changed
from nst_core.storage.regular_files import file_sha256

CLASSES = "classes.json"
NO_CLASS = -1
"""The class of an image without a label, where others have one."""


class _HashedStream(io.RawIOBase):
    """A stream that hashes what is written through it."""

    def __init__(self, stream: BinaryIO) -> None:
        self.sha256 = hashlib.sha256()
        self._stream = stream

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.sha256.update(data)
        return self._stream.write(data)


class WebDataset:
    """`<split>-000000.tar` and so on, and `classes.json` with the labels in the order of their numbers."""

    name = "webdataset"
    passes = 1

    def __init__(self, selection: Selection, shard_size: int | None) -> None:
        self.groups: Mapping[str | None, str] = group_names(selection.ids)
        self.salt = self.name + hashlib.sha256(json.dumps(selection.labels).encode()).hexdigest()
        self._selection = selection
        self._images = shard_size or SHARD_IMAGES
        self._classes = {label: number for number, label in enumerate(selection.labels)}

    def prepare(self, advance: Advance) -> tuple[FaultGroup, ...]:
        return ()

    def shards(self, group: str, splits: list[str | None]) -> Iterator[tuple[str, ExportShard]]:
        for shard in shards_of(self._selection, group, splits, self._images, SHARD_BYTES):
            yield f"{group}-{shard.number:06d}.tar", shard

    def write(self, shard: ExportShard, path: Path, digest: str, advance: Advance) -> ShardRecord:
        images = UsableImages(self._selection.run, shard, advance)
        count, sha256 = self._write_tar(path, images)
        return ShardRecord(digest, count, path.stat().st_size if count else 0, tuple(images.left_out), sha256)

    def finish(self, target: ExportTarget, written: WrittenShards) -> dict[str, ShardRecord]:
        data = json.dumps(list(self._classes), indent=1, ensure_ascii=False) + "\n"
        write_if_changed(target.root / CLASSES, data.encode())
        return {}

    def card(self, written: WrittenShards, repository: str | None) -> tuple[dict[str, Any], list[str]]:
        names = split_names(self.groups.values())
        files = [{"split": name, "path": f"{group}-*.tar"} for group, name in names.items()]
        yaml = {"configs": [{"config_name": "default", "data_files": files}]}
        if repository:
            return yaml, [
                "from datasets import load_dataset",
                "",
                f'dataset = load_dataset("{repository}", streaming=True)',
            ]
        tars = _tars(written)
        first = tars[0] if tars else "train-000000.tar"
        return yaml, [
            "import webdataset",
            "",
            f'dataset = webdataset.WebDataset("{first}", shardshuffle=False).decode("pil")',
        ]

    def describe(self, target: ExportTarget, written: WrittenShards) -> Distribution:
        tars = _tars(written)
        suffixes = sorted(written.suffixes)
        types = [IMAGE_TYPES[suffix] for suffix in suffixes]
        files = []
        for tar in tars:
            done = written.done[tar]
            files.append(file_object(tar, tar, TAR_TYPE, done.sha256 or file_sha256(target.root / tar), done.size))
        files.append(file_set("pictures", [f"*{suffix}" for suffix in suffixes], types, tars))
        files.append(file_set("samples", ["*.json"], [JSON_TYPE], tars))
        records = []
        for title, contents, kind, description in (
            ("images", "pictures", IMAGE, "The images by pair id."),
            ("rows", "samples", TEXT, "All columns of an image as JSON, by pair id."),
        ):
            name = "image" if kind == IMAGE else "json"
            fields = [
                record_field(title, "pair_id", TEXT, file_property(contents, "filename", r"([^.]+)\..*")),
                record_field(title, name, kind, file_property(contents, "content")),
            ]
            records.append(record_set(title, description, fields, "pair_id"))
        return Distribution(files, [split_records(self.groups.values()), *records])

    def _write_tar(self, path: Path, images: Iterator[UsableImage]) -> tuple[int, str | None]:
        """Write a tar that depends on its samples alone: no times, no users; returns their number, and its sha256.

        Nothing is written if there are none.
        """
        first = next(images, None)
        if first is None:
            return 0, None
        count = 0
        with (
            atomic_path(path) as temporary,
            temporary.open("wb") as stream,
            contextlib.closing(_HashedStream(stream)) as hashed,
            tarfile.open(fileobj=hashed, mode="w|") as tar,
        ):
            for image in itertools.chain([first], images):
                for name, data in self._members(image):
                    member = tarfile.TarInfo(name)
                    member.size = len(data)
                    tar.addfile(member, io.BytesIO(data))
                count += 1
        return count, hashed.sha256.hexdigest()

    def _members(self, image: UsableImage) -> Iterator[tuple[str, bytes]]:
        """Members are found by what follows the first dot, so the key must not have one: pair ids never do."""
        suffix = image.path.suffix.lower().removeprefix(".")
        members = {suffix: image.data, "json": row_json(image.row).encode()}
        if self._classes:
            label = image.row.label
            members["cls"] = str(NO_CLASS if label is None else self._classes[label]).encode()
        for name, data in sorted(members.items()):
            yield f"{image.row.pair_id}.{name}", data


def _tars(written: WrittenShards) -> list[str]:
    return sorted(name for name, done in written.done.items() if done.images)
