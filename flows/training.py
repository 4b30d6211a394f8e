"""The flow of a training: images → trainer → checkpoints → network and card. It goes on where it stopped."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from prefect.cache_policies import NO_CACHE

from flows.dispatch.prefect_tasks import TAG
from flows.download import download_stage
from flows.pipeline import show
from flows.progress import console, reporter
from flows.server.resilience import opaque, resilient_flow, resilient_task
from flows.signals import stop_requested, stopping_on_signals
from nst_core.config.run_config import RunConfig
from nst_core.run_folder.lock.run_lock import hold
from nst_core.training.data import TrainingData
from nst_core.training.folder import TrainingFolder
from nst_core.training.images import BadImage
from nst_core.training.left_out import write_left_out
from nst_core.training.loop import TrainingReport, TrainingRhythm, run_training
from nst_core.training.trainers import TRAINERS, training_data, training_device, training_settings


@dataclass(frozen=True)
class FinishedTraining:
    """A training that was made to its end.

    Attributes:
        result: the file of the network.
        unreadable: sentences on folders of the sources that could not be read.
    """

    folder: Path
    result: Path
    report: TrainingReport
    bad: tuple[BadImage, ...]
    unreadable: tuple[str, ...]


def training_folder(config: RunConfig, kind: str) -> Path:
    """The folder of a training: beside that of the run file's run, with the kind of the network in its name."""
    return config.output.root / f"{config.name}-{kind}"


@resilient_task(name="training images", tags=[TAG], cache_policy=NO_CACHE, persist_result=False)
def images_task(kind: str, config: RunConfig) -> TrainingData:
    """Read and decode the images that a kind of network is trained with, and hold some out."""
    with reporter.stage("Inspecting images", 0, "files"):
        return training_data(kind, config, show)


@resilient_task(name="train", tags=[TAG], cache_policy=NO_CACHE, persist_result=False)
def train_task(kind: str, config: RunConfig, data: TrainingData, folder: TrainingFolder) -> TrainingReport:
    """Train from the last checkpoint to the last step."""
    trainer = TRAINERS[kind].make(config, data, training_device(config))
    rhythm = TrainingRhythm(config.train.checkpoint_every, config.train.evaluate_every)
    with reporter.stage("Training", trainer.steps, "steps"):
        return run_training(trainer, folder, rhythm, data.facts(config), show)


@resilient_flow(name="nst train", flow_run_name="train {kind} {name}", validate_parameters=False, persist_result=False)
def train(name: str, kind: str, config: RunConfig) -> FinishedTraining:
    """Train a network on the sources of a run file.

    Raises:
        UsageError: the configuration, a source or the folder is wrong; nothing was started.
        DiskFull, Interrupted: the training stopped early; the same command goes on from its last checkpoint.
    """
    stop_requested.clear()
    folder = TrainingFolder(training_folder(config, kind))
    download_stage(config)
    with stopping_on_signals(), hold(folder.root, say=console.print):
        data = images_task(kind, config)
        bad = (*data.content.bad, *data.style.bad)
        write_left_out(folder.root, bad)
        folder.settle(training_settings(kind, config, data))
        report = train_task(kind, config, opaque(data), opaque(folder))
    unreadable = tuple(dict.fromkeys((*data.content.unreadable, *data.style.unreadable)))
    return FinishedTraining(folder.root, folder.root / report.result_file, report, bad, unreadable)
