"""`nst export` as a person meets it: a real run, and the page's own snippets on what comes out."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pycocotools.coco import COCO
from trial import rows_of, run, snapshot

from flows.cli import _guarded, app
from nst_core.config.run_config import RunConfig

PAGE = Path(__file__).resolve().parents[3] / "docs" / "export.md"
QUICK = {"recipe": "wavelet", "size": 40, "evaluations": 3}


def snippet(module: str) -> str:
    """The page's Python that imports `module`."""
    [found] = [code for code in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL) if module in code]
    return found


def exit_code(*arguments: object) -> int:
    """Of `nst export …`, without the seconds that a process of its own takes to start."""
    return _guarded(lambda: app(["export", *map(str, arguments)], standalone_mode=False))


def printed(code: str, folder: Path) -> list[str]:
    """The lines that Python code prints in `folder`, offline."""
    environment = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hf"), "PATH": "", "HOME": str(folder)}
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )
    assert process.returncode == 0, process.stderr
    return process.stdout.splitlines()


@pytest.fixture
def finished(api: str, config: Callable[..., RunConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunConfig:
    """A run over three contents in the styles of two artists; the working folder is the one around it."""
    made = config(
        method=QUICK, output={"root": str(tmp_path / "outputs"), "format": "jpeg", "gallery": False, "report": False}
    )
    assert run(made).summary.success == 6
    monkeypatch.chdir(tmp_path)
    return made


def test_imagefolder_and_webdataset_agree_with_the_run_s_parquet(finished: RunConfig, tmp_path: Path) -> None:
    before = snapshot(finished.run_folder)
    for to in ("imagefolder", "webdataset"):
        assert exit_code(finished.run_folder, "--to", to, "-o", f"exports/{to}") == 0
    rows = rows_of(finished)
    labels = rows["label"].astype(object).where(rows["label"].notna(), None)
    told = {f"({row.width}, {row.height}) {labels[pair_id]} {row.artist} {pair_id}" for pair_id, row in rows.iterrows()}
    assert set(printed(snippet("webdataset"), tmp_path)) == told
    assert printed(snippet("load_dataset"), tmp_path)[-1] in told
    metadata = pd.read_parquet(tmp_path / "exports" / "imagefolder" / "train" / "0000" / "metadata.parquet")
    assert list(metadata["pair_id"]) == list(rows.index)
    same = ["artist", "label", "total_loss", "output_sha256", "seed", "fingerprint", "width", "height", "created_at"]
    pd.testing.assert_frame_equal(metadata.set_index("pair_id")[same], rows[same], check_dtype=False)
    assert set(metadata["content_id"]) == {"a.png", "b.png", "cats/c.jpg"}
    assert snapshot(finished.run_folder) == before


def test_coco_s_photographs_come_out_with_annotations_that_lie_on_them(
    api: str, config: Callable[..., RunConfig], shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = shared / "data" / "coco"
    annotations = data / "annotations" / "instances_val2017.json"
    made = config(content=str(data / "val2017"), method=QUICK | {"size": 160, "evaluations": 2})
    run(made)
    monkeypatch.chdir(tmp_path)
    assert exit_code(made.run_folder, "--to", "coco", "-o", "exports/coco", "--annotations", annotations) == 0
    source, coco = COCO(annotations), COCO("exports/coco/annotations/instances_val2017.json")
    assert len(coco.getImgIds()) == 8
    assert len(coco.getAnnIds()) == 2 * len(source.getAnnIds())
    for image in coco.loadImgs(coco.getImgIds()):
        [original] = source.loadImgs([image["source_image_id"]])
        assert max(image["width"], image["height"]) == 160
        with Image.open(tmp_path / "exports" / "coco" / "val2017" / image["file_name"]) as picture:
            assert picture.size == (image["width"], image["height"])
        x, y = image["width"] / original["width"], image["height"] / original["height"]
        for annotation in coco.loadAnns(coco.getAnnIds(image["id"])):
            [of_source] = source.loadAnns([annotation["source_annotation_id"]])
            assert annotation["bbox"] == pytest.approx(np.multiply(of_source["bbox"], [x, y, x, y]), rel=1e-12)
            assert annotation["area"] == pytest.approx(of_source["area"] * x * y, rel=1e-12)
            mask, whole = coco.annToMask(annotation), source.annToMask(of_source)
            shrunk = np.asarray(Image.fromarray(whole).resize(picture.size, Image.Resampling.NEAREST))
            assert (mask & shrunk).sum() / max((mask | shrunk).sum(), 1) > (0.8 if shrunk.sum() > 200 else 0.2)
    lines = printed(snippet("pycocotools"), tmp_path)
    assert len([line for line in lines if line.startswith("exports/coco/val2017/0000/")]) == 8


def test_at_the_original_size_annotations_are_unchanged(
    api: str, config: Callable[..., RunConfig], shared: Path, tmp_path: Path
) -> None:
    data = shared / "data" / "coco"
    output = {"root": str(tmp_path / "outputs"), "size": "original", "gallery": False, "report": False}
    made = config(content=str(data / "val2017"), method=QUICK | {"size": 48}, output=output, pairing="random")
    run(made)
    annotations = data / "annotations" / "instances_val2017.json"
    assert exit_code(made.run_folder, "--to", "coco", "-o", tmp_path / "out", "--annotations", annotations) == 0
    before = {entry["id"]: entry for entry in json.loads(annotations.read_text())["annotations"]}
    after = json.loads((tmp_path / "out" / "annotations" / "instances_val2017.json").read_text())["annotations"]
    for entry in after:
        original = before.pop(entry["source_annotation_id"])
        assert {**entry, "id": original["id"], "image_id": original["image_id"]} == original | {
            "source_annotation_id": original["id"],
            "source_image_id": original["image_id"],
        }
    assert before == {}


def test_a_changed_image_is_left_out_named_and_answered_with_3(
    finished: RunConfig, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = next((finished.run_folder / "images").rglob("*.jpg"))
    path.write_bytes(path.read_bytes() + b"\0")
    capsys.readouterr()
    assert exit_code(finished.run_folder, "--to", "imagefolder", "-o", "out", "--link", "--json") == 3
    told = json.loads(capsys.readouterr().out)
    assert (told["images"], told["planned"], told["splits"]) == (5, 6, {"train": 5})
    assert told["left_out"][0]["file_name"] == path.relative_to(finished.run_folder).as_posix()
    assert exit_code(finished.run_folder, "--to", "imagefolder", "-o", "out", "--link") == 3
    printed = capsys.readouterr().out
    assert "5 of 6 planned images are in out (5 train), 5 written now\n1 left out:\n" in printed
    assert "its bytes are not those that were written" in printed


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere", "--to", "imagefolder", "-o", "out"], "nowhere is not a run folder"),
        (["run", "--to", "tfrecord", "-o", "out"], "'tfrecord' is not one of"),
        (["run", "--to", "imagefolder"], "Missing option"),
        (["run", "--to", "imagefolder", "-o", "run/out"], "run/out is inside the run folder"),
        (["run", "--to", "imagefolder", "-o", "out"], "run has no images yet"),
        (["run", "--to", "webdataset", "-o", "out", "--link"], "--link is for imagefolder and coco"),
        (["run", "--to", "coco", "-o", "out", "--shard-size", "5"], "--shard-size is for webdataset"),
        (["run", "--to", "imagefolder", "-o", "out", "--annotations", "a.json"], "--annotations is for coco"),
        (["run", "--to", "webdataset", "-o", "out", "--shard-size", "0"], "--shard-size"),
    ],
)
def test_what_is_wrong_is_said_and_exit_2(
    arguments: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.yaml").write_text("config: {}\n")
    monkeypatch.chdir(tmp_path)
    assert exit_code(*arguments) == 2
    assert says in " ".join(capsys.readouterr().err.split())
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
