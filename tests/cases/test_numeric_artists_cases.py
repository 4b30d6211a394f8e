"""Artists called 001, 002, 0010: whoever reads the results gets their names as text."""

from __future__ import annotations

import datetime
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow.dataset as ds
import pytest
from case_inputs import generate
from planned import pair, plan, success

from nst_core.config.run_config import parse_config
from nst_core.plan.wanted import wanted_pairs
from nst_core.run_folder.results import chunk_file, write_results

pytestmark = pytest.mark.slow

HARD = ["7", "1e5", "0x10", "2020-01-01", "null", "NaN", "true", "inf", "None", "3.5", "10f"]


def written_results(folder: Path, artists: list[str]) -> list[str]:
    rows = plan([pair(f"{name}.jpg", artist=name) for name in artists])
    for row in rows:
        write_results([success(row)], chunk_file(folder, row.artist_slug, row.chunk_id))
    return sorted(row.artist_slug for row in rows)


def check_all_readers(results: Path, slugs: list[str]) -> None:
    frame = pd.read_parquet(results)
    assert sorted(frame["artist_slug"]) == slugs
    assert all(isinstance(value, str) for value in frame["artist_slug"])
    table = ds.dataset(results, partitioning="hive").to_table(["artist_slug"])
    assert sorted(table["artist_slug"].to_pylist()) == slugs
    query = f"select artist_slug from read_parquet('{results}/*/*.parquet', hive_partitioning=true)"
    found = [value for (value,) in duckdb.sql(query).fetchall()]
    assert not any(isinstance(value, (int, float, datetime.date)) for value in found)
    assert sorted(found) == slugs


def test_artists_with_numbers_for_names_stay_text(shared: Path, tmp_path: Path) -> None:
    root = generate(shared, "numeric_artists.py", tmp_path / "in") / "w/num"
    sections = {"content": str(root / "content"), "style": str(root / "style"), "pairing": "artist"}
    pairs = wanted_pairs(parse_config(sections), "0" * 64).pairs
    artists = sorted({str(combination.artist) for combination in pairs.combinations})
    assert artists == ["001", "0010", "002"]
    slugs = written_results(tmp_path / "run", artists)
    assert slugs == ["name-001", "name-0010", "name-002"]
    check_all_readers(tmp_path / "run" / "results", slugs)


@pytest.mark.parametrize("artist", HARD)
def test_an_artist_that_looks_like_a_value_alone_in_a_run_stays_text(artist: str, tmp_path: Path) -> None:
    check_all_readers(tmp_path / "results", written_results(tmp_path, [artist]))
