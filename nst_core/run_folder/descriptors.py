"""Descriptors of a run's pictures and paintings: numbers by which they are compared for their look, in Parquet.

A row belongs to the bytes of a file (`output_sha256`, `style_sha256` of the results), wherever that lies: what was
described once needs not be described again. Parts are added and never changed.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from nst_core.storage.atomic import atomic_path
from nst_core.storage.paths import parquet_sources

FOLDER = "descriptors"

LENGTH = 128
"""Numbers in a descriptor."""

SCHEMA = pa.schema(
    [
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("descriptor", pa.list_(pa.float32(), LENGTH), nullable=False),
        pa.field("described_by", pa.string(), nullable=False),
    ]
)
"""Columns of a part: whose descriptor it is, of length 1, and what made it: only those of one maker can be compared.

The numbers have the precision of half floats, in a type that every reader of Parquet knows; the file is as small.
"""


@dataclass(frozen=True)
class Descriptors:
    """Descriptors of one maker.

    Attributes:
        places: by sha256 of a file, its row.
        vectors: (N, `LENGTH`) float32.
    """

    described_by: str
    places: Mapping[str, int]
    vectors: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.places)


NO_DESCRIPTORS = Descriptors("", {}, np.zeros((0, LENGTH), np.float32))


def descriptor_files(run_folder: Path) -> list[Path]:
    """The parts that are there, by name."""
    return sorted((run_folder / FOLDER).glob("part-*.parquet"))


def write_descriptors(run_folder: Path, described_by: str, vectors: Mapping[str, NDArray[np.float32]]) -> Path:
    """Add a part with these descriptors, by sha256 of the files; its name follows from what is in it."""
    names = sorted(vectors)
    values = np.stack([vectors[name] for name in names]).astype(np.float16).astype(np.float32)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), LENGTH)
    table = pa.table([pa.array(names), lists, pa.array([described_by] * len(names))], schema=SCHEMA)
    digest = hashlib.sha256("\n".join([described_by, *names]).encode()).hexdigest()[:16]
    path = run_folder / FOLDER / f"part-{digest}.parquet"
    with atomic_path(path) as temporary:
        pq.write_table(
            table,
            temporary,
            compression="zstd",
            write_page_checksum=True,
            use_dictionary=["described_by"],
            use_byte_stream_split=["descriptor.list.element"],
        )
    return path


def read_descriptors(run_folders: Sequence[Path], described_by: str | None = None) -> Descriptors:
    """The descriptors of some runs; a damaged part counts as not there: its pictures will be described again.

    Args:
        described_by: the maker; else the one that made most of them.
    """
    tables = [table for folder in run_folders for table in _tables(descriptor_files(folder))]
    if described_by is None:
        counts = Counter[str]()
        for table in tables:
            for entry in table["described_by"].value_counts().to_pylist():
                counts[entry["values"]] += entry["counts"]
        if not counts:
            return NO_DESCRIPTORS
        described_by = min(counts, key=lambda maker: (-counts[maker], maker))
    own = [table.filter(pc.equal(table["described_by"], described_by)) for table in tables]
    whole = pa.concat_tables([SCHEMA.empty_table(), *own]).combine_chunks()
    vectors = whole["descriptor"].combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(-1, LENGTH)
    places: dict[str, int] = {}
    for place, name in enumerate(whole["sha256"].to_pylist()):
        places.setdefault(name, place)
    return Descriptors(described_by, places, vectors)


def damaged_files(files: Iterable[Path]) -> list[Path]:
    """Those of the parts that cannot be read."""
    return [file for file in files if not list(_tables([file]))]


def _tables(files: Iterable[Path]) -> Iterator[pa.Table]:
    for _, source in parquet_sources(files):
        try:
            yield pq.ParquetFile(source, page_checksum_verification=True).read(SCHEMA.names).cast(SCHEMA)
        except (pa.ArrowException, OSError, KeyError):
            continue
