"""Groups of pictures for FiftyOne, which a module in its place holds: the package wants a MongoDB.

That its own `Sample` and `Group` take these arguments was tried with FiftyOne 1.22, without a database.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from documents import ROOT, blocks

from nst_core.errors import UsageError
from nst_core.export import export_run
from nst_core.export.groups import picture_groups

MakeRun = Callable[..., Path]
MakeImage = Callable[..., Path]


@pytest.fixture
def exported(make_run: MakeRun, make_image: MakeImage, tmp_path: Path) -> Path:
    """`exports/imagefolder` of three pictures, and the photographs of two in `photographs`."""
    run = make_run({"label": "cat", "split": "val"}, {}, {"x_odd name": "a"})
    export_run(run, "imagefolder", tmp_path / "exports" / "imagefolder")
    make_image(tmp_path / "photographs" / "photos" / "0.jpg", 20, 10)
    make_image(tmp_path / "photographs" / "elsewhere" / "2.png", 20, 10)
    return tmp_path


def test_photographs_are_found_by_their_path_or_by_the_only_such_name(exported: Path, make_image: MakeImage) -> None:
    folder, photographs = exported / "exports" / "imagefolder", exported / "photographs"
    found = {group.columns["seed"]: group for group in picture_groups(folder, photographs)}
    originals = {
        seed: group.original and group.original.relative_to(photographs).as_posix() for seed, group in found.items()
    }
    assert originals == {0: "photos/0.jpg", 1: None, 2: "elsewhere/2.png"}
    assert all(group.stylized.is_file() for group in found.values())
    assert [found[0].split, found[1].split] == ["val", "train"]
    make_image(photographs / "2.jpg", 20, 10)
    assert [group.original for group in picture_groups(folder, photographs) if group.columns["seed"] == 2] == [None]
    assert {group.original for group in picture_groups(folder)} == {None}


def test_another_folder_is_no_export(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no export as imagefolder"):
        list(picture_groups(tmp_path))


class _Group:
    def element(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(group=self, name=name)


class _Dataset:
    def __init__(self, name: str, overwrite: bool = False) -> None:
        self.samples: list[Any] = []

    def add_group_field(self, name: str, default: str) -> None:
        self.field, self.default = name, default

    def add_samples(self, samples: Iterator[Any]) -> None:
        self.samples += samples


@pytest.fixture
def fiftyone(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """What the recipe uses of FiftyOne, which needs a MongoDB to hold a dataset."""
    module = ModuleType("fiftyone")
    module.__dict__.update(
        Group=_Group,
        Sample=SimpleNamespace,
        Classification=SimpleNamespace,
        Dataset=_Dataset,
        launch_app=lambda dataset: None,
    )
    monkeypatch.setitem(sys.modules, "fiftyone", module)
    return module


def test_the_recipe_of_the_page_makes_groups_of_original_and_stylized(
    exported: Path, fiftyone: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(exported)
    [recipe] = [block for block in blocks(ROOT / "docs" / "export.md", "python") if "fiftyone" in block.text]
    names: dict[str, Any] = {}
    exec(compile(recipe.text, str(recipe.page), "exec"), names)
    dataset = names["dataset"]
    assert (dataset.field, dataset.default) == ("group", "stylized")
    by_group: dict[int, dict[str, Any]] = {}
    for sample in dataset.samples:
        by_group.setdefault(id(sample.group.group), {})[sample.group.name] = sample
    assert sorted(sorted(slices) for slices in by_group.values()) == [["original", "stylized"]] * 2 + [["stylized"]]
    [labelled] = [slices for slices in by_group.values() if hasattr(slices["stylized"], "label")]
    assert labelled["stylized"].label.label == labelled["original"].label.label == "cat"
    assert labelled["stylized"].tags == ["val"]
    assert labelled["stylized"].artist.label == "Monet"
    assert {sample.x_odd_name for sample in dataset.samples if hasattr(sample, "x_odd_name")} == {"a"}
    assert all(Path(sample.filepath).is_file() for sample in dataset.samples)
