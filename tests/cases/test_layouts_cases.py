"""Folders as people, programs and systems lay them out: labels, splits, licences, and what is left out, counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from case_inputs import generate
from mutations import run_command

from nst_core.sources.folder import folder_catalogue
from nst_core.sources.left_out import count_by_reason

LAYOUTS = {
    "jsonl": ({f"{n:04}.png": ("cat", None, "CC-BY-4.0") for n in range(3)}, {}),
    "nested": ({f"cats/{n}.png": ("cats", None, "CC-BY-4.0") for n in range(2)}, {}),
    "nas": ({"holiday/a.jpg": ("holiday", None, None)}, {"system": 6}),
    "noext": (dict.fromkeys(("deadbeef0", "deadbeef1", "deadbeef2", "ok.png"), (None, None, None)), {}),
    "yolo": ({f"images/{s}/{s}{n}.jpg": (None, s, None) for s in ("train", "val") for n in range(2)}, {}),
}  # fmt: skip
"""By layout: label, split and licence of each image, and files left out by reason."""


@pytest.fixture(scope="module")
def layouts(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Path:
    return generate(shared, "layouts.py", tmp_path_factory.mktemp("layouts")) / "w" / "lay"


@pytest.mark.slow
def test_every_layout_is_in_the_table(layouts: Path) -> None:
    assert {path.name for path in layouts.iterdir()} == set(LAYOUTS)


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_means_what_it_says(layouts: Path, layout: str) -> None:
    items, left_out = LAYOUTS[layout]
    found = folder_catalogue(layouts / layout, "content")
    assert {item.id: (item.label, item.split, item.license) for item in found.items} == items
    assert count_by_reason(found) == left_out
    assert found.notes == ()


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
def test_plan_counts_the_images_and_what_is_left_out(layouts: Path, layout: str, tmp_path: Path) -> None:
    items, left_out = LAYOUTS[layout]
    run_file = tmp_path / "run.yaml"
    run_file.write_text(f"content: {layouts / layout}\nstyle: {{source: sample, path: {tmp_path}}}\n")
    code, printed = run_command(["plan", str(run_file), "--json", "--set", f"output.root={tmp_path / 'outputs'}"])
    told = json.loads(printed[printed.index("{") : printed.rindex("}") + 1])
    assert code == 0, printed
    assert told["contents"] == len(items)
    assert told["files_left_out"]["content"] == left_out
