"""`nst styles` from run file to training picture."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from PIL import Image
from tiny_networks import adain_files, johnson_file

from flows.cli import _guarded, app
from nst_core.engine.images.pixels import to_tensor
from nst_core.engine.transfer.files import load_network
from nst_core.storage import atomic
from nst_core.transforms import Stylize


def nst(*arguments: object) -> int:
    return _guarded(lambda: app([str(argument) for argument in arguments], standalone_mode=False))


@pytest.fixture
def networks(tmp_path: Path) -> list[Path]:
    return adain_files(tmp_path / "models")


@pytest.fixture
def file(
    tmp_path: Path, networks: list[Path], make_image: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> Path:
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("Ada/a.png", "Ada/b.png", "Bo/c.png")):
        make_image(tmp_path / "style" / name, 72, 60 + seed, seed=seed)
    return write(tmp_path, {"kind": "transfer", "network": [str(path) for path in networks], "size": 40})


def write(folder: Path, method: dict[str, Any] | str, **sections: Any) -> Path:
    execution = {"devices": "cpu", "threads": 1}
    data = {"style": "style", "method": method, "execution": execution} | sections
    (folder / "trial.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")
    return folder / "trial.yaml"


def test_vectors_are_the_network_s_and_paint_training_pictures(
    file: Path, networks: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert nst("styles", file, "-o", "out/styles.parquet") == 0
    assert "out/styles.parquet: 3 styles, each 14 numbers, by the network AdaIN" in capsys.readouterr().out
    rows = pq.read_table("out/styles.parquet").to_pylist()
    assert [(row["style_id"], row["artist"]) for row in rows] == [
        ("Ada/a.png", "Ada"),
        ("Ada/b.png", "Ada"),
        ("Bo/c.png", "Bo"),
    ]
    network = load_network(networks)
    for row in rows:
        image = Image.open(Path("style") / row["style_id"])
        size = (40, round(40 * image.height / image.width))
        pixels = np.array(image.convert("RGB").resize(size, Image.Resampling.LANCZOS))
        expected = network.style_vectors(to_tensor(pixels)[None])[0]
        assert np.allclose(row["vector"], expected.numpy(), atol=1e-6)
    picture = torch.rand(3, 16, 16)
    assert not torch.equal(Stylize(networks, "out/styles.parquet", p=1)(picture), picture)
    before = Path("out/styles.parquet").read_bytes()
    assert nst("styles", file, "-o", "out/styles.parquet") == 0
    assert Path("out/styles.parquet").read_bytes() == before


def test_bad_paintings_are_named_and_the_others_kept(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = (tmp_path / "style" / "Bo" / "c.png").read_bytes()
    (tmp_path / "style" / "Bo" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "style" / "Bo" / "empty.jpg").write_bytes(b"")
    Image.new("RGB", (400, 20)).save(tmp_path / "style" / "Bo" / "flat.png")  # 2 px high at its working size
    assert nst("styles", file, "-o", "styles.parquet") == 3
    printed = capsys.readouterr().out
    assert "3 cannot be used:" in printed
    for name in ("Bo/cut.png: ", "Bo/empty.jpg: ", "Bo/flat.png: "):
        assert name in printed
    assert pq.read_table("styles.parquet").num_rows == 3
    assert nst("styles", file, "-o", "styles.parquet", "--json") == 3
    told = json.loads(capsys.readouterr().out)
    assert (told["written"], [one["style_id"] for one in told["left_out"]]) == (
        3,
        ["Bo/cut.png", "Bo/empty.jpg", "Bo/flat.png"],
    )


def test_what_the_run_file_leaves_out_is_not_in_the_file(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "style" / "Bo" / "same.png").write_bytes((tmp_path / "style" / "Bo" / "c.png").read_bytes())
    settings = ("--set=style.duplicates=drop_exact", "--set=style.exclude=[Ada/a.png]")
    assert nst("styles", file, "-o", "styles.parquet", *settings) == 0
    assert "1 left out by the run file" in capsys.readouterr().out
    assert pq.read_table("styles.parquet")["style_id"].to_pylist() == ["Ada/b.png", "Bo/c.png"]


@pytest.mark.parametrize(
    ("method", "sentence"),
    [
        ("wavelet", "is an optimisation, which has no style vectors"),
        ({"kind": "transfer", "network": "JOHNSON"}, "knows one style"),
        ({"kind": "transfer", "network": "none.pth"}, "there is no network file none.pth"),
        ({"kind": "transfer", "network": "JOHNSON", "colour": "content"}, "leave out method.colour"),
    ],
)
def test_a_method_without_vectors_is_exit_2(
    method: dict[str, Any] | str, sentence: str, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if isinstance(method, dict):
        method = {**method, "network": str(method["network"]).replace("JOHNSON", str(johnson_file(tmp_path)))}
    assert nst("styles", write(tmp_path, method), "-o", "styles.parquet") == 2
    assert sentence in " ".join(capsys.readouterr().err.split())
    assert not Path("styles.parquet").exists()


def test_a_wrong_output_and_no_painting_are_exit_2(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert nst("styles", file, "-o", "style/Ada/a.png") == 2
    assert "must end in .parquet" in capsys.readouterr().err
    Path("folder.parquet").mkdir()
    assert nst("styles", file, "-o", "folder.parquet") == 2
    for path in (tmp_path / "style").rglob("*.png"):
        path.write_bytes(b"no picture")
    assert nst("styles", file, "-o", "styles.parquet") == 2
    assert "no painting that can be used" in capsys.readouterr().err
    assert not Path("styles.parquet").exists()


def test_a_full_disk_is_a_sentence_and_leaves_the_earlier_file(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert nst("styles", file, "-o", "styles.parquet") == 0
    before = Path("styles.parquet").read_bytes()

    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic, "fsync", full)
    assert nst("styles", file, "-o", "styles.parquet") == 1
    assert "No space left to write styles.parquet" in capsys.readouterr().err
    assert Path("styles.parquet").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if atomic.is_temporary(path.name)] == []


def test_magenta_without_its_extra_is_exit_2(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("nst_core.networks.files.find_spec", lambda name: None)
    assert nst("styles", write(tmp_path, {"kind": "transfer", "network": "magenta"}), "-o", "styles.parquet") == 2
    assert "needs the extra onnx" in capsys.readouterr().err
