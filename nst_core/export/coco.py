"""The format coco: stylized photographs with the annotations of their photographs, scaled to each image's size."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, TextIO

from pydantic import ValidationError

from nst_core.config.sources import CocoSource
from nst_core.errors import InputError, SourceError, TransientError
from nst_core.export.coco_annotations import AnnotatedImage, SourceAnnotations
from nst_core.export.coco_croissant import coco_distribution
from nst_core.export.coco_scaling import scaled_annotation
from nst_core.export.croissant import Distribution
from nst_core.export.formats import Advance, UsableImages, WrittenShards, write_folder
from nst_core.export.imagefolder import folder_name
from nst_core.export.images import export_names
from nst_core.export.rows import ExportRow, Selection
from nst_core.export.shards import SHARD_IMAGES, ExportShard, group_names, json_value, shards_of, splits_by_group
from nst_core.export.target import ExportTarget, ShardRecord
from nst_core.sources.coco import annotation_file
from nst_core.sources.coco_entries import FaultGroup
from nst_core.sources.walk import leads_outside
from nst_core.sources.wording import short_list
from nst_core.storage.atomic import atomic_path
from nst_core.storage.secrets import redact_urls

_STEM = re.compile(r"(?P<kind>.+)_(?P<split>[a-z]+)(?P<year>\d{4})")
_YEARLESS = re.compile(r"[a-z]+")
_TOLD = ("pair_id", "content_id", "style_ids", "style_shares", "label", "split", "artist", "genre", "method", "seed",
         "content_license", "content_source_url", "style_license", "fingerprint")  # fmt: skip


class Coco:
    """`<split>2017/<number>/` with images, and `annotations/<kind>_<split>2017.json`."""

    name = "coco"
    passes = 3

    def __init__(self, selection: Selection, source: SourceAnnotations, link: bool, info: Mapping[str, Any]) -> None:
        """`info` is added to the annotation file's own."""
        self.kind, groups = _names(source.path.stem, selection)
        self.groups: Mapping[str | None, str] = groups
        self.salt = self.name + source.sha256
        self._selection = selection
        self._source = source
        self._link = link
        self._info = info

    def prepare(self, advance: Advance) -> tuple[FaultGroup, ...]:
        """Find photographs that have annotations, and annotations that cannot be scaled, before anything is written.

        Raises:
            SourceError: none of the images has a photograph in the annotation files, in its shape.
        """
        usable, reasons = False, Counter[str]()
        for splits in splits_by_group(self.groups).values():
            for row in self._selection.rows(splits):
                try:
                    self._source.check(self._check(row))
                    usable = True
                except InputError as error:
                    reasons[error.reason] += not usable
                advance(1)
        if not usable:
            told = "; ".join(f"{reason} ({count})" for reason, count in reasons.most_common(3))
            names = short_list(self._source.file_names(), 3)
            raise SourceError(
                f"No image of {self._selection.run} can get annotations: {told}. {self._source.name} has {names}: say "
                "with --annotations which file annotates the photographs."
            )
        return self._source.faults()

    def shards(self, group: str, splits: list[str | None]) -> Iterator[tuple[str, ExportShard]]:
        for shard in shards_of(self._selection, group, splits, SHARD_IMAGES):
            rows = tuple(self._with_license(row) for row in shard.rows)
            yield folder_name(shard), ExportShard(group, shard.number, rows)

    def write(self, shard: ExportShard, path: Path, digest: str, advance: Advance) -> ShardRecord:
        images = UsableImages(self._selection.run, shard, advance, self._check)
        return write_folder(path, digest, images, self._link)

    def finish(self, target: ExportTarget, written: WrittenShards) -> dict[str, ShardRecord]:
        described = {}
        for group, splits in splits_by_group(self.groups).items():
            name = f"annotations/{self.kind}_{group}.json"
            digest = hashlib.sha256((self.salt + json.dumps(self._info, sort_keys=True)).encode())
            for shard, done in sorted(written.done.items()):
                digest.update(f"{shard} {done}\n".encode() if shard.startswith(f"{group}/") else b"")
            there = target.holds(name, digest.hexdigest())
            if there is None:
                self._write_json(target.root / name, group, splits, written)
                there = ShardRecord(digest.hexdigest(), 0, (target.root / name).stat().st_size)
                target.note(name, there)
            described[name] = there
        return described

    def card(self, written: WrittenShards, repository: str | None) -> tuple[dict[str, Any], list[str]]:
        group = min(self.groups.values(), default="val2017")
        lines = ["from pycocotools.coco import COCO", "", f'coco = COCO("annotations/{self.kind}_{group}.json")',
                 f'# images lie in "{group}/" under their file_name']  # fmt: skip
        return {"task_categories": ["object-detection"] if self.kind == "instances" else []}, lines

    def describe(self, target: ExportTarget, written: WrittenShards) -> Distribution:
        groups = sorted(set(self.groups.values()))
        return coco_distribution(target.root, self.kind, groups, sorted(written.suffixes), _TOLD)

    def _with_license(self, row: ExportRow) -> ExportRow:
        """The row with its photograph's licence and origin from the annotation file, where it has none."""
        try:
            photograph = self._source.photograph(row)
        except InputError:
            return row
        url = photograph.source_url
        told = {"content_license": photograph.license, "content_source_url": url and redact_urls(url)}
        missing = {name: value for name, value in told.items() if value and not row.columns[name]}
        return replace(row, columns={**row.columns, **missing}) if missing else row

    def _check(self, row: ExportRow) -> AnnotatedImage:
        """The photograph of a row. Raises InputError: there is none, or it has another shape."""
        photograph = self._source.photograph(row)
        if not _same_shape(photograph, row.size):
            width, height = row.size
            raise InputError(
                row.file_name,
                f"is {width} × {height}, which is not the shape of the annotated photograph "
                f"({photograph.width} × {photograph.height})",
            )
        return photograph

    def _write_json(self, path: Path, group: str, splits: list[str | None], written: WrittenShards) -> None:
        """Write entry by entry: all the copies of all annotations would fill the memory."""
        header = {**self._source.header, "info": {**self._source.header["info"], **self._info}}
        with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
            stream.write("{\n")
            for key, value in header.items():
                stream.write(f"{_json(key)}: {_json(value)},\n")
            _write_list(stream, "images", self._images(group, splits, written))
            stream.write(",\n")
            _write_list(stream, "annotations", self._annotations(group, splits, written))
            stream.write("\n}\n")

    def _images(self, group: str, splits: list[str | None], written: WrittenShards) -> Iterator[dict[str, Any]]:
        for number, file_name, row, photograph in self._numbered(group, splits, written):
            yield {
                **_without_secrets(self._source.entry(photograph)),
                "id": number,
                "file_name": file_name,
                "width": row.size[0],
                "height": row.size[1],
                "source_image_id": photograph.id,
                "source_file_name": _published(photograph.file_name),
                **{name: json_value(row.columns[name]) for name in _TOLD},
            }
            written.advance(1)

    def _annotations(self, group: str, splits: list[str | None], written: WrittenShards) -> Iterator[dict[str, Any]]:
        ids = itertools.count(1)
        for number, _, row, photograph in self._numbered(group, splits, written):
            for annotation in self._source.annotations(photograph):
                yield {
                    **scaled_annotation(annotation, (photograph.width, photograph.height), row.size),
                    "id": next(ids),
                    "image_id": number,
                    "source_annotation_id": annotation.get("id"),
                    "source_image_id": photograph.id,
                }

    def _numbered(
        self, group: str, splits: list[str | None], written: WrittenShards
    ) -> Iterator[tuple[int, str, ExportRow, AnnotatedImage]]:
        """New id, file name within the group's folder, row and photograph of each image that is there."""
        numbers = itertools.count(1)
        for name, shard in self.shards(group, splits):
            done = written.done.get(name)
            if done is None or done.digest != shard.digest(self.salt):
                raise TransientError("The run went on while it was exported: give the command again.")
            left_out = {one.pair_id for one in done.left_out}
            names = export_names(shard.rows)
            for row in shard.rows:
                if row.pair_id not in left_out:
                    yield (
                        next(numbers),
                        f"{shard.number:04d}/{names[row.pair_id]}",
                        row,
                        self._source.photograph(row),
                    )


