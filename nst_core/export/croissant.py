"""The description of an export in the format Croissant 1.0 (croissant.json): files, record sets, splits, licences.

Source: MLCommons, *Croissant Format Specification 1.0* (https://docs.mlcommons.org/croissant/docs/croissant-spec-1.0.html).
Contents of files are described by what a reader does with them: file sets by glob patterns relative to the file, and
record sets whose fields say from which column, JSON path or file name they are read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from nst_core.sources.licenses import license_url
from nst_core.storage.atomic import write_if_changed

CROISSANT = "croissant.json"
JSON_TYPE, PARQUET_TYPE, TAR_TYPE = "application/json", "application/x-parquet", "application/x-tar"
IMAGE_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png"}
TEXT, INTEGER, IMAGE = "sc:Text", "sc:Integer", "sc:ImageObject"

_VOCABULARY: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{
        name: f"cr:{name}"
        for name in (
            "citeAs", "column", "equivalentProperty", "extract", "field", "fileProperty", "fileObject", "fileSet",
            "format", "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet",
            "references", "regex", "repeated", "replace", "samplingRate", "separator", "source", "subField",
            "transform",
        )
    },
}  # fmt: skip


@dataclass(frozen=True)
class Distribution:
    """The files of an export and the records in them, as JSON-LD."""

    files: Sequence[Mapping[str, Any]] = ()
    record_sets: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Provenance:
    """What an export is, and what it was made from.

    Attributes:
        licenses: of contents and styles, by SPDX's names where known.
        sources: name and address (or None) of the datasets and the network that it was made from.
        created: when the last of its images was made, ISO 8601.
    """

    name: str
    description: str
    licenses: Sequence[str]
    sources: Sequence[tuple[str, str | None]]
    method: str
    created: str | None = None
    url: str | None = None


def write_croissant(folder: Path, provenance: Provenance, distribution: Distribution) -> None:
    """Write croissant.json, unless it says the same already."""
    document = {
        "@context": _VOCABULARY,
        "@type": "sc:Dataset",
        "name": provenance.name,
        "description": provenance.description,
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "version": "1.0.0",
        "isLiveDataset": False,
        "keywords": ["neural style transfer", "stylized images"],
        "license": [license_url(name) or name for name in provenance.licenses] or ["unknown"],
        "isBasedOn": [
            {"@type": "sc:CreativeWork", "name": name} | ({"url": url} if url else {})
            for name, url in provenance.sources
        ],
        "rai:dataCollection": "Images made by a program (neural style transfer) from photographs and paintings.",
        "rai:dataManipulationProtocol": provenance.method,
        "distribution": distribution.files,
        "recordSet": distribution.record_sets,
    }
    document |= {"dateCreated": provenance.created} if provenance.created else {}
    document |= {"url": provenance.url} if provenance.url else {}
    data = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    write_if_changed(folder / CROISSANT, data.encode())


def file_set(
    name: str, patterns: Iterable[str], types: Iterable[str], inside: Iterable[str] = (), description: str = ""
) -> dict[str, Any]:
    """Files whose paths match patterns, below croissant.json, or inside of archives (their ids)."""
    archives = [{"@id": archive} for archive in inside]
    return (
        {"@type": "cr:FileSet", "@id": name, "name": name}
        | ({"description": description} if description else {})
        | ({"containedIn": archives} if archives else {})
        | {"encodingFormat": sorted(set(types)), "includes": list(patterns)}
    )


def file_object(name: str, path: str, kind: str, sha256: str, size: int) -> dict[str, Any]:
    """A single file at a path relative to croissant.json."""
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": path,
        "contentSize": f"{size} B",
        "encodingFormat": kind,
        "sha256": sha256,
    }


def record_set(name: str, description: str, fields: Sequence[Mapping[str, Any]], key: str = "") -> dict[str, Any]:
    """Records with these fields; `key`: the field that tells them apart."""
    return (
        {"@type": "cr:RecordSet", "@id": name, "name": name, "description": description}
        | ({"key": {"@id": f"{name}/{key}"}} if key else {})
        | {"field": list(fields)}
    )


def record_field(
    records: str,
    name: str,
    kind: str,
    source: Mapping[str, Any],
    *,
    repeated: bool = False,
    references: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A field of a record set; `source` and `references` come from `column`, `file_property` and `json_path`."""
    return (
        {"@type": "cr:Field", "@id": f"{records}/{quote(name)}", "name": name, "dataType": kind, "source": source}
        | ({"repeated": True} if repeated else {})
        | ({"references": references} if references else {})
    )


def column(files: str, name: str) -> dict[str, Any]:
    """The column of a table."""
    return {"fileSet": {"@id": files}, "extract": {"column": name}}


def file_property(files: str, name: str, regex: str | None = None) -> dict[str, Any]:
    """The `content`, `filename` or `fullpath` of a file; of a text, the first group of a regular expression."""
    source: dict[str, Any] = {"fileSet": {"@id": files}, "extract": {"fileProperty": name}}
    return source | ({"transform": {"regex": regex}} if regex else {})


def json_path(file: str, path: str, regex: str | None = None) -> dict[str, Any]:
    """What a JSON path finds in a file."""
    source: dict[str, Any] = {"fileObject": {"@id": file}, "extract": {"jsonPath": path}}
    return source | ({"transform": {"regex": regex}} if regex else {})


def split_records(groups: Iterable[str]) -> dict[str, Any]:
    """The record set of the splits, by their names."""
    name = {"@type": "cr:Field", "@id": "splits/name", "name": "name", "dataType": "sc:Text"}
    return {
        "@type": "cr:RecordSet",
        "@id": "splits",
        "name": "splits",
        "description": "The splits: each is a folder, or the start of a tar's name.",
        "dataType": "cr:Split",
        "key": {"@id": "splits/name"},
        "field": [name],
        "data": [{"splits/name": group} for group in sorted(set(groups))],
    }


def column_fields(records: str, files: str, schema: pa.Schema) -> list[dict[str, Any]]:
    """A field for every column of a table."""
    return [
        record_field(
            records,
            entry.name,
            _data_type(entry.type.value_type if pa.types.is_list(entry.type) else entry.type),
            column(files, entry.name),
            repeated=pa.types.is_list(entry.type),
        )
        for entry in schema
    ]


def _data_type(kind: pa.DataType) -> str:
    if pa.types.is_integer(kind):
        return INTEGER
    if pa.types.is_floating(kind):
        return "sc:Float"
    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    return "sc:DateTime" if pa.types.is_timestamp(kind) else TEXT
