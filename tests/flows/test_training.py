"""`nst train`: killed and resumed, bad images, a full disk, and losses that fall."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from nst_trial import Trial
from PIL import Image

from flows.training import train, training_folder
from nst_core.config.run_config import RunConfig, parse_config
from nst_core.engine.features.slim import slim_features
from nst_core.engine.features.slim_network import LAYERS
from nst_core.errors import RunFolderError
from nst_core.sources.sample import sample_photographs

SMALL = {"steps": 4, "batch": 2, "crop": 16, "size": 48, "held_out": 2, "checkpoint_every": 2, "evaluate_every": 4}


@pytest.fixture
def images(tmp_path: Path, make_image: Callable[..., Path]) -> Path:
    """Ten photographs and ten paintings, and an image of each that is bad."""
    for number in range(10):
        make_image(tmp_path / "content" / f"{number}.png", 60, 48, seed=number)
        make_image(tmp_path / "style" / "Ada" / f"{number}.png", 48, 56, seed=100 + number)
    (tmp_path / "content" / "text.jpg").write_text("no picture")
    whole = (tmp_path / "style" / "Ada" / "3.png").read_bytes()
    (tmp_path / "style" / "Ada" / "cut.png").write_bytes(whole[: len(whole) // 2])
    return tmp_path


def sections(images: Path, **keys: Any) -> dict[str, Any]:
    return {
        "name": "trial",
        "content": str(images / "content"),
        "style": str(images / "style"),
        "execution": {"devices": "cpu", "threads": 1},
        "output": {"root": str(images / "outputs")},
        "train": {**SMALL, **keys},
    }


def config_of(images: Path, **keys: Any) -> RunConfig:
    return parse_config(sections(images, **keys))


def write(images: Path, api: str, **keys: Any) -> Trial:
    (images / "trial.yaml").write_text(yaml.safe_dump(sections(images, **keys)))
    return Trial(images, {**os.environ, "PREFECT_API_URL": api})


def cut_photographs(folder: Path) -> None:
    """Twelve photographs: the quarters of the built-in ones."""
    folder.mkdir()
    for item in sample_photographs(folder.parent / "sample").items:
        with Image.open(item.path) as photograph:
            width, height = photograph.width // 2, photograph.height // 2
            for x, y in ((0, 0), (1, 0), (0, 1), (1, 1)):
                box = (x * width, y * height, (x + 1) * width, (y + 1) * height)
                photograph.crop(box).resize((width // 2, height // 2)).save(folder / f"{item.id}-{x}{y}.png")


@pytest.mark.slow
def test_a_network_comes_out_with_its_card_and_bad_images_are_named(api: str, images: Path) -> None:
    finished = train("trial", "slim", config_of(images))
    assert finished.folder == images / "outputs" / "trial-slim" == training_folder(config_of(images), "slim")
    assert {Path(one.path).name for one in finished.bad} == {"text.jpg", "cut.png"}
    left_out = pd.read_csv(finished.folder / "left_out.csv")
    assert list(left_out.role) == ["content", "style"]
    assert slim_features(str(finished.result)).layers == LAYERS
    card = (finished.folder / "card.md").read_text()
    assert "8 images of `folder`, and 2 held out, 1 left out as bad" in card
    assert "| optimised |" in card
    losses = pd.read_parquet(finished.folder / "losses.parquet")
    assert list(losses.columns) == ["step", "seconds", "loss", "features", "grams", "differences"]
    with Image.open(finished.folder / "previews" / "step_0000004.png") as previews:
        assert previews.height == 16
    with pytest.raises(RunFolderError, match=r"other settings: crop \(16 → 24\)"):
        train("trial", "slim", config_of(images, crop=24))
    assert train("trial", "slim", config_of(images, steps=5)).report.made == 1


@pytest.mark.slow
def test_two_hundred_steps_of_the_command_lower_the_losses_on_held_out_images(api: str, images: Path) -> None:
    trial = write(images, api, steps=200, checkpoint_every=100, evaluate_every=20)
    run = trial.nst("train", "slim", "trial.yaml")
    assert run.returncode == 3, run.stderr
    for name in ("text.jpg", "cut.png"):
        assert name in run.stdout
    found = pd.read_parquet(images / "outputs" / "trial-slim" / "evaluations.parquet")
    by_step = found.pivot(index="step", columns="measure", values="value")
    for kind in ("photographs", "paintings", "optimised"):
        unexplained = sum(1 - by_step[f"{kind}.{layer}"] for layer in LAYERS)
        assert unexplained.loc[200] < unexplained.loc[20], f"{kind}: {unexplained.to_dict()}"


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "batch"), [("johnson", 1), ("adain", 2)])
def test_two_hundred_steps_of_a_transfer_network(kind: str, batch: int, api: str, images: Path) -> None:
    keys = {"steps": 200, "batch": batch, "crop": 48, "checkpoint_every": 100, "evaluate_every": 20}
    cut_photographs(images / "quarters")
    trial = write(images, api, **{**keys, "size": 96}, style="ada-impasto-1")
    quarters, paintings = f"content.path={images / 'quarters'}", f"style={{source: sample, path: {images / 'sample'}}}"
    run = trial.nst("train", kind, "trial.yaml", "--set", quarters, "--set", paintings)
    assert run.returncode == 0, run.stderr
    folder = images / "outputs" / f"trial-{kind}"
    found = pd.read_parquet(folder / "evaluations.parquet")
    by_step = found.pivot(index="step", columns="measure", values="value")
    for name in ("held_out.loss", "held_out.style"):
        assert by_step[name][200] < by_step[name][20], by_step.to_string()
    result = images / "picture.png"
    pair = [str(images / "content" / "1.png"), str(images / "style" / "Ada" / "3.png")]
    network = f"method.network={folder / f'{kind}.npz'}"
    made = trial.nst("stylize", *pair, "-o", str(result), "--recipe", "transfer", "--set", network)
    assert made.returncode == 0, made.stderr
    with Image.open(result) as picture:
        assert picture.size == (60, 48)


@pytest.mark.slow
def test_killed_and_resumed_it_ends_with_the_weights_of_one_that_was_not(api: str, images: Path) -> None:
    trial = write(images, api, steps=30, checkpoint_every=5)
    whole = trial.nst("train", "slim", "trial.yaml", "--set", "name=whole")
    assert whole.returncode == 3, whole.stderr
    folder = images / "outputs" / "trial-slim"
    process = trial.start("train", "slim", "trial.yaml")
    deadline = time.monotonic() + 200
    while not (folder / "checkpoint.pt").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (folder / "slim.npz").exists(), "it was killed in the midst"
    again = trial.nst("train", "slim", "trial.yaml")
    assert again.returncode == 3, again.stderr
    assert "30 steps, 30 of them now" not in again.stdout
    assert (folder / "slim.npz").read_bytes() == (images / "outputs" / "whole-slim" / "slim.npz").read_bytes()


@pytest.mark.slow
def test_a_full_disk_ends_in_a_sentence_and_the_checkpoint_can_be_used(api: str, images: Path) -> None:
    trial = write(images, api, steps=8)
    full = trial.nst("train", "slim", "trial.yaml", fault="full:2")
    assert full.returncode == 1
    assert "No space left to write" in full.stderr
    assert "Traceback" not in full.stderr
    again = trial.nst("train", "slim", "trial.yaml")
    assert again.returncode == 3, again.stderr
    assert "8 steps, 6 of them now" in again.stdout


def test_wrong_run_files_are_told_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "trial.yaml").write_text("content: nowhere\nstyle: nowhere\n")
    run = Trial(tmp_path).nst("train", "slim", "trial.yaml")
    assert run.returncode == 2
    assert "nowhere" in run.stderr
    (tmp_path / "trial.yaml").write_text("train: {steps: none}\n")
    run = Trial(tmp_path).nst("train", "slim", "trial.yaml")
    assert run.returncode == 2
    assert "train.steps must be a whole number, 1 or more, or auto" in run.stderr
