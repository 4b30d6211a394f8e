"""The file format of the index cache: image metadata as Parquet columns."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import PIL
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import features

from nst_core.sources.index.image_metadata import FILE_ERRORS, CheckDepth, ImageMetadata
from nst_core.storage.atomic import atomic_path
from nst_core.storage.regular_files import check_regular

_VERSION = 3
"""To be increased whenever other metadata would be found in the same bytes."""


def _producer() -> str:
    """The software that the metadata depends on besides the bytes: a Pillow with more codecs reads more files."""
    codecs = [name for name in ("jpg", "jpg_2000", "libtiff", "webp", "avif", "zlib") if features.check(name)]
    return f"{_VERSION}; Pillow {PIL.__version__} {' '.join(codecs)}; ImageHash {version('ImageHash')}"


SCHEMA = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),
        pa.field("size_bytes", pa.int64(), nullable=False),
        pa.field("mtime_ns", pa.int64(), nullable=False),
        pa.field("sha256", pa.binary(32), nullable=False),
        pa.field("width", pa.int64(), nullable=False),
        pa.field("height", pa.int64(), nullable=False),
        pa.field("mode", pa.string(), nullable=False),
        pa.field("format", pa.string(), nullable=False),
        pa.field("orientation", pa.int8(), nullable=False),
        pa.field("verified", pa.int8(), nullable=False),
        pa.field("hashed", pa.bool_(), nullable=False),
        pa.field("phash", pa.uint64()),
        pa.field("fault", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("palette", pa.binary()),
    ],
    metadata={"nst_index": _producer()},
)
_REPEATED = ("mode", "format", "fault", "reason")  # few distinct texts: each is kept once
_FIELDS = SCHEMA.names[1:]


class IndexRows:
    """A table of image metadata by path; rows are made into objects only when they are read."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table
        self.keys: list[str] = table["path"].to_pylist()
        self._index = dict(zip(self.keys, range(len(self.keys)), strict=True))
        self._columns = [_values(table[name], name) for name in _FIELDS]
        self._used = bytearray(len(self.keys))

    def get(self, key: str, size_bytes: int, mtime_ns: int) -> ImageMetadata | None:
        """The metadata of a file of this size and mtime, if known."""
        row = self._index.get(key)
        if row is None or (self._columns[0][row], self._columns[1][row]) != (size_bytes, mtime_ns):
            return None
        self._used[row] = 1
        sha256, width, height, mode, format, orientation, verified, hashed, phash, fault, reason, palette = (
            column[row] for column in self._columns[2:]
        )
        found = (width, height, mode, format, orientation, CheckDepth(verified), hashed, phash, fault, reason, palette)
        return ImageMetadata(size_bytes, mtime_ns, sha256.hex(), *found)

    def unused_keys(self) -> set[str]:
        """The paths whose rows were not read."""
        return {key for key, used in zip(self.keys, self._used, strict=True) if not used}

    def are_sound(self) -> bool:
        """Whether all codes are known."""
        verified, fault = (self._columns[_FIELDS.index(name)] for name in ("verified", "fault"))
        return {*verified} <= {*CheckDepth} and {*fault} <= {None, *FILE_ERRORS}


def read_rows(file: Path) -> IndexRows:
    """The rows of a cache file; none if it does not exist, is damaged, or was written by other versions."""
    try:
        check_regular(file)
        with pq.ParquetFile(file, page_checksum_verification=True) as source:
            rows = IndexRows(source.read()) if source.schema_arrow.equals(SCHEMA, check_metadata=True) else None
    except (OSError, pa.ArrowException, ValueError):
        rows = None
    return rows if rows and rows.are_sound() else IndexRows(SCHEMA.empty_table())


def write_rows(file: Path, rows: IndexRows, fresh: Mapping[str, ImageMetadata], gone: set[str]) -> None:
    """Write atomically `rows` without those that are `gone` or in `fresh`, then `fresh`. Raises OSError."""
    keep = pa.array([key not in fresh and key not in gone for key in rows.keys], pa.bool_())
    table = pa.concat_tables([rows.table.filter(keep), _table(fresh)])
    with atomic_path(file) as temporary:
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)


def _table(metadata: Mapping[str, ImageMetadata]) -> pa.Table:
    columns: dict[str, list[Any]] = {name: [getattr(one, name) for one in metadata.values()] for name in _FIELDS}
    columns["path"] = list(metadata)
    columns["sha256"] = [bytes.fromhex(sha256) for sha256 in columns["sha256"]]
    return pa.table([pa.array(columns[field.name], field.type) for field in SCHEMA], schema=SCHEMA)


def _values(column: pa.ChunkedArray, name: str) -> list[Any]:
    if name not in _REPEATED:
        return list(column.to_pylist())
    encoded = column.combine_chunks().dictionary_encode()
    texts = encoded.dictionary.to_pylist()
    return [None if code is None else texts[code] for code in encoded.indices.to_pylist()]
