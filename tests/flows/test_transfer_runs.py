"""Runs whose method is a transfer network, through the flow and the command line, on tiny networks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from PIL import Image
from tiny_networks import adain_files, johnson_file
from trial import images_of, rows_of, run, snapshot
from typer.testing import CliRunner

from flows.cli import app
from nst_core.config.run_config import RunConfig
from nst_core.engine.images.pixels import to_pixels, to_tensor
from nst_core.engine.transfer.files import load_network
from nst_core.errors import ConfigError, RunFolderError, WeightsError

pytestmark = pytest.mark.usefixtures("api")

Make = Callable[..., RunConfig]


@pytest.fixture
def networks(tmp_path: Path) -> list[str]:
    return [str(path) for path in adain_files(tmp_path / "models")]


@pytest.fixture
def method(networks: list[str]) -> dict[str, Any]:
    return {"kind": "transfer", "network": networks, "size": 40}


def pixels(path: Path) -> np.ndarray[Any, np.dtype[np.uint8]]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def nst(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


class TestRuns:
    def test_pictures_are_the_network_s_and_rows_have_no_losses(
        self, config: Make, method: dict[str, Any], networks: list[str]
    ) -> None:
        asked = config("output.gallery=true", "output.report=true", method=method)
        report = run(asked)
        rows = rows_of(asked)
        assert (report.summary.planned, report.summary.success, report.made) == (6, 6, 6)
        losses = rows[
            ["content_loss", "style_loss", "tv_loss", "total_loss", "loss_trace", "alpha", "beta", "tv_weight"]
        ]
        assert losses.isna().all().all()
        assert (rows[["iterations", "evaluations"]] == 0).all().all()
        assert set(rows.method) == {"transfer"}
        assert set(rows.features) == {"vgg19"}
        assert rows.weights_sha256.str.fullmatch(r"[0-9a-f]{64};[0-9a-f]{64}").all()
        network = load_network([Path(name) for name in networks])
        for row in rows.itertuples():
            content, style = (
                to_tensor(np.array(Image.open(path).convert("RGB").resize(size, Image.Resampling.LANCZOS)))[None]
                for path, size in ((row.content_path, (row.width, row.height)), (row.style_path, (40, 40)))
            )
            expected = network(content, network.style_vectors(style), torch.ones(1))
            own = pixels(asked.run_folder / row.file_name).astype(int)
            assert np.abs(own - to_pixels(expected[0]).astype(int)).max() <= 1
        gallery = (asked.run_folder / "gallery" / "ada" / "index.html").read_text(encoding="utf-8")
        assert "NaN" not in gallery
        page = (asked.run_folder / "report" / "index.html").read_text(encoding="utf-8")
        assert "a transfer network" in page
        assert "nan" not in page.lower().replace("nano", "")
        card = (asked.run_folder / "README.md").read_text(encoding="utf-8")
        assert "6 images stylized by a transfer network" in card
        assert networks[0] not in card

    def test_a_second_run_makes_nothing_and_verify_finds_nothing(self, config: Make, method: dict[str, Any]) -> None:
        asked = config("output.gallery=true", "output.report=true", method=method)
        run(asked)
        before = snapshot(asked.run_folder)
        assert run(asked).made == 0
        assert snapshot(asked.run_folder) == before
        verified = nst("verify", str(asked.run_folder))
        assert verified.exit_code == 0, verified.output
        assert "Sound and complete" in verified.output

    @pytest.mark.slow
    def test_what_is_lost_is_made_again_with_the_same_bits(self, config: Make, method: dict[str, Any]) -> None:
        asked = config(method=method)
        run(asked)
        before = images_of(asked)
        for name in rows_of(asked).file_name.iloc[:2]:
            (asked.run_folder / name).unlink()
        assert run(asked).made == 2
        assert images_of(asked) == before

    @pytest.mark.slow
    def test_another_network_is_refused(self, config: Make, method: dict[str, Any], tmp_path: Path) -> None:
        run(config(method=method))
        other = {**method, "network": [str(path) for path in adain_files(tmp_path / "other", seed=3)]}
        with pytest.raises(RunFolderError, match="weights_sha256"):
            run(config(method=other))
        with pytest.raises(RunFolderError, match=r"method\.strength \(none → 0\.2\)"):
            run(config(method={**method, "strength": 0.2}))

    @pytest.mark.slow
    def test_a_network_of_one_style(self, config: Make, tmp_path: Path) -> None:
        asked = config(method={"kind": "transfer", "network": str(johnson_file(tmp_path)), "size": 40})
        assert run(asked).summary.success == 6
        assert set(rows_of(asked).features) == {"vgg16"}

    @pytest.mark.slow
    def test_the_content_s_own_size(self, config: Make, method: dict[str, Any]) -> None:
        asked = config("output.size=original", method=method)
        run(asked)
        for row in rows_of(asked).itertuples():
            assert (row.width, row.height) == Image.open(row.content_path).size

    @pytest.mark.slow
    def test_judged(self, config: Make, method: dict[str, Any]) -> None:
        run(config("output.judge=true", method=method))
        judged = pd.read_parquet(config().run_folder / "quality")
        assert set(judged.pair_id) == set(rows_of(config()).index)
        assert "vgg19" not in set(judged.judge), "the network that made a picture does not judge it"

    @pytest.mark.slow
    def test_an_optimisation_that_begins_at_its_pictures(self, config: Make, networks: list[str]) -> None:
        method = {"recipe": "wavelet", "size": 40, "evaluations": 3, "start": networks[0], "precision": "float32"}
        asked = config(method={**method, "start": "transfer", "start_network": networks})
        assert run(asked).summary.success == 6
        assert run(asked).made == 0
        assert rows_of(asked).total_loss.notna().all()
        recorded = yaml.safe_load((asked.run_folder / "run.yaml").read_text(encoding="utf-8"))
        assert ";" in recorded["method_fingerprint_data"]["method"]["start_sha256"]


class TestManifests:
    def write(self, folders: Path, *rows: str) -> dict[str, Any]:
        (folders / "pairs.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
        return {"strategy": "manifest", "manifest": str(folders / "pairs.csv")}

    def test_strengths_and_blends(self, config: Make, folders: Path, method: dict[str, Any]) -> None:
        pairing = self.write(
            folders,
            "content,style,strength",
            "a.png,Ada/Ada_0.png,0",
            "a.png,Ada/Ada_0.png,0.1",
            "a.png,Ada/Ada_0.png,",
            "a.png,Ada/Ada_0.png@0.7;Bo/Bo_1.png@0.3,",
        )
        asked = config("output.size=original", method={**method, "size": 80}, pairing=pairing)
        assert run(asked).summary.success == 4
        rows = rows_of(asked)
        original = pixels(folders / "content" / "a.png").astype(int)
        away = {
            (row.x_strength, len(row.style_paths)): np.abs(pixels(asked.run_folder / row.file_name) - original).mean()
            for row in rows.itertuples()
        }
        assert away["0", 1] == 0
        assert away["0.1", 1] > 0
        assert len(set(map(str, away.values()))) == 4

    @pytest.mark.parametrize(
        ("column", "cell", "said"),
        [("style_weight", "3", "has a style_weight"), ("content_weight", "0.5", "has a content_weight")],
    )
    def test_weights_of_losses_are_refused(
        self, column: str, cell: str, said: str, config: Make, folders: Path, method: dict[str, Any]
    ) -> None:
        pairing = self.write(folders, f"content,style,{column}", f"a.png,Ada/Ada_0.png,{cell}")
        with pytest.raises(ConfigError, match=f"{said}, and the method is a transfer network"):
            run(config(method=method, pairing=pairing))

    def test_multiples_of_a_weight_are_refused(self, config: Make, method: dict[str, Any]) -> None:
        with pytest.raises(ConfigError, match=r"pairing\.strengths are multiples of a style weight, which a transfer"):
            run(config(method=method, pairing={"strategy": "grid", "strengths": [1, 2]}))

    def test_a_kept_region_has_the_content_s_pixels(self, config: Make, folders: Path, method: dict[str, Any]) -> None:
        mask = np.zeros((64, 80), np.uint8)
        mask[:, :40] = 1
        Image.fromarray(mask).save(folders / "mask.png")
        pairing = self.write(folders, "content,style,mask", f"a.png,Ada/Ada_0.png,{folders / 'mask.png'}")
        asked = config(method={**method, "size": 80, "keep": ["1"]}, pairing=pairing)
        assert run(asked).summary.success == 1
        own = pixels(next((asked.run_folder / "images").rglob("*.png"))).astype(int)
        original = pixels(folders / "content" / "a.png").astype(int)
        assert np.abs(own - original)[:, :36].max() <= 1
        assert np.abs(own - original)[:, 44:].mean() > 5

    def test_style_masks_are_refused(self, config: Make, folders: Path, method: dict[str, Any]) -> None:
        Image.fromarray(np.ones((64, 80), np.uint8)).save(folders / "mask.png")
        Image.fromarray(np.ones((72, 72), np.uint8)).save(folders / "style_mask.png")
        masks = f"{folders / 'mask.png'},{folders / 'style_mask.png'}"
        pairing = self.write(folders, "content,style,mask,style_mask", f"a.png,Ada/Ada_0.png,{masks}")
        with pytest.raises(ConfigError, match="has a style_mask, and the method is a transfer network, which sees"):
            run(config(method=method, pairing=pairing))


class TestTinyPictures:
    def test_pictures_too_small_for_the_network_are_quarantined_in_a_sentence(
        self, config: Make, folders: Path, method: dict[str, Any], make_image: Callable[..., Path]
    ) -> None:
        make_image(folders / "content" / "dot.png", 1, 1)
        make_image(folders / "content" / "strip.png", 300, 16)
        make_image(folders / "content" / "odd.png", 41, 23)
        asked = config("content.min_side=1", method=method)
        summary = run(asked).summary
        assert (summary.success, summary.quarantined) == (8, 4)
        bad = rows_of(asked)[lambda rows: rows.status == "quarantined"]
        assert set(bad.error_class) == {"ImageTooSmall"}
        assert bad.error_message.str.contains("but this method needs 9 on the shorter side").all()


class TestCommandLine:
    """Whole commands."""

    @pytest.fixture
    def file(self, folders: Path, method: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.chdir(folders)
        data = {
            "content": "content",
            "style": "style",
            "pairing": "artist",
            "method": method,
            "execution": {"devices": "cpu", "chunk_size": 1, "batch_size": 1},
            "output": {"gallery": False, "report": False},
        }
        (folders / "trial.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")
        return folders / "trial.yaml"

    def test_stylize(self, folders: Path, networks: list[str], file: Path) -> None:
        images = ["content/a.png", "style/Ada/Ada_0.png", "-o", "out.png"]
        settings = ["--set=method.kind=transfer", f"--set=method.network=[{networks[0]}, {networks[1]}]"]
        made = nst("stylize", *images, *settings, "--set=method.size=40")
        assert made.exit_code == 0, made.output
        assert "in one pass through the network" in made.output
        assert Image.open(folders / "out.png").size == (40, 32)
        as_it_is = nst("stylize", *images, *settings, "--strength", "0")
        assert "the photograph as it is" in as_it_is.output

    def test_a_forecast(self, file: Path) -> None:
        told = nst("plan", str(file), "--json")
        assert told.exit_code == 0, told.output
        forecast = json.loads(told.stdout)
        assert forecast["to_make"] == 6
        assert 0 < forecast["seconds"] < 30
        assert "passes through the network, measured here" in forecast["basis"]

    @pytest.mark.parametrize("command", ["plan", "run", "stylize"])
    @pytest.mark.parametrize("fault", ["missing", "truncated", "of another network", "with code inside"])
    def test_a_bad_network_file_is_one_sentence(
        self, fault: str, command: str, file: Path, networks: list[str]
    ) -> None:
        bad = Path(networks[1])
        if fault == "missing":
            bad.unlink()
        elif fault == "truncated":
            bad.write_bytes(bad.read_bytes()[:700])
        elif fault == "of another network":
            torch.save({"layer.weight": torch.zeros(2, 2)}, bad)
        else:
            torch.save(torch.nn.Linear(2, 2), bad)
        one = ["content/a.png", "style/Ada/Ada_0.png", "-o", "out.png", "--set=method.kind=transfer"]
        arguments = [*one, f"--set=method.network=[{networks[0]}, {bad}]"] if command == "stylize" else [str(file)]
        error = nst(command, *arguments).exception
        assert isinstance(error, WeightsError)
        assert error.exit_code == 2
        assert "\n" not in str(error)
        assert bad.name in str(error)
        assert not (file.parent / "outputs" / "trial" / "plan").exists()

    @pytest.mark.slow
    def test_killed_and_resumed(self, file: Path, folders: Path, make_image: Callable[..., Path]) -> None:
        for number in range(40):
            make_image(folders / "content" / f"more{number}.png", 400, 300, seed=number)
        command = [sys.executable, "-m", "flows", "run", str(file), "--set=method.size=400"]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        process = subprocess.Popen(command, cwd=folders, env=environment, stdout=subprocess.DEVNULL)
        images, deadline = folders / "outputs" / "trial" / "images", time.monotonic() + 120
        while len(list(images.rglob("*.jpg"))) < 5 and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
        made = {path: path.stat().st_mtime_ns for path in images.rglob("*.jpg")}
        assert 5 <= len(made) < 86
        subprocess.run(command, cwd=folders, env=environment, check=True, stdout=subprocess.DEVNULL)
        assert len(list(images.rglob("*.jpg"))) == 86
        again = [path for path, time_then in made.items() if path.stat().st_mtime_ns != time_then]
        assert again == []
        verified = nst("verify", str(folders / "outputs" / "trial"))
        assert verified.exit_code == 0, verified.output
