"""The folders that Hugging Face's `datasets` loads as imagefolder say the same here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from nst_core.sources.folder import folder_catalogue

ROWS = {
    "a.png": {"label": "cat", "artist": "Ann", "license": "CC-BY-4.0", "caption": "one, two"},
    "sub/b.png": {"label": "dog", "artist": None, "license": "CC0-1.0", "caption": 'say "hi"'},
    "sub/deep/c.png": {"label": "nan", "artist": "Bo", "license": None, "caption": "ü"},
}
SPLITS = ["", "train/", "test/"]


def write_table(folder: Path, suffix: str, rows: dict[str, dict[str, Any]]) -> None:
    records = [{"file_name": name} | cells for name, cells in rows.items()]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"metadata.{suffix}"
    if suffix == "jsonl":
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    elif suffix == "csv":
        pd.DataFrame(records).to_csv(path, index=False)
    else:
        pd.DataFrame(records).to_parquet(path)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("place", ["root", "splits", "nested"])
def test_every_row_means_the_same_as_in_datasets(
    tmp_path: Path, make_image: Callable[..., Path], suffix: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    root = tmp_path / "images"
    splits = ["train/", "test/"] if place == "splits" else [""]
    for split in splits:
        for seed, name in enumerate(ROWS):
            make_image(root / split / name, seed=seed)
        if place == "nested":
            write_table(root, suffix, {"a.png": ROWS["a.png"]})
            inner = {name.removeprefix("sub/"): cells for name, cells in ROWS.items() if name.startswith("sub/")}
            write_table(root / "sub", suffix, inner)
        else:
            write_table(root / split, suffix, ROWS)
    loaded = datasets.load_dataset("imagefolder", data_dir=str(root), cache_dir=str(tmp_path / "hf"))
    theirs = {}
    for split, rows in loaded.items():
        for row in rows.cast_column("image", datasets.Image(decode=False)):
            name = Path(row.pop("image")["path"]).relative_to(root).as_posix()
            theirs[name] = {"split": split if place == "splits" else None} | row
    catalogue = folder_catalogue(root, "content")
    told = ("split", "label", "artist", "license")
    ours = {item.id: {name: getattr(item, name) for name in told} | dict(item.extras) for item in catalogue.items}
    if suffix != "csv":  # where a text is a text; of CSV, both read `nan` as nothing
        assert {row["label"] for row in theirs.values()} == {"cat", "dog", "nan"}
        theirs = {
            name: row | {"label": None if row["label"] == "nan" else row["label"]} for name, row in theirs.items()
        }
    for item in catalogue.items:  # a folder is the label where its table says nothing, which is ours alone
        if theirs[item.id]["label"] is None and item.label:
            assert item.id.removeprefix((item.split or "") + "/").startswith(f"{item.label}/")
            ours[item.id]["label"] = None
    assert ours == theirs
