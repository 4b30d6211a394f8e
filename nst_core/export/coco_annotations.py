"""A COCO annotation file, read once: its header, its images, and the annotations of each.

`instances_train2017.json` has 470 MB, and several gigabytes once its polygons are Python's lists. So the text is kept,
and of each annotation its place in the text.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from nst_core.errors import SourceError
from nst_core.export.rows import ExportRow
from nst_core.sources.licenses import license_id
from nst_core.storage.regular_files import read_regular

IMAGE_ID = "x_coco_image_id"
"""The column with an image's id from the source `coco`."""

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class AnnotatedImage:
    """An image of the annotation file; `entry`: its whole entry there."""

    id: int
    file_name: str
    width: int
    height: int
    entry: Mapping[str, Any]


class SourceAnnotations:
    """An annotation file in memory.

    Attributes:
        header: everything but images and annotations: info, licences, categories.
        sha256: of the file.
    """

    def __init__(self, path: Path) -> None:
        """Raises SourceError: the file cannot be read, is damaged, or is no annotation file that we can scale."""
        self.path = path
        try:
            data = read_regular(path)
            self.sha256 = hashlib.sha256(data).hexdigest()
            self._text = data.decode("utf-8-sig")
        except OSError as error:
            raise SourceError(f"The annotation file {path} cannot be read: {error.strerror}.") from error
        except UnicodeDecodeError as error:
            raise SourceError(f"The annotation file {path} is not in UTF-8: fetch it again.") from error
        del data
        self.header: dict[str, Any] = {}
        self._photographs: dict[int, AnnotatedImage] = {}
        self._places: dict[int, list[tuple[int, int]]] = {}
        try:
            self._read()
        except (ValueError, RecursionError) as error:
            raise SourceError(
                f"The annotation file {path} is damaged or not JSON ({error}): fetch it again."
            ) from error
        if not self._photographs:
            raise SourceError(f"{path} is no COCO annotation file: it lists no images.")
        self._ids = {p.file_name: p.id for p in self._photographs.values()}
        self._ids_of_names = _unambiguous(self._photographs.values())

    def photograph(self, row: ExportRow) -> AnnotatedImage | None:
        """The photograph that a row's image was made from: by the id from the source, else by its file name."""
        told = str(row.columns.get(IMAGE_ID) or "")
        if told.isdecimal():
            return self._photographs.get(int(told))
        parts = PurePosixPath(row.content_path or str(row.columns["content_id"])).parts
        paths = ("/".join(parts[start:]) for start in range(len(parts)))
        found = next((self._ids[path] for path in paths if path in self._ids), None)
        if found is None and parts:
            found = self._ids_of_names.get(parts[-1])
        return None if found is None else self._photographs[found]

    def annotations(self, photograph: AnnotatedImage) -> Iterator[dict[str, Any]]:
        """The annotations of a photograph, in the order of the file."""
        for start, end in self._places.get(photograph.id, ()):
            yield json.loads(self._text[start:end])

    def licenses(self) -> dict[str, str | None]:
        """The SPDX-like names of its licences by their numbers."""
        listed = self.header.get("licenses")
        entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
        return {str(e.get("id")): license_id(str(e.get("url", "")), str(e.get("name", ""))) for e in entries}

    def error(self, what: str) -> SourceError:
        """The error for an entry that breaks COCO's format."""
        return SourceError(f"The annotation file {self.path} is wrong: {what}.")

    def _read(self) -> None:
        for key, value, start, end in _entries(self._text):
            if key == "images":
                self._take_photograph(value)
            elif key == "annotations":
                self._take_annotation(value, start, end)
            else:
                self.header[key] = value

    def _take_photograph(self, entry: Any) -> None:
        try:
            name = entry["file_name"]
            found = AnnotatedImage(int(entry["id"]), str(name), int(entry["width"]), int(entry["height"]), entry)
        except (KeyError, TypeError, ValueError) as error:
            raise self.error(f"an image has no whole id, file_name, width and height: {str(entry)[:80]}") from error
        if found.width < 1 or found.height < 1:
            raise self.error(f"the image {found.id} is {found.width} × {found.height}")
        self._photographs[found.id] = found

    def _take_annotation(self, entry: Any, start: int, end: int) -> None:
        if not isinstance(entry, dict) or not isinstance(entry.get("image_id"), int):
            raise self.error(f"an annotation has no whole image_id: {str(entry)[:80]}")
        if "segments_info" in entry:
            raise SourceError(
                f"{self.path} holds panoptic segments, whose masks are image files: use instances_*.json."
            )
        self._places.setdefault(entry["image_id"], []).append((start, end))


def _unambiguous(photographs: Any) -> dict[str, int]:
    """Ids by names without folders, where only one photograph has the name."""
    found: dict[str, list[int]] = {}
    for photograph in photographs:
        found.setdefault(PurePosixPath(photograph.file_name).name, []).append(photograph.id)
    return {name: ids[0] for name, ids in found.items() if len(ids) == 1}


def _entries(text: str) -> Iterator[tuple[str, Any, int, int]]:
    """(key, value, start, end) of everything at the top; of the lists `images` and `annotations`, of each element."""
    position = _after(text, _skip(text, 0), "{")
    while text[position : position + 1] != "}":
        key, position = _DECODER.raw_decode(text, position)
        position = _after(text, _skip(text, position), ":")
        if key in ("images", "annotations"):
            position = _after(text, position, "[")
            while text[position : position + 1] != "]":
                value, end = _DECODER.raw_decode(text, position)
                yield key, value, position, end
                position = _next(text, end, "]")
            position += 1
        else:
            value, end = _DECODER.raw_decode(text, position)
            yield str(key), value, position, end
            position = end
        position = _next(text, position, "}")


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _after(text: str, position: int, character: str) -> int:
    """The position after `character`, which must stand at `position`, and the space behind it."""
    if text[position : position + 1] != character:
        raise json.JSONDecodeError(f"{character!r} expected", text, position)
    return _skip(text, position + 1)


def _next(text: str, position: int, end: str) -> int:
    """The position after the comma behind an element, or that of the `end` of the list."""
    position = _skip(text, position)
    return position if text[position : position + 1] == end else _after(text, position, ",")
