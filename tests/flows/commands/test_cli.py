"""`nst` as a person meets it: its exit code, one sentence on stderr; in a subprocess where that is the point."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pandas as pd
import pytest
import yaml
from PIL import Image, ImageChops

from flows.cli import _guarded, app
from flows.server.artifacts import artifact_key
from nst_core.config.run_config import RunConfig

TINY = {"recipe": "wavelet", "size": 72, "evaluations": 8}

Nst = Callable[..., "subprocess.CompletedProcess[str]"]
"""Runs `nst` with arguments in the test's folder."""


@pytest.fixture
def nst_alone(tmp_path: Path) -> Nst:
    """Run `nst` with arguments in an empty folder; it starts its own Prefect server where it needs one."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "flows", *map(str, arguments)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)

    return run


@pytest.fixture
def nst(nst_alone: Nst, api: str, monkeypatch: pytest.MonkeyPatch) -> Nst:
    """As `nst_alone`, but the flows run at the session's Prefect server, which saves the start of one each time."""
    monkeypatch.setenv("PREFECT_API_URL", api)
    return nst_alone


@pytest.fixture
def nst_here(api: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Nst:
    """As `nst`, but in this process, without the seconds that one of its own takes to import PyTorch and Prefect."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        told = [*map(str, arguments)]
        capsys.readouterr()
        code = _guarded(lambda: app(told, standalone_mode=False))
        return subprocess.CompletedProcess(told, code, *capsys.readouterr())

    return run


@pytest.fixture
def run_file(tmp_path: Path, folders: Path) -> Path:
    """A run file over `folders`, written as a person would."""
    path = tmp_path / "trial.yaml"
    path.write_text(yaml.safe_dump({"content": "content", "style": "style", "pairing": "artist", "method": TINY}))
    return path


def one_sentence(stderr: str) -> str:
    """What an error answered with: no traceback, one line."""
    text = stderr.strip()
    assert "Traceback" not in text
    assert text.startswith("Error: ")
    assert len(text.splitlines()) == 1, text
    return text


def test_plan_run_status_gallery_and_a_second_run(
    nst_alone: Nst, nst_here: Nst, run_file: Path, tmp_path: Path
) -> None:
    def answer(*arguments: object) -> str:
        process = nst_here(*arguments)
        assert process.returncode == 0
        return process.stdout

    assert json.loads(answer("plan", run_file, "--json"))["new_pairs"] == 6
    assert not (tmp_path / "outputs").exists(), "plan writes nothing"
    first = nst_alone("run", run_file)
    assert first.returncode == 0, first.stderr
    assert "6 pairs: 6 success" in first.stdout
    assert "Gallery: outputs/trial/gallery/index.html" in first.stdout
    assert len(pd.read_parquet(tmp_path / "outputs" / "trial" / "results")) == 6
    assert json.loads(answer("run", run_file, "--json"))["made"] == 0
    status = json.loads(answer("status", "outputs/trial", "--json"))
    assert (status["success"], status["left"]) == (6, 0)
    assert "gallery" in answer("gallery", "outputs/trial")
    changed = nst_alone("run", run_file, "--set", "method.beta=3")
    assert changed.returncode == 2
    assert "method.beta" in one_sentence(changed.stderr)


def test_a_real_server_sees_the_flows_even_when_nothing_is_left(
    nst_here: Nst, run_file: Path, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", api)
    name = f"seen {time.time_ns()}"
    for _ in range(2):
        process = nst_here("run", run_file, "--set", f"name={name}", "--set", "output.gallery=false")
        assert process.returncode == 0, process.stderr
    only_ours = {"flow_runs": {"name": {"any_": [name]}}}
    flow_runs = httpx.post(f"{api}/flow_runs/filter", json=only_ours).json()
    assert [flow_run["state_type"] for flow_run in flow_runs] == ["COMPLETED", "COMPLETED"]
    key = {"artifacts": {"key": {"any_": [artifact_key(name)]}}}
    assert "| success | 6 |" in httpx.post(f"{api}/artifacts/filter", json=key).json()[0]["data"]


def test_pairs_written_by_pair_run_as_a_manifest(nst_here: Nst, run_file: Path, tmp_path: Path) -> None:
    assert nst_here("pair", run_file, "-o", "pairs.csv", "--set", "pairing=random").returncode == 0
    pairs = pd.read_csv(tmp_path / "pairs.csv")
    assert len(pairs) == 3
    pairs["note"] = ["one", "two", "three"]
    pairs.to_csv(tmp_path / "pairs.csv", index=False)
    made = nst_here(
        "run", run_file, "--set", "pairing={strategy: manifest, manifest: pairs.csv}", "--set", "output.gallery=false"
    )
    assert made.returncode == 0, made.stderr
    rows = pd.read_parquet(tmp_path / "outputs" / "trial" / "results")
    assert sorted(rows.x_note) == ["one", "three", "two"]


def test_bad_inputs_end_with_exit_3_and_strict_with_2(nst: Nst, nst_here: Nst, run_file: Path, folders: Path) -> None:
    (folders / "content" / "empty.jpg").touch()
    strict = nst_here("run", run_file, "--strict")
    assert strict.returncode == 2
    assert "empty.jpg" in strict.stderr
    finished = nst("run", run_file)
    assert finished.returncode == 3, finished.stderr
    assert "8 pairs: 6 success, 2 quarantined" in finished.stdout
    assert "empty.jpg" in finished.stdout


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (["--set", "method.sise=64"], "did you mean 'size'"),
        (["--set", "contnt=x"], "did you mean 'content'"),
        (["--set", "content.path=nowhere"], "there is no folder nowhere"),
        (["--set", "pairing.artists=[Adda]"], "did you mean 'Ada'"),
        (["--set", "method.recipe=squeezenet", "--set", "method.weights=nowhere.pth"], "nowhere.pth cannot be read"),
        (["--set", "output.root=/proc/nst"], "cannot be written"),
        (["--set", "execution.devices=[7]"], "CUDA devices"),
        (["--set", "pairing={strategy: manifest, manifest: nowhere.csv}"], "nowhere.csv cannot be read"),
        (["--set", "method.style.layers={first9: 1}"], "no layer 'first9'"),
    ],
)
def test_what_is_wrong_before_the_start_is_one_sentence_and_exit_2(
    nst_here: Nst, run_file: Path, tmp_path: Path, change: list[str], says: str
) -> None:
    process = nst_here("run", run_file, *change)
    assert process.returncode == 2
    assert says in one_sentence(process.stderr)
    assert not (tmp_path / "outputs").exists(), "nothing was started"


@pytest.mark.parametrize(
    "arguments", [[], ["bogus"], ["run"], ["run", "a.yaml", "--bogus"], ["stylize", "a.png"], ["status", "."]]
)
def test_wrong_usage_is_explained_and_exit_2(nst: Nst, arguments: list[str]) -> None:
    process = nst(*arguments)
    assert process.returncode == 2
    assert process.stderr or "Usage" in process.stdout
    assert "Unexpected" not in process.stderr


def test_a_server_that_does_not_answer_is_named(
    nst_alone: Nst, run_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    process = nst_alone("run", run_file)
    assert process.returncode == 2
    assert "PREFECT_API_URL" in one_sentence(process.stderr)


def test_a_wrong_manifest_lists_every_faulty_row(nst_here: Nst, run_file: Path, tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("content,artist,size\na.png,Ada,\nb.png,Nobody,\n,Bo,ten\n")
    process = nst_here("run", run_file, "--set", "pairing={strategy: manifest, manifest: pairs.csv}")
    assert process.returncode == 2
    assert "row 3, column artist, value 'Nobody'" in process.stderr
    assert "row 4, column content" in process.stderr
    assert "row 4, column size, value 'ten'" in process.stderr


def test_stylize_makes_one_image(nst: Nst, nst_here: Nst, folders: Path, tmp_path: Path) -> None:
    process = nst(
        "stylize",
        "content/a.png",
        "style/Ada/Ada_0.png",
        "-o",
        "out.png",
        "--set",
        "method.size=72",
        "--set",
        "method.evaluations=8",
    )
    assert process.returncode == 0, process.stderr
    assert Image.open(tmp_path / "out.png").size == (72, 58)
    missing = nst_here("stylize", "content/none.png", "style/Ada/Ada_0.png", "-o", "out2.png")
    assert missing.returncode == 2
    assert "none.png" in one_sentence(missing.stderr)


def test_stylize_goes_from_coarse_to_fine(nst_here: Nst, folders: Path, tmp_path: Path) -> None:
    pair = "content/a.png", "style/Ada/Ada_0.png", "-o", "out.png"
    process = nst_here("stylize", *pair, "--set", "method.scales=[32,64]", "--set", "method.evaluations=[6,4]")
    assert process.returncode == 0, process.stderr
    assert Image.open(tmp_path / "out.png").size == (64, 51)
    assert "in 10 evaluations" in process.stdout + process.stderr
    wrong = nst_here("stylize", *pair, "--set", "method.scales=[64,32]")
    assert wrong.returncode == 2
    assert "method.scales is [64, 32]; a scale may not be smaller" in one_sentence(wrong.stderr)


@pytest.mark.slow
def test_a_run_in_tiles_gives_the_pictures_of_one_without(nst_here: Nst, run_file: Path, tmp_path: Path) -> None:
    method = {"recipe": "wavelet", "size": 160, "upscale": True, "evaluations": 4}
    settings = {"content": {"source": "folder", "path": "content", "limit": 1}, "style": "style", "method": method}
    for name, tile in (("whole", "none"), ("tiled", 64)):
        described = settings | {"execution": {"tile": tile}, "output": {"format": "png", "gallery": False}}
        run_file.with_name(f"{name}.yaml").write_text(yaml.safe_dump(described))
        process = nst_here("run", f"{name}.yaml")
        assert process.returncode == 0, process.stderr
    whole, tiled = (sorted((tmp_path / "outputs" / name / "images").rglob("*.png")) for name in ("whole", "tiled"))
    assert [path.name for path in whole] == [path.name for path in tiled]
    assert whole
    for one, other in zip(whole, tiled, strict=True):
        extremes = ImageChops.difference(Image.open(one), Image.open(other)).getextrema()
        assert max(most for _, most in extremes) <= 1, "to rounding"


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_it_says_so_and_the_next_run_finishes(
    nst_here: Nst, run_file: Path, tmp_path: Path, end: signal.Signals
) -> None:
    slow = ["--set", "method.evaluations=60", "--set", "execution.chunk_size=1", "--set", "execution.workers=1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "flows", "run", str(run_file), *slow],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=own_server(),
    )
    wait_for_images(tmp_path, process)
    os.killpg(process.pid, end)  # to the whole group, as a terminal does
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert "the same command goes on" in stderr
    assert not list(tmp_path.rglob("*.tmp~"))
    finished = nst_here("run", run_file, *slow)
    assert finished.returncode == 0, finished.stderr


@pytest.mark.slow
def test_killed_it_resumes_without_loss(
    nst: Nst, run_file: Path, tmp_path: Path, config: Callable[..., RunConfig]
) -> None:
    slow = ["--set", "method.evaluations=60", "--set", "execution.chunk_size=1", "--set", "execution.workers=1"]
    assert nst("run", run_file, *slow, "--set", "name=whole").returncode == 0
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "flows", "run", str(run_file), *slow],
        cwd=tmp_path,
        env=own_server() | {"TMPDIR": str(temporary)},
    )
    wait_for_images(tmp_path, process)
    (server_folder,) = temporary.glob("nst-prefect-db-*")
    process.kill()
    process.wait()
    for _ in range(100):  # the server sees its parent die, and takes its database along
        if not server_folder.exists():
            break
        time.sleep(0.1)
    assert not server_folder.exists()
    (tmp_path / "outputs" / "trial" / "images" / ".0123456789abcdef.tmp~").write_bytes(b"half an image")
    assert nst("run", run_file, *slow).returncode == 0
    whole, resumed = tmp_path / "outputs" / "whole" / "images", tmp_path / "outputs" / "trial" / "images"
    assert files_of(whole) == files_of(resumed)
    columns = ["pair_id", "status", "output_sha256", "total_loss", "chunk_id"]
    rows = [pd.read_parquet(tmp_path / "outputs" / name / "results")[columns] for name in ("whole", "trial")]
    pd.testing.assert_frame_equal(*(r.sort_values("pair_id", ignore_index=True) for r in rows))


def wait_for_images(folder: Path, process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    """Until the first result file of the run `trial` is there."""
    deadline = time.monotonic() + 120
    while not list((folder / "outputs" / "trial").glob("results/*/*.parquet")):
        assert process.poll() is None, "the run ended before it could be stopped"
        assert time.monotonic() < deadline
        time.sleep(0.05)


def own_server() -> dict[str, str]:
    """The environment of a process that starts its own Prefect server."""
    return {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
