"""What the end-to-end benchmark says of its time."""

from __future__ import annotations

import os
import time
from pathlib import Path

import end_to_end
import pytest
import torch
from end_to_end import GpuBusy, main

from nst_core.engine import session as session_module
from nst_core.engine.batch import Pairs, StylizedBatch
from nst_core.engine.optimisation import stylize_batch

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)


def test_time_in_the_optimisation_is_counted_once_where_memory_runs_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def limited(pairs: Pairs, *arguments: object) -> StylizedBatch:
        if len(pairs.contents) > 1:
            raise torch.OutOfMemoryError("full")
        return stylize_batch(pairs, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(session_module, "stylize_batch", limited)
    small = ["--set", "method.size=48", "--set", "method.evaluations=30"]
    main(["--recipe", "wavelet", "--images", "8", "--batch", "8", "--device", "cpu", *small])
    header, _, row = capsys.readouterr().out.splitlines()[-3:]
    values = dict(zip(header.split(" | "), row.split(" | "), strict=True))
    assert values["images"] == "8"
    assert 0 < int(values["in the optimisation"].removesuffix("%")) <= 100
    assert values["GPU busy |"] == "n/a |"


def test_a_gpu_is_as_busy_as_nvidia_smi_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\nprintf '90\\n[N/A]\\n 70\\n'\nexec sleep 60\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _device: type("Card", (), {"uuid": "0-0"}))
    with end_to_end._watched_gpu(CUDA) as busy:
        time.sleep(0.5)
    assert str(busy) == "80%"


def test_a_gpu_of_which_nobody_says_is_not_available(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    for device in (CPU, CUDA):
        with end_to_end._watched_gpu(device) as busy:
            pass
        assert str(busy) == str(GpuBusy()) == "n/a"
    assert end_to_end._mean_share("[N/A]\n") is None
