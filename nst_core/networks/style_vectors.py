"""The style vectors of a collection of paintings, as one Parquet file: what `nst styles` writes and Stylize reads.

A row per painting; the vector is a list of fixed size. What made them stands in the schema's metadata under `nst`, as
JSON. Nothing in such a file is run.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nst_core.engine.transfer.network import TransferNetwork
from nst_core.engine.working_size import Fit
from nst_core.errors import UsageError
from nst_core.storage.atomic import atomic_path
from nst_core.storage.paths import parquet_source

SUFFIX = ".parquet"
_KIND = "style vectors"


@dataclass(frozen=True)
class StyleVectorTable:
    """Vectors of one network; rows in the order of their ids.

    Attributes:
        style_ids: of the paintings, in their source.
        artists: of each, where one is known.
        style_sha256: of the bytes of each file.
        vectors: (N, V) float32.
        network: its kind, for people; `weights_sha256`: of its files, sorted, with `;` between them.
        fit: how paintings were brought to the size at which the network saw them.
    """

    style_ids: tuple[str, ...]
    artists: tuple[str | None, ...]
    style_sha256: tuple[str, ...]
    vectors: NDArray[np.float32]
    network: str
    weights_sha256: str
    fit: Fit


def vector_length(network: TransferNetwork, device: torch.device | None = None) -> int:
    """Numbers in a style vector of a network; 0 where it learned its one style."""
    side = network.min_style_side
    with torch.no_grad():
        return network.style_vectors(torch.zeros(1, 3, side, side, device=device)).shape[1]


def write_style_vectors(styles: StyleVectorTable, path: Path) -> None:
    """Write the file, atomically. Raises DiskFull, StorageRefused, StorageUnreachable."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows, length = styles.vectors.shape
    flat = pa.array(np.ascontiguousarray(styles.vectors, np.float32).reshape(rows * length))
    facts = {
        "kind": _KIND, "version": 1, "network": styles.network, "weights_sha256": styles.weights_sha256,
        "fit": asdict(styles.fit),
    }  # fmt: skip
    table = pa.table(
        {
            "style_id": pa.array(styles.style_ids, pa.string()),
            "artist": pa.array(styles.artists, pa.string()),
            "style_sha256": pa.array(styles.style_sha256, pa.string()),
            "vector": pa.FixedSizeListArray.from_arrays(flat, length),
        },
        metadata={"nst": json.dumps(facts)},
    )
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)


def read_style_vectors(path: Path) -> StyleVectorTable:
    """Read the file. Raises UsageError where it is not there, damaged, or something else."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(parquet_source(path), page_checksum_verification=True).read()
        return _parsed(table)
    except FileNotFoundError as error:
        raise UsageError(f"There is no file of style vectors {path}: make it by nst styles FILE -o {path}.") from error
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f"{path} is no file of style vectors, or is damaged ({_first_line(error)}): make it again by nst styles."
        ) from error


def _parsed(table: Any) -> StyleVectorTable:
    """The vectors of a table. Raises KeyError, TypeError, ValueError."""
    facts = json.loads((table.schema.metadata or {})[b"nst"])
    if facts["kind"] != _KIND or facts["version"] != 1:
        raise ValueError(f"{facts['kind']}, version {facts['version']}")
    ids, artists, hashes = (tuple(table[name].to_pylist()) for name in ("style_id", "artist", "style_sha256"))
    lists = table["vector"].combine_chunks()
    if not str(lists.type).startswith("fixed_size_list<") or not table.num_rows or lists.null_count:
        raise ValueError("it has no rows, or rows without a vector")
    vectors = lists.flatten().to_numpy(zero_copy_only=False).astype(np.float32).reshape(table.num_rows, -1)
    if not np.isfinite(vectors).all():
        raise ValueError("its vectors hold values that are not finite")
    network, weights_sha256, fit = str(facts["network"]), str(facts["weights_sha256"]), Fit(**facts["fit"])
    return StyleVectorTable(ids, artists, hashes, vectors, network, weights_sha256, fit)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
