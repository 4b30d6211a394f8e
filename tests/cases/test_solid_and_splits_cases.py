"""One-coloured and grey pictures through the whole job, and exports of split names that tools are particular about."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.dataset
import pytest
from case_inputs import generate
from datasets import load_dataset
from mutations import run_command
from PIL import Image

pytestmark = pytest.mark.slow

RUN = """
name: solid
content: {source: folder, path: w/hf/c}
style: {source: folder, path: w/hf/s}
pairing: {strategy: manifest, manifest: w/hf/m.csv}
method: {recipe: wavelet, size: 40, evaluations: 5}
output: {root: outputs, format: png, gallery: false, report: false}
"""

SPLITS = {"train": 3, "val": 3, "valid": 3, "dev": 3, "train_clean": 3, "test_set": 3, "test_a": 2}
"""Images by the split that `datasets` loads."""


@pytest.fixture(scope="module")
def place(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = generate(shared, "solid_and_splits.py", tmp_path_factory.mktemp("splits"))
    (folder / "run.yaml").write_text(RUN)
    done = subprocess.run(
        [Path(sys.executable).with_name("nst"), "run", "run.yaml"],
        cwd=folder, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def test_losses_are_numbers_and_a_picture_takes_its_style_s_colour(place: Path) -> None:
    columns = ["content_path", "style_path", "file_name", "status", "content_loss", "style_loss", "total_loss"]
    rows = pyarrow.dataset.dataset(place / "outputs/solid/results", format="parquet").to_table(columns).to_pylist()
    assert len(rows) == 20
    for row in rows:
        assert row["status"] == "success"
        assert np.isfinite([row["content_loss"], row["style_loss"], row["total_loss"]]).all(), row
        picture = np.asarray(Image.open(place / "outputs/solid" / row["file_name"]).convert("RGB"), float)
        if Path(row["style_path"]).parent.name == "blue" and Path(row["content_path"]).stem in (
            "black",
            "white",
            "red",
        ):
            red, green, blue = picture.mean(axis=(0, 1))
            assert blue > red + 30, row
            assert blue > green + 30, row


@pytest.mark.parametrize("to", ["imagefolder", "webdataset"])
def test_every_split_is_loaded_by_datasets(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: str
) -> None:
    monkeypatch.chdir(place)
    code, text = run_command(["export", "outputs/solid", "--to", to, "-o", str(tmp_path / "out")])
    assert code == 0, text
    assert "'Test Set' is test_set, 'test/a' is test_a, 'train-clean' is train_clean" in text
    loaded = load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert {name: len(part) for name, part in loaded.items()} == SPLITS
