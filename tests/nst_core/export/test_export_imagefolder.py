"""The image folder, as Hugging Face `datasets` sees it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from nst_core.export import ExportOptions, export_run
from nst_core.export.imagefolder import folder_name, split_names
from nst_core.export.rows import ExportRow, Selection
from nst_core.export.shards import SHARD_IMAGES, group_names, renamed_splits, shards_of
from nst_core.sources.folder import folder_catalogue

MakeRun = Callable[..., Path]
LABELS = ["chat, noir", 'said "cat"', "猫", "it's\ta\nlabel", None, "*cats* [1]"]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    import datasets

    return lambda *names, **options: datasets.load_dataset(*names, cache_dir=str(tmp_path / "hf"), **options)


def test_datasets_loads_what_the_rows_say(
    make_run: MakeRun, tmp_path: Path, load: Callable[..., Any], make_image: Callable[..., Path]
) -> None:
    run = make_run(*({"label": label, "x_camera": f"é {n}"} for n, label in enumerate(LABELS)))
    export_run(run, "imagefolder", tmp_path / "out")
    by_folder = load("imagefolder", data_dir=str(tmp_path / "out"))
    by_card = load(str(tmp_path / "out"))
    for found in (by_folder, by_card):
        assert list(found) == ["train"]
        samples = {sample["seed"]: sample for sample in found["train"]}
        assert [samples[n]["label"] for n in range(6)] == LABELS
        assert [samples[n]["x_camera"] for n in range(6)] == [f"é {n}" for n in range(6)]
        for number, sample in samples.items():
            with Image.open(run / "images" / f"{number}--monet--{sample['pair_id'][:8]}.png") as image:
                assert np.array_equal(sample["image"], image)
        assert samples[2]["style_ids"] == ["Monet/1.jpg"]
        assert samples[2]["total_loss"] == 0.25


def test_splits_have_the_names_that_datasets_knows(make_run: MakeRun, tmp_path: Path, load: Callable[..., Any]) -> None:
    splits = ["train", None, "val", "test", "hold out 2"]
    report = export_run(make_run(*({"split": split} for split in splits)), "imagefolder", tmp_path / "out")
    assert report.splits == {"hold_out_2": 1, "test": 1, "train": 2, "val": 1}
    found = load(str(tmp_path / "out"))
    assert {name: len(split) for name, split in found.items()} == {
        "hold_out_2": 1, "test": 1, "train": 2, "validation": 1,
    }  # fmt: skip
    assert found["hold_out_2"][0]["split"] == "hold out 2"


def test_a_split_in_several_folders_is_loaded_whole(
    make_run: MakeRun, tmp_path: Path, load: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nst_core.export.imagefolder.SHARD_IMAGES", 2)
    export_run(make_run(*({"label": None if n < 3 else "late"} for n in range(5))), "imagefolder", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out" / "train").iterdir()) == ["0000", "0001", "0002"]
    dataset = load(str(tmp_path / "out"), split="train")
    assert sorted(dataset["seed"]) == list(range(5))
    assert Counter(dataset["label"]) == {None: 3, "late": 2}


def test_an_export_is_a_source_that_says_what_the_rows_say(make_run: MakeRun, tmp_path: Path) -> None:
    rows = [
        {"label": "cat", "split": "train", "content_license": "CC-BY-2.0", "style_license": "CC-BY-NC-SA-4.0"},
        {"label": None, "split": "val", "content_license": "CC0-1.0", "style_license": "CC0-1.0"},
    ]
    export_run(make_run(*rows), "imagefolder", tmp_path / "out")
    catalogue = folder_catalogue(tmp_path / "out", "content")
    assert [(item.split, item.label, item.license) for item in catalogue.items] == [
        ("train", "cat", "CC-BY-2.0;CC-BY-NC-SA-4.0"),
        ("val", None, "CC0-1.0"),
    ]
    assert catalogue.notes == ()
    assert all(dict(item.extras)["pair_id"][:8] in item.id for item in catalogue.items)


def test_columns_that_datasets_would_open_are_renamed(
    make_run: MakeRun, tmp_path: Path, load: Callable[..., Any]
) -> None:
    run = make_run({"x_original_file_name": "a.jpg", "x_file_names": "b.jpg"})
    export_run(run, "imagefolder", tmp_path / "out")
    sample = load(str(tmp_path / "out"), split="train")[0]
    assert (sample["x_original_filename"], sample["x_filenames"]) == ("a.jpg", "b.jpg")


def test_no_folder_has_ten_thousand_entries_however_many_images(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [ExportRow(f"{n:016x}", f"images/{n}.jpg", None, "", {}) for n in range(25_000)]
    monkeypatch.setattr(Selection, "rows", lambda self, splits: iter(rows))
    selection = Selection(Path(), {}, (), pa.schema([]), 0, 0)
    shards = list(shards_of(selection, "train", [None], SHARD_IMAGES))
    assert [folder_name(shard) for shard in shards] == [f"train/{n:04d}" for n in range(5)]
    assert [len(shard.rows) for shard in shards] == [5_000] * 5
    assert [row for shard in shards for row in shard.rows] == rows
    assert SHARD_IMAGES + 1 < 10_000


def test_several_names_for_validation_stay_apart_and_one_alone_is_called_so() -> None:
    assert split_names(["train", "val"]) == {"train": "train", "val": "validation"}
    assert split_names(["dev", "valid"]) == {"dev": "dev", "valid": "valid"}
    assert split_names(["validation", "val", "test", "eval"]) == {
        name: name for name in ("validation", "val", "test", "eval")
    }
    assert split_names(["all"]) == {"all": "all_split"}


def test_names_that_differ_in_spaces_or_the_form_of_accents_are_one_split() -> None:
    groups = group_names(["e\u0301t\u00e9", "\u00e9te\u0301", "Test Set", "Test\u00a0 Set", "..", "test/a", " ", None])
    assert groups["e\u0301t\u00e9"] == groups["\u00e9te\u0301"] == "ete"
    assert groups["Test Set"] == groups["Test\u00a0 Set"] == "test_set"
    assert groups[" "] == groups[None] == "train"
    assert groups["test/a"] == "test_a"
    assert re.fullmatch(r"unknown_[0-9a-f]{8}", groups[".."])
    assert renamed_splits({"val": "val", None: "train", "a b": "a_b"}) == [
        "Splits have plain names in the export: 'a b' is a_b."
    ]


def test_splits_never_share_a_folder() -> None:
    groups = group_names([None, "train", "Train", "val", "a b", "a_b", "../up", "猫"])
    assert (groups[None], groups["train"], groups["Train"], groups["val"]) == ("train", "train", "train", "val")
    assert len(set(groups.values())) == 6
    assert all(group.replace("_", "").isalnum() and group.isascii() for group in groups.values())


def test_links_share_the_file_and_copies_do_not(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run({})
    export_run(run, "imagefolder", tmp_path / "linked", ExportOptions(link=True))
    export_run(run, "imagefolder", tmp_path / "copied")
    source = next((run / "images").iterdir())
    linked, copied = (next((tmp_path / name / "train" / "0000").glob("*.png")) for name in ("linked", "copied"))
    assert linked.samefile(source)
    assert not copied.samefile(source)
    assert copied.read_bytes() == source.read_bytes()


def test_where_links_cannot_be_made_files_are_copied(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_disk(*_names: object, **_options: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr("os.link", other_disk)
    report = export_run(make_run({}, {}), "imagefolder", tmp_path / "out", ExportOptions(link=True))
    assert report.images == 2
    assert len(list((tmp_path / "out" / "train" / "0000").glob("*.png"))) == 2
