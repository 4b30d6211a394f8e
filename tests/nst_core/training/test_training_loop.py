"""A training in its folder: it goes on where it stopped, and what it has written stays whole."""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from torch import Tensor

from nst_core.engine.training.trainer import Trainer
from nst_core.errors import DiskFull, Interrupted, RunFolderError
from nst_core.storage import atomic
from nst_core.training.folder import CHECKPOINT, EVALUATIONS, LOSSES, PREVIEWS, TrainingFolder
from nst_core.training.loop import TrainingRhythm, run_training

RHYTHM = TrainingRhythm(checkpoint=4, evaluation=5)
FACTS = {"content": {"source": "folder", "images": 8, "held_out": 2, "bad": 1, "licenses": {"CC0-1.0": 8}}}


class Counting(Trainer):
    """Its only weight is the sum of random numbers, one per step."""

    kind, title, result_file = "counting", "A sum", "sum.bin"

    def __init__(self, steps: int = 10) -> None:
        self.steps, self.done, self.weight = steps, 0, 0.0
        self.generator = torch.Generator().manual_seed(0)

    def step(self) -> Mapping[str, float]:
        self.weight += float(torch.rand((), generator=self.generator))
        self.done += 1
        return {"loss": self.weight}

    def evaluate(self) -> Mapping[str, float]:
        return {"photographs.sum": self.weight, "photographs.steps": self.done, "paintings.sum": 2 * self.weight}

    def previews(self) -> Tensor:
        return torch.rand(2, 3, 3, 4, 5)

    def state(self) -> dict[str, Any]:
        return {"done": self.done, "weight": self.weight, "generator": self.generator.get_state()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.done, self.weight = state["done"], state["weight"]
        self.generator.set_state(state["generator"])

    def facts(self) -> Mapping[str, Any]:
        return {"steps": self.steps}

    def result(self) -> bytes:
        return str(self.weight).encode()


def stopping_at(step: int, error: type[BaseException]) -> Any:
    def progress(done: int, total: int) -> None:
        if done == step:
            raise error

    return progress


def steps_of(folder: Path, name: str) -> list[int]:
    found: list[int] = pq.read_table(folder / name).column("step").to_pylist()
    return found


def test_a_whole_training_leaves_its_files(tmp_path: Path) -> None:
    report = run_training(Counting(), TrainingFolder(tmp_path), RHYTHM, FACTS)
    assert (report.steps, report.made) == (10, 10)
    assert steps_of(tmp_path, LOSSES) == list(range(1, 11))
    assert steps_of(tmp_path, EVALUATIONS) == [5, 5, 5, 10, 10, 10]
    assert sorted(path.name for path in (tmp_path / PREVIEWS).iterdir()) == ["step_0000005.png", "step_0000010.png"]
    assert (tmp_path / "sum.bin").read_bytes() == str(report.measured["photographs.sum"]).encode()
    card, facts = (tmp_path / "card.md").read_text(), json.loads((tmp_path / "card.json").read_text())
    assert "8 images of `folder`, and 2 held out, 1 left out as bad; licences CC0-1.0: 8" in card
    assert "| photographs | " in card
    assert facts["measured"]["photographs.steps"] == 10
    assert facts["settings"] == {"steps": 10}


@pytest.mark.parametrize("error", [KeyboardInterrupt, Interrupted])
@pytest.mark.parametrize("step", [1, 4, 7, 9])
def test_killed_or_stopped_it_ends_as_if_nothing_had_happened(
    step: int, error: type[BaseException], tmp_path: Path
) -> None:
    run_training(Counting(), TrainingFolder(tmp_path / "whole"), RHYTHM, FACTS)
    with pytest.raises(error):
        run_training(Counting(), TrainingFolder(tmp_path / "own"), RHYTHM, FACTS, stopping_at(step, error))
    report = run_training(Counting(), TrainingFolder(tmp_path / "own"), RHYTHM, FACTS)
    assert report.made == 10 - (step if error is Interrupted else step // 4 * 4)
    assert (tmp_path / "own" / "sum.bin").read_bytes() == (tmp_path / "whole" / "sum.bin").read_bytes()
    for name in (LOSSES, EVALUATIONS):
        assert steps_of(tmp_path / "own", name) == steps_of(tmp_path / "whole", name)
    losses = [pq.read_table(tmp_path / each / LOSSES).column("loss") for each in ("own", "whole")]
    assert losses[0] == losses[1]


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = TrainingFolder(tmp_path)
    replaced: list[str] = []
    original = atomic.os.replace

    def replace(source: Any, target: Any) -> None:
        replaced.append(Path(target).name)
        if replaced.count(CHECKPOINT) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        original(source, target)

    monkeypatch.setattr(atomic.os, "replace", replace)
    with pytest.raises(DiskFull, match=r"No space left to write .*checkpoint"):
        run_training(Counting(), folder, RHYTHM, FACTS)
    monkeypatch.undo()
    assert folder.checkpoint() is not None
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    report = run_training(Counting(), folder, RHYTHM, FACTS)
    assert report.made == 6
    assert steps_of(tmp_path, LOSSES) == list(range(1, 11))


def test_a_finished_training_is_not_made_again_and_a_longer_one_goes_on(tmp_path: Path) -> None:
    folder = TrainingFolder(tmp_path)
    run_training(Counting(), folder, RHYTHM, FACTS)
    assert run_training(Counting(), folder, RHYTHM, FACTS).made == 0
    assert run_training(Counting(13), folder, RHYTHM, FACTS).made == 3


def test_a_damaged_checkpoint_is_told(tmp_path: Path) -> None:
    folder = TrainingFolder(tmp_path)
    run_training(Counting(), folder, RHYTHM, FACTS)
    (tmp_path / CHECKPOINT).write_bytes(b"nothing")
    with pytest.raises(RunFolderError, match=r"checkpoint\.pt is damaged: delete it"):
        run_training(Counting(), folder, RHYTHM, FACTS)


def test_a_folder_keeps_to_one_training(tmp_path: Path) -> None:
    folder = TrainingFolder(tmp_path)
    folder.settle({"kind": "slim", "crop": 96, "steps": 10})
    folder.settle({"kind": "slim", "crop": 96, "steps": 20})
    with pytest.raises(RunFolderError, match=r"other settings: crop \(96 → 64\)"):
        folder.settle({"kind": "slim", "crop": 64, "steps": 20})


def test_a_run_folder_is_no_training(tmp_path: Path) -> None:
    (tmp_path / "plan").mkdir()
    with pytest.raises(RunFolderError, match="holds something else than a training"):
        TrainingFolder(tmp_path).settle({"kind": "slim"})
