"""`nst publish` as a person meets it, and what comes back from the Hub by the tools of those who load it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cas_stand_in import SIGNATURE, TOKEN_START
from http_stand_in import Answer
from hub_stand_in import TOKEN, Hub, running_hub
from run_folders import make_run

from flows.cli import _guarded, app

__all__ = ["make_run"]
MakeRun = Callable[..., Path]


def exit_code(*arguments: object) -> int:
    return _guarded(lambda: app(["publish", *map(str, arguments)], standalone_mode=False))


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub() as hub:
        yield hub


def environment(hub: Hub, folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "HF_ENDPOINT": hub.address,
        "HF_TOKEN": TOKEN,
        "HF_HOME": str(folder / "hf"),
        "HF_HUB_DISABLE_XET": "1",
        "XDG_CACHE_HOME": str(folder / "cache"),
    }


def test_a_folder_is_the_same_tree(make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, out = make_run({"label": "cat"}, {}), tmp_path / "out"
    assert exit_code(run, "--to", out, "--format", "webdataset") == 0
    assert f"2 of 2 planned images are in {out} (2 train), 2 written now" in capsys.readouterr().out
    assert {"README.md", "croissant.json", "train-000000.tar"} < {path.name for path in out.iterdir()}
    assert exit_code(run, "--to", out, "--format", "webdataset", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["place"], told["public"], told["export"]["written"]) == (str(out), None, 0)


def test_what_licences_forbid_is_a_refusal(
    make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run({"content_license": "CC-BY-ND-2.0"}, {})
    assert exit_code(run, "--to", tmp_path / "out") == 2
    told = capsys.readouterr().err
    assert "1 because CC-BY-ND-2.0 forbids adaptations: images/0--monet--" in told
    assert "--where \"content_license not in ['CC-BY-ND-2.0']\"" in told
    assert exit_code(run, "--to", tmp_path / "out", "--force") == 0
    assert "1 of them are published although no licence lets them be" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "--to", "hf:stylized"], "is written as hf:OWNER/NAME"),
        (["run", "--to", "hf:ada/../x"], "is written as hf:OWNER/NAME"),
        (["run", "--to", "out", "--public"], "--public is for the Hub"),
        (["run", "--to", "run/out"], "run/out is inside the run folder"),
        (["run", "--to", "out", "--format", "coco"], "'coco' is not one of"),
        (["run", "--to", "out", "--shard-size", "5"], "--shard-size is for webdataset"),
        (["nowhere", "--to", "out"], "nowhere is not a run folder"),
        (["run", "--to", "hf:ada/x"], "There is no token for the Hugging Face Hub"),
    ],
)
def test_what_is_wrong_is_said_and_exit_2(
    arguments: list[str],
    says: str,
    make_run: MakeRun,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make_run({})
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "none"))
    assert exit_code(*arguments) == 2
    assert says in " ".join(capsys.readouterr().err.split())
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


LOAD = """
import datasets, huggingface_hub, mlcroissant
rows = datasets.load_dataset("ada/stylized", split="validation")
print("datasets", len(rows), rows[0]["image"].size, rows[0]["artist"], sorted(rows["label"]))
folder = huggingface_hub.snapshot_download("ada/stylized", repo_type="dataset", local_dir="copy")
records = list(mlcroissant.Dataset(jsonld=folder + "/croissant.json").records("images"))
print("mlcroissant", len(records), records[0]["images/image"].size)
samples = list(datasets.load_dataset("ada/tars", split="validation", streaming=True))
print("tars", len(samples), samples[0]["png"].size, samples[0]["json"]["artist"])
"""


@pytest.mark.slow
def test_killed_in_the_middle_it_goes_on_and_others_load_what_is_there(
    hub: Hub, make_run: MakeRun, tmp_path: Path
) -> None:
    make_run(*({"split": "val", "label": f"label {n % 3}"} for n in range(12)), chunk=6)
    command = [sys.executable, "-m", "flows", "publish", "run", "--to", "hf:ada/stylized"]
    told = environment(hub, tmp_path)
    process = subprocess.Popen(command, cwd=tmp_path, env=told, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def kill(method: str, path: str) -> Answer | None:
        if path.startswith("/lfs/") and len(hub.sent) >= 5:
            process.send_signal(signal.SIGKILL)
            return Answer(0)
        return None

    hub.fault = kill
    output = process.communicate(timeout=120)[0].decode()
    assert process.returncode == -signal.SIGKILL, output
    hub.fault = lambda method, path: None
    again = subprocess.run(command, cwd=tmp_path, env=told, capture_output=True, text=True, timeout=120)
    assert again.returncode == 0, again.stderr
    assert (
        f"12 of 12 planned images are in {hub.address}/datasets/ada/stylized (12 val), 12 written now" in again.stdout
    )
    assert "It is private" in again.stdout
    assert len(hub.sent) == len(set(hub.sent)) == 12 + 1
    tars = [*command[:-1], "hf:ada/tars", "--format", "webdataset", "--shard-size", "5"]
    assert subprocess.run(tars, cwd=tmp_path, env=told, capture_output=True, timeout=120).returncode == 0
    loaded = subprocess.run(
        [sys.executable, "-c", LOAD], cwd=tmp_path, env=told, capture_output=True, text=True, timeout=180
    )
    assert loaded.returncode == 0, loaded.stderr
    labels = sorted(f"label {n % 3}" for n in range(12))
    assert f"datasets 12 (24, 16) Monet {labels}\n" in loaded.stdout
    assert "mlcroissant 12 (24, 16)\n" in loaded.stdout
    assert "tars 12 (24, 16) Monet\n" in loaded.stdout
    secret = TOKEN.encode()
    assert [path for path in tmp_path.rglob("*") if path.is_file() and secret in path.read_bytes()] == []
    assert TOKEN not in output + again.stdout + again.stderr


@pytest.mark.slow
def test_killed_and_interrupted_by_xet_it_goes_on_and_writes_to_known_places_only(
    hub: Hub, make_run: MakeRun, tmp_path: Path
) -> None:
    make_run(*({"split": "val"} for _ in range(8)))
    command = [sys.executable, "-m", "flows", "publish", "run", "--to", "hf:ada/stylized"]
    told = {**environment(hub, tmp_path), "HF_HUB_DISABLE_XET": "0"}
    outputs = ""
    for ends, code in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130), (None, 0)):
        process = subprocess.Popen(command, cwd=tmp_path, env=told, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

        def end(method: str, path: str, process: Any = process, ends: Any = ends) -> Answer | None:
            if ends is None or not path.endswith("/shards"):  # what follows the blocks
                return None
            process.send_signal(ends)
            process.wait(timeout=60)
            return Answer(0)

        hub.cas.fault = end
        output = process.communicate(timeout=120)[0].decode()
        assert process.returncode == code, output
        outputs += output
    assert "8 of 8 planned images are in" in output
    assert hub.sent == []
    assert len(hub.cas.received) == len(hub.cas.xorbs)
    assert [path for _, path in hub.cas.requests if "telemetry" in path] == []
    blobs = hub.repositories["ada/stylized"].files
    images = {path.name: path.read_bytes() for path in (tmp_path / "run").rglob("*.png")}
    assert {Path(path).name: blob.data for path, blob in blobs.items() if path.endswith(".png")} == images
    assert {path.name for path in tmp_path.iterdir()} == {"run", "hf", "cache"}
    assert [path.name for path in (tmp_path / "cache/nst/publish").rglob("*") if path.is_file()] == [".lock"]
    assert [path for path in (tmp_path / "hf").rglob("*") if path.is_file() and "xet" not in path.parts] == []
    secrets = [text.encode() for text in (TOKEN, TOKEN_START, SIGNATURE)]
    files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert any(path.suffix == ".log" for path in files)
    assert [path for path, data in files.items() if any(secret in data for secret in secrets)] == []
    assert [secret for secret in (TOKEN, TOKEN_START, SIGNATURE) if secret in outputs] == []
