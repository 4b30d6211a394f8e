"""The file of style vectors: written, read back, refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from tiny_networks import adain_files, johnson_file

from nst_core.engine.transfer.files import load_network
from nst_core.engine.working_size import Fit
from nst_core.errors import UsageError
from nst_core.networks.style_vectors import StyleVectorTable, read_style_vectors, vector_length, write_style_vectors

STYLES = StyleVectorTable(
    ("ada/étude.jpg", "b.png"), ("Ada", None), ("12" * 32, "ab" * 32),
    np.array([[0.5, -1e-30, 3], [1, 2, np.float32(1) / 3]], np.float32), "AdaIN", "1;2",
    Fit(256, "longer", False, "lanczos"),
)  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_style_vectors(STYLES, tmp_path / "styles.parquet")
    return tmp_path / "styles.parquet"


def test_what_is_read_is_what_was_written(path: Path) -> None:
    found = read_style_vectors(path)
    assert np.array_equal(found.vectors, STYLES.vectors)
    assert found.vectors.dtype == np.float32
    assert {**vars(found), "vectors": 0} == {**vars(STYLES), "vectors": 0}


def test_any_reader_of_parquet_finds_lists_of_fixed_size(path: Path) -> None:
    table = pq.read_table(path)
    assert table.column_names == ["style_id", "artist", "style_sha256", "vector"]
    assert table.schema.field("vector").type == pa.list_(pa.float32(), 3)


def changed(path: Path, **columns: Any) -> None:
    table = pq.read_table(path)
    for name, column in columns.items():
        table = table.set_column(table.column_names.index(name), name, column)
    pq.write_table(table, path)


def test_what_is_no_such_file_is_a_sentence(path: Path, tmp_path: Path) -> None:
    whole = path.read_bytes()
    vectors = pq.read_table(path)["vector"]
    faults = {
        "empty": lambda: path.write_bytes(b""),
        "cut": lambda: path.write_bytes(whole[: len(whole) // 2]),
        "another table": lambda: pq.write_table(pa.table({"a": [1]}), path),
        "without a row": lambda: pq.write_table(pq.read_table(path).slice(0, 0), path),
        "not finite": lambda: changed(path, vector=pa.FixedSizeListArray.from_arrays([0.0] * 5 + [float("nan")], 3)),
        "a null": lambda: changed(path, vector=pa.array([None, [1.0, 2.0, 3.0]], vectors.type)),
        "lists of any length": lambda: changed(path, vector=vectors.cast(pa.list_(pa.float32()))),
        "numbers": lambda: changed(path, vector=pa.array([1.0, 2.0])),
        "a folder": lambda: (path.unlink(), path.mkdir()),
    }
    for name, make in faults.items():
        make()
        with pytest.raises(UsageError, match=r"styles\.parquet is no file of style vectors") as caught:
            read_style_vectors(path)
        assert "\n" not in str(caught.value), name
        if path.is_file():
            path.write_bytes(whole)
    with pytest.raises(UsageError, match="There is no file of style vectors"):
        read_style_vectors(tmp_path / "none.parquet")


def test_the_length_of_a_network_s_vectors(tmp_path: Path) -> None:
    assert vector_length(load_network(adain_files(tmp_path))) == 14
    assert vector_length(load_network([johnson_file(tmp_path)]), torch.device("cpu")) == 0
