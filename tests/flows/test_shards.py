"""Shards: processes that share a run folder and know nothing of each other."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from nst_trial import Trial

from flows.cli import _guarded, app
from nst_core.run_folder.journal import Journal


@pytest.fixture
def trial(tmp_path: Path, api: str, make_image: Callable[..., Path]) -> Trial:
    for number in range(18):
        make_image(tmp_path / "content" / f"{number:02}.png", 40, 32, seed=number)
    for number, artist in enumerate(("Ada", "Bo")):
        make_image(tmp_path / "style" / artist / "a.png", 40, 40, seed=100 + number)
    trial = Trial(tmp_path, os.environ | {"PREFECT_API_URL": api})
    trial.write(execution={"workers": 1, "chunk_size": 4}, output={"gallery": True})
    return trial


@pytest.mark.slow
def test_shards_at_once_make_the_whole_run_and_the_last_one_its_gallery(trial: Trial) -> None:
    shards = [trial.start("run", "trial.yaml", "--shard", f"{number}/2") for number in (1, 2)]
    texts = [shard.communicate(timeout=300) for shard in shards]
    assert [shard.returncode for shard in shards] == [0, 0], texts
    assert len(trial.rows()) == 36
    assert (trial.rows().status == "success").all()
    assert (trial.run_folder / "gallery" / "ada" / "index.html").is_file()
    assert len(list((trial.run_folder / "plan").iterdir())) == 1, "both planned the same, once"
    logs = [Journal(trial.run_folder, path.stem).events() for path in (trial.run_folder / "logs").iterdir()]
    assert all([event.event for event in events] == ["start", "end"] for events in logs), "nothing is made twice"
    assert trial.nst("verify", trial.run_folder).returncode == 0
    made = [int(out.split(" images made")[0].split()[-1]) for out, _ in texts]
    assert sum(made) == 36
    assert abs(made[0] - made[1]) <= 8


@pytest.mark.slow
def test_one_shard_alone_makes_its_share_and_says_so(trial: Trial) -> None:
    shard = trial.nst("run", "trial.yaml", "--shard", "1/3")
    assert shard.returncode == 0, shard.stderr
    rows = len(trial.rows())
    assert 0 < rows < 36
    assert f"{rows} pairs: {rows} success" in shard.stdout
    assert not (trial.run_folder / "gallery").exists()
    rest = trial.nst("run", "trial.yaml")
    assert rest.returncode == 0, rest.stderr
    assert len(trial.rows()) == 36


@pytest.mark.parametrize("text", ["0/4", "5/4", "one"])
def test_a_shard_that_cannot_be_is_one_sentence(
    text: str, trial: Trial, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trial.folder)
    assert _guarded(lambda: app(["run", "trial.yaml", "--shard", text], standalone_mode=False)) == 2
    told = capsys.readouterr().err
    assert "shards are counted from 1" in told
    assert len(told.strip().splitlines()) == 1
