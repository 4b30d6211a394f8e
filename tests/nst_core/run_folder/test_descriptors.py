"""Descriptors in Parquet: read as they were written, by any reader; what is damaged counts as not there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from nst_core.run_folder.descriptors import (
    LENGTH,
    damaged_files,
    descriptor_files,
    read_descriptors,
    write_descriptors,
)


def vectors(*names: str, seed: int = 0) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    return {name: draw.normal(size=LENGTH).astype(np.float32) / LENGTH**0.5 for name in names}


def test_parts_add_up_and_hold_the_precision_of_half_floats(tmp_path: Path) -> None:
    first, second = vectors("a", "b"), vectors("c", seed=1)
    write_descriptors(tmp_path, "one", first)
    write_descriptors(tmp_path, "one", second)
    found = read_descriptors([tmp_path])
    assert set(found.places) == {"a", "b", "c"}
    for name, vector in (first | second).items():
        assert np.allclose(found.vectors[found.places[name]], vector, atol=1e-3)
    assert found.vectors.dtype == np.float32


def test_the_column_is_a_list_of_fixed_size_and_little_larger_than_half_floats(tmp_path: Path) -> None:
    path = write_descriptors(tmp_path, "one", vectors(*map(str, range(500))))
    table = pq.read_table(path)
    assert str(table.schema.field("descriptor").type) == f"fixed_size_list<element: float>[{LENGTH}]"
    assert path.stat().st_size < 500 * LENGTH * 2.3
    assert np.stack(table["descriptor"].to_pylist()).shape == (500, LENGTH)


def test_only_those_of_one_maker_are_compared(tmp_path: Path) -> None:
    write_descriptors(tmp_path / "a", "old", vectors("x", "y"))
    write_descriptors(tmp_path / "b", "new", vectors("x", "y", "z"))
    assert read_descriptors([tmp_path / "a", tmp_path / "b"]).described_by == "new"
    assert set(read_descriptors([tmp_path / "a", tmp_path / "b"], "old").places) == {"x", "y"}


@pytest.mark.parametrize("damage", [b"", b"PAR1 not", None])
def test_a_damaged_part_counts_as_not_there(tmp_path: Path, damage: bytes | None) -> None:
    write_descriptors(tmp_path, "one", vectors("a"))
    path = write_descriptors(tmp_path, "one", vectors("b"))
    whole = path.read_bytes()
    path.write_bytes(whole[:60] + bytes([whole[60] ^ 255]) + whole[61:] if damage is None else damage)
    assert set(read_descriptors([tmp_path]).places) == {"a"}
    assert damaged_files(descriptor_files(tmp_path)) == [path]


def test_a_run_without_descriptors_has_none(tmp_path: Path) -> None:
    assert not read_descriptors([tmp_path])
    assert read_descriptors([tmp_path], "any").vectors.shape == (0, LENGTH)
