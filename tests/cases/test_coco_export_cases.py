"""COCO files as labelling tools write them, read by `nst plan` and exported by `nst export --to coco`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from case_inputs import generate
from mutations import run_command
from pycocotools.coco import COCO

pytestmark = pytest.mark.slow

RUN = """
name: photographs
content: {source: folder, path: w/coco/img}
style: {source: sample, path: samples}
pairing: random
method: {recipe: wavelet, size: 40, evaluations: 2}
output: {root: outputs, format: png, gallery: false, report: false}
"""
PLAN = """
name: plan
content: {source: coco, path: w/coco, split: val2017, annotations: w/coco/ann/NAME.json}
style: {source: sample, path: samples}
method: {recipe: wavelet, size: 40, evaluations: 2}
output: {root: outputs}
"""

EXPORTED = {
    "ok": (0, 3), "crowd_rle": (0, 3), "bom": (0, 3), "no_cats": (0, 3), "no_anns": (0, 0), "no_ann_id": (0, 3),
    "ids_string": (0, 3), "size_float": (0, 3), "license_text": (0, 3), "license_empty": (0, 3), "abs_path": (0, 3),
    "win_path": (0, 3), "url_name": (0, 3), "url_query": (0, 3), "dotdot": (0, 3), "wrong_case": (0, 3),
    "kp_float_vis": (0, 3), "kp_empty": (0, 3), "extra_sections": (0, 3), "dup_image_same": (0, 3), "seg_null": (0, 3),
    "lvis": (0, 3), "dup_image_id": (3, 3), "dup_name": (3, 3), "bbox_empty": (3, 2), "bbox_null": (3, 2),
    "area_null": (3, 2), "area_string": (3, 2), "seg_flat": (3, 2), "seg_odd": (3, 2), "seg_empty_poly": (3, 2),
    "seg_nested3": (3, 2), "seg_string": (3, 2), "rle_size_swapped": (3, 2), "rle_short": (3, 2), "nan_number": (3, 2),
    "size_null": (3, 2), "size_missing": (2, 0), "exif_rotated": (2, 0), "utf16": (2, 0), "list": (2, 0),
}  # fmt: skip
"""The exit code of the export, and how many of the three annotations are in it."""

READ = {
    name: 4 for name, (code, _) in EXPORTED.items() if code != 2
} | {"size_missing": 4, "exif_rotated": 4, "dup_image_id": 5, "dup_name": 5}  # fmt: skip
"""How many contents `nst plan` counts: those that it knows to be bad as well."""

BAD = {"abs_path": 4, "dotdot": 4, "url_name": 4, "url_query": 4, "wrong_case": 4, "win_path": 4, "dup_image_id": 1,
       "dup_name": 1}  # fmt: skip
"""How many of these are bad: not there under their names, outside the folder, or not to be told apart."""


@pytest.fixture(scope="module")
def place(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = generate(shared, "coco_export.py", tmp_path_factory.mktemp("coco"))
    shutil.copytree(folder / "w/coco/img", folder / "w/coco/val2017")
    (folder / "run.yaml").write_text(RUN)
    done = subprocess.run(
        [Path(sys.executable).with_name("nst"), "run", "run.yaml"],
        cwd=folder, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(autouse=True)
def here(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)


def test_the_tables_name_every_file(place: Path) -> None:
    assert {path.stem for path in (place / "w/coco/ann").iterdir()} == set(EXPORTED)


@pytest.mark.parametrize("name", EXPORTED)
def test_an_export_has_all_that_can_be_used(name: str) -> None:
    arguments = ["export", "outputs/photographs", "--to", "coco", "-o", f"exports/{name}"]
    code, text = run_command([*arguments, "--annotations", f"w/coco/ann/{name}.json"])
    assert (name, code) == (name, EXPORTED[name][0]), text
    if code == 2:
        assert not Path("exports", name).exists()
        return
    assert ("left out" in text) == (code == 3)
    [path] = Path("exports", name, "annotations").iterdir()
    coco = COCO(path)
    assert len(coco.getAnnIds()) == EXPORTED[name][1]
    assert len(coco.getImgIds()) == (3 if name == "size_null" else 4)
    json.loads(path.read_text(), parse_constant=lambda constant: pytest.fail(constant))
    for annotation in coco.loadAnns(coco.getAnnIds()):
        if "segmentation" in annotation:
            assert coco.annToMask(annotation).any()


@pytest.mark.parametrize("name", EXPORTED)
def test_a_plan_counts_every_image(name: str) -> None:
    Path("plan.yaml").write_text(PLAN.replace("NAME", name), encoding="utf-8")
    code, text = run_command(["plan", "plan.yaml", "--json"])
    assert (name, code) == (name, 0 if name in READ else 2), text
    if code == 0:
        told = json.loads(text[text.index("{\n") :])
        bad = len(told["bad_inputs"])
        assert (name, told["contents"], bad) == (name, READ[name], BAD.get(name, 0)), text
