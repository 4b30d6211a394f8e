"""A small run of which ArtFID can be measured, with networks of random weights in the real ones' places."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from art_stand_ins import stand_in_alexnet, stand_in_inception
from PIL import Image
from shown import done, write

from nst_core.engine.art_networks import Lpips
from nst_core.engine.features.weights import Weights
from nst_core.judging import art_fid


def run_of_copies(tmp_path: Path) -> Path:
    """Two pairs of one artist, whose results are copies of their contents."""
    folder, inputs = tmp_path / "run", tmp_path / "inputs"
    rng = np.random.default_rng(0)
    rows = []
    for name in ("a", "b"):
        style = inputs / f"style {name}.png"
        for path in (inputs / f"{name}.png", style, folder / "images" / f"{name}--ada.png"):
            path.parent.mkdir(parents=True, exist_ok=True)
            coarse = Image.fromarray(rng.integers(0, 255, (6, 8, 3), dtype=np.uint8))
            coarse.resize((96, 80)).save(path)
        (folder / "images" / f"{name}--ada.png").write_bytes((inputs / f"{name}.png").read_bytes())
        made = done(folder, name, features="squeezenet1_0")
        rows.append(
            replace(
                made,
                style_path=str(style),
                style_paths=(str(style),),
                style_shares=(1.0,),
                artist="Ada",
                output_sha256=hashlib.sha256((inputs / f"{name}.png").read_bytes()).hexdigest(),
            )
        )
    return write(folder, rows)


def stand_in_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the Inception network; LPIPS is replaced in the process."""
    linear = {f"lin{i}.model.1.weight": torch.ones(1, n, 1, 1) for i, n in enumerate((64, 192, 384, 256, 256))}
    monkeypatch.setattr(art_fid, "lpips", lambda: Lpips(Weights(stand_in_alexnet(), "", ""), Weights(linear, "", "")))
    return stand_in_inception(tmp_path / "art_inception.pth")[0]
