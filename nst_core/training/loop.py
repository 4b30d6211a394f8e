"""The loop of a training: steps, checkpoints, measurements, previews, and at the end the network with its card."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nst_core.engine.training.trainer import Trainer
from nst_core.errors import Interrupted
from nst_core.storage.progress import Progress
from nst_core.training.card import card_facts, card_text
from nst_core.training.folder import EVALUATIONS, LOSSES, TrainingFolder


@dataclass(frozen=True)
class TrainingRhythm:
    """Steps between two checkpoints, and between two measurements."""

    checkpoint: int
    evaluation: int


@dataclass(frozen=True)
class TrainingReport:
    """What a training came to.

    Attributes:
        made: steps made now.
        result_file: the name of the network's file.
        measured: on held-out images, at the end.
    """

    steps: int
    made: int
    seconds: float
    result_file: str
    measured: Mapping[str, float]


def run_training(
    trainer: Trainer,
    folder: TrainingFolder,
    rhythm: TrainingRhythm,
    facts: Mapping[str, Any],
    progress: Progress = lambda done, total: None,
) -> TrainingReport:
    """Train to the last step, from the folder's checkpoint if there is one.

    Args:
        facts: of the training data, for the card.
        progress: may raise Interrupted: a checkpoint is written first.

    Raises:
        DiskFull, Interrupted: the last checkpoint is whole, and the same call goes on from it.
    """
    journal = _resumed(trainer, folder)
    began, made_before = time.monotonic(), trainer.done
    try:
        while trainer.done < trainer.steps:
            progress(trainer.done, trainer.steps)
            journal.step(trainer)
            if trainer.done % rhythm.evaluation == 0 or trainer.done == trainer.steps:
                journal.evaluate(trainer)
                folder.write_previews(trainer.done, trainer.previews())
            if trainer.done % rhythm.checkpoint == 0 or trainer.done == trainer.steps:
                journal.write(trainer, folder)
    except Interrupted:
        journal.write(trainer, folder)
        raise
    progress(trainer.done, trainer.steps)
    measured = journal.last_measured(trainer)
    full = card_facts(trainer, facts, measured, journal.seconds)
    folder.write_result(trainer.result_file, trainer.result(), card_text(full), full)
    return TrainingReport(
        trainer.steps, trainer.done - made_before, time.monotonic() - began, trainer.result_file, measured
    )


class _Journal:
    """The losses and measurements of a training so far."""

    def __init__(self, losses: list[dict[str, Any]], evaluations: list[dict[str, Any]]) -> None:
        self.losses, self.evaluations = losses, evaluations
        self.seconds = losses[-1]["seconds"] if losses else 0.0

    def step(self, trainer: Trainer) -> None:
        began = time.monotonic()
        losses = trainer.step()
        self.seconds += time.monotonic() - began
        self.losses.append({"step": trainer.done, "seconds": self.seconds, **losses})

    def evaluate(self, trainer: Trainer) -> None:
        found = trainer.evaluate()
        self.evaluations += [{"step": trainer.done, "measure": name, "value": value} for name, value in found.items()]

    def last_measured(self, trainer: Trainer) -> dict[str, float]:
        """What was measured after the last step, now if it was not then."""
        if not self.evaluations or self.evaluations[-1]["step"] != trainer.done:
            self.evaluate(trainer)
        return {row["measure"]: row["value"] for row in self.evaluations if row["step"] == trainer.done}

    def write(self, trainer: Trainer, folder: TrainingFolder) -> None:
        folder.write_checkpoint(trainer.state(), self.losses, self.evaluations)


def _resumed(trainer: Trainer, folder: TrainingFolder) -> _Journal:
    state = folder.checkpoint()
    if state is None:
        return _Journal([], [])
    trainer.load_state(state)
    return _Journal(folder.rows(LOSSES, trainer.done), folder.rows(EVALUATIONS, trainer.done))
