"""ArtFID of a small run, with networks of random weights in the real ones' places."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from art_fid_run import run_of_copies, stand_in_networks

from nst_core.errors import UsageError, WeightsError
from nst_core.judging.run_judging import judge_run
from nst_core.run_folder.art_fid import SCHEMA, art_fid_file


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return run_of_copies(tmp_path)


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return stand_in_networks(tmp_path, monkeypatch)


def test_a_copy_of_the_content_scores_as_the_content_and_the_style_beside_it(run: Path, network: Path) -> None:
    rows = judge_run(run, "wavelet", "cpu", art_network=network).art_fid
    assert [(row.artist, row.subject) for row in rows] == [
        (artist, subject) for artist in (None, "Ada") for subject in ("result", "content", "style")
    ]
    result, content, style = rows[:3]
    assert (result.lpips, content.lpips) == (pytest.approx(0, abs=1e-6), 0)
    assert result.fid == pytest.approx(content.fid, rel=1e-4)
    assert content.fid > 10 * max(style.fid, 1e-6)  # the paintings have the photographs' shape: no cropping in between
    assert style.fid == pytest.approx(0, abs=1e-4 * content.fid)
    assert style.lpips > 0.01
    for row in rows:
        assert row.artfid == pytest.approx((1 + row.lpips) * (1 + row.fid))
        assert (row.pictures, row.paintings) == (2, 2)
    table = pq.read_table(art_fid_file(run))
    assert table.schema == SCHEMA
    assert table["artfid"].to_pylist() == [row.artfid for row in rows]


def test_one_picture_is_too_few(run: Path, network: Path) -> None:
    (run / "images" / "a--ada.png").unlink()
    with pytest.raises(UsageError, match="needs 2 finished pictures"):
        judge_run(run, "wavelet", "cpu", art_network=network)
    assert not art_fid_file(run).exists()


def test_another_file_is_refused_before_anything_is_judged(run: Path, tmp_path: Path) -> None:
    file = tmp_path / "photo.pth"
    file.write_bytes(b"no network")
    with pytest.raises(WeightsError, match="not a PyTorch state dict"):
        judge_run(run, "wavelet", "cpu", art_network=file)
    assert not (run / "quality").exists()
