"""The tars, as webdataset reads them."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nst_core.export import ExportOptions, export_run
from nst_core.export import webdataset as webdataset_module
from nst_core.export.rows import read_selection

MakeRun = Callable[..., Path]


def samples(folder: Path, pattern: str = "*.tar") -> list[dict[str, Any]]:
    import webdataset

    paths = sorted(str(path) for path in folder.glob(pattern))
    return list(webdataset.WebDataset(paths, shardshuffle=False).decode())


def test_webdataset_loads_what_the_rows_say(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(*({"label": label, "x_note": 'a "b" é\n'} for label in ("猫", "chat", "猫", None)))
    export_run(run, "webdataset", tmp_path / "out", ExportOptions(shard_size=3))
    assert sorted(path.name for path in (tmp_path / "out").glob("*.tar")) == ["train-000000.tar", "train-000001.tar"]
    selection = read_selection(run)
    rows = list(selection.rows([None]))
    found = samples(tmp_path / "out")
    classes = json.loads((tmp_path / "out" / "classes.json").read_text())
    assert classes == ["chat", "猫"]
    assert [sample["__key__"] for sample in found] == [row.pair_id for row in rows]
    for sample, row in zip(found, rows, strict=True):
        told = sample["json"]
        assert set(told) == set(selection.schema.names)
        assert {name: told[name] for name in told if name != "created_at"} == {
            name: value for name, value in row.columns.items() if name != "created_at"
        }
        assert told["created_at"] == "2026-01-02T00:00:00+00:00"
        assert (classes[sample["cls"]] if row.label else sample["cls"]) == (row.label or -1)


def test_images_are_the_run_s_own_bytes_and_tars_hold_no_times(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run({}, {})
    export_run(run, "webdataset", tmp_path / "out")
    with tarfile.open(tmp_path / "out" / "train-000000.tar") as tar:
        members = tar.getmembers()
        assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in members} == {(0, 0, 0, "", "", 0o644)}
        hashes = {hashlib.sha256(tar.extractfile(m).read()).hexdigest() for m in members if m.name.endswith(".png")}
    assert hashes == {hashlib.sha256(path.read_bytes()).hexdigest() for path in (run / "images").iterdir()}


def test_without_labels_there_are_no_classes(make_run: MakeRun, tmp_path: Path) -> None:
    export_run(make_run({}, {}), "webdataset", tmp_path / "out")
    assert json.loads((tmp_path / "out" / "classes.json").read_text()) == []
    assert all(
        set(sample) == {"__key__", "__url__", "__local_path__", "json", "png"} for sample in samples(tmp_path / "out")
    )


def test_shards_are_bounded_by_bytes_too(make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(*[{}] * 5)
    sizes = [path.stat().st_size for path in (run / "images").iterdir()]
    monkeypatch.setattr(webdataset_module, "SHARD_BYTES", 2 * max(sizes))
    export_run(run, "webdataset", tmp_path / "out")
    assert len(list((tmp_path / "out").glob("*.tar"))) == 3
    assert len(samples(tmp_path / "out")) == 5


def test_splits_are_tars_of_their_own(make_run: MakeRun, tmp_path: Path) -> None:
    export_run(make_run({"split": "val"}, {"split": "train"}, {}), "webdataset", tmp_path / "out")
    assert [sample["json"]["seed"] for sample in samples(tmp_path / "out", "val-*.tar")] == [0]
    assert len(samples(tmp_path / "out", "train-*.tar")) == 2


def test_another_shard_size_replaces_the_tars(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(*[{}] * 4)
    for size, count in ((1, 4), (3, 2)):
        export_run(run, "webdataset", tmp_path / "out", ExportOptions(shard_size=size))
        assert len(list((tmp_path / "out").glob("*.tar"))) == count
    assert len(samples(tmp_path / "out")) == 4


def test_numbers_that_are_none_are_null_in_json(make_run: MakeRun, tmp_path: Path) -> None:
    export_run(make_run({"total_loss": float("nan"), "beta": float("inf")}), "webdataset", tmp_path / "out")
    [sample] = samples(tmp_path / "out")
    assert (sample["json"]["total_loss"], sample["json"]["beta"]) == (None, None)
