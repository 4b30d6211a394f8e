"""The format webdataset: tar shards; per sample the image as it is, its columns as JSON, its class."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nst_core.export.formats import Advance, UsableImage, UsableImages, WrittenShards
from nst_core.export.imagefolder import split_names
from nst_core.export.rows import Selection
from nst_core.export.shards import SHARD_BYTES, SHARD_IMAGES, ExportShard, group_names, row_json, shards_of
from nst_core.export.target import ShardRecord, Target
from nst_core.sources.coco_entries import FaultGroup
from nst_core.storage.atomic import atomic_path, write_if_changed

CLASSES = "classes.json"
NO_CLASS = -1
"""The class of an image without a label, where others have one."""


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
        count = self._write_tar(path, images)
        return ShardRecord(digest, count, path.stat().st_size if count else 0, tuple(images.left_out))

    def finish(self, target: Target, written: WrittenShards) -> dict[str, ShardRecord]:
        data = json.dumps(list(self._classes), indent=1, ensure_ascii=False) + "\n"
        write_if_changed(target.root / CLASSES, data.encode())
        return {}

    def card(self, written: WrittenShards) -> tuple[dict[str, Any], list[str]]:
        names = split_names(self.groups.values())
        files = [{"split": name, "path": f"{group}-*.tar"} for group, name in names.items()]
        tars = sorted(name for name, done in written.done.items() if done.images)
        first = tars[0] if tars else "train-000000.tar"
        lines = [
            "import webdataset",
            "",
            f'dataset = webdataset.WebDataset("{first}", shardshuffle=False).decode("pil")',
        ]
        return {"configs": [{"config_name": "default", "data_files": files}]}, lines

    def _write_tar(self, path: Path, images: Iterator[UsableImage]) -> int:
        """Write a tar that depends on its samples alone: no times, no users. Nothing is written if there are none."""
        first = next(images, None)
        if first is None:
            return 0
        count = 0
        with (
            atomic_path(path) as temporary,
            temporary.open("wb") as stream,
            tarfile.open(fileobj=stream, mode="w|") as tar,
        ):
            for image in itertools.chain([first], images):
                for name, data in self._members(image):
                    member = tarfile.TarInfo(name)
                    member.size = len(data)
                    tar.addfile(member, io.BytesIO(data))
                count += 1
        return count

    def _members(self, image: UsableImage) -> Iterator[tuple[str, bytes]]:
        """Members are found by what follows the first dot, so the key must not have one: pair ids never do."""
        suffix = image.path.suffix.lower().removeprefix(".")
        members = {suffix: image.data, "json": row_json(image.row).encode()}
        if self._classes:
            label = image.row.label
            members["cls"] = str(NO_CLASS if label is None else self._classes[label]).encode()
        for name, data in sorted(members.items()):
            yield f"{image.row.pair_id}.{name}", data