def annotations_of(run_yaml: Mapping[str, Any], run: Path) -> list[Path]:
    """The annotation files of a run whose contents are COCO's. Raises SourceError: they are not, or one is gone."""
    config = run_yaml.get("config")
    content = config.get("content") if isinstance(config, Mapping) else None
    if not isinstance(content, Mapping) or content.get("source") != "coco":
        raise SourceError(
            f"The contents of {run} are no COCO source: say with --annotations which file annotates the photographs."
        )
    try:
        source = CocoSource.model_validate(
            {key: content[key] for key in ("path", "split", "annotations") if content.get(key) is not None}
        )
    except ValidationError as error:
        raise SourceError(f"{run}/run.yaml names no annotation file: say with --annotations where it is.") from error
    paths = [annotation_file(part) for part in source.parts()]
    for path in paths:
        if not path.is_file():
            raise SourceError(f"The run's annotation file {path} is not there: say with --annotations where it is.")
    return paths


def _names(stem: str, selection: Selection) -> tuple[str, dict[str | None, str]]:
    """The kind of annotations (`instances`, `captions`), and COCO's name of each split: `val` is `val2017`."""
    match = _STEM.fullmatch(stem)
    if match is None:
        return "instances", group_names(selection.ids)
    named = {split: split or match["split"] for split in selection.ids}
    with_year = {
        split: f"{name}{match['year']}" if _YEARLESS.fullmatch(name) else name for split, name in named.items()
    }
    groups = group_names(with_year.values())
    return match["kind"], {split: groups[name] for split, name in with_year.items()}


def _same_shape(photograph: AnnotatedImage, size: tuple[int, int]) -> bool:
    """Whether a picture is the whole photograph in another size, whose sides were rounded to pixels."""
    width, height = size
    x, y = width / photograph.width, height / photograph.height
    return abs(x - y) * min(photograph.width, photograph.height) <= 1 + 1e-6


def _write_list(stream: TextIO, key: str, entries: Iterable[Mapping[str, Any]]) -> None:
    stream.write(f"{_json(key)}: [")
    for number, entry in enumerate(entries):
        stream.write(f"{',' if number else ''}\n{_json(entry)}")
    stream.write("\n]")


def _without_secrets(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry of the annotation file whose addresses may be signed: the signatures are masked."""
    return {key: redact_urls(value) if isinstance(value, str) else value for key, value in entry.items()}


def _published(name: str) -> str:
    """A source's file name; of one that leads somewhere on a machine, only the name itself."""
    return PurePosixPath(name).name if leads_outside(name) else name


def _json(value: Any) -> str:
    """JSON in ASCII: pycocotools opens files in whatever encoding the system has; NaN and infinity are null."""
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), separators=(",", ":"), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(element) for key, element in value.items()}
    return [_finite(element) for element in value] if isinstance(value, list) else json_value(value)
