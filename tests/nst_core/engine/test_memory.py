"""Batches from free memory: estimates grow as they should, and a device that is fuller than estimated is believed."""

from __future__ import annotations

import gc
import os
import resource
import subprocess
import sys
import weakref
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from nst_core.engine import memory
from nst_core.engine.features import Extractor, build_extractor
from nst_core.engine.memory import batch_that_fits, free_bytes, largest_working_batch, pair_bytes, peak_resident
from nst_core.engine.optimiser_settings import OptimiserSettings
from nst_core.engine.recipe import Recipe
from nst_core.engine.terms import ContentTerm, StyleTerm

CPU = torch.device("cpu")
RECIPE = Recipe(
    "small",
    ContentTerm((("fire3", 1.0),)),
    StyleTerm((("relu1", 1.0), ("fire2", 1.0))),
    features="squeezenet1_1",
    weights="random",
    precision="float32",
)


@pytest.fixture(scope="module")
def extractor() -> Extractor:
    return build_extractor(RECIPE)


def test_the_estimate_grows_with_the_pixels(extractor: Extractor) -> None:
    one, four = (pair_bytes(RECIPE, extractor, side, side) for side in (512, 1024))
    assert 3.8 < four / one < 4.1


def test_the_estimate_for_another_size_is_what_autograd_keeps_there(extractor: Extractor) -> None:
    predicted = pair_bytes(RECIPE, extractor, 256, 256) - memory.state_vectors(RECIPE) * 12 * 256**2
    kept = memory.WORKING_SPACE * memory._kept_bytes(RECIPE, extractor, 256)
    assert predicted == pytest.approx(kept, rel=0.1)


def test_a_longer_history_takes_its_place(extractor: Extractor) -> None:
    long = Recipe(**{**RECIPE.__dict__, "optimiser": OptimiserSettings(history=100)})
    extra = pair_bytes(long, extractor, 256, 256) - pair_bytes(RECIPE, extractor, 256, 256)
    assert extra == 2 * 90 * 3 * 4 * 256**2


@pytest.mark.parametrize(("pairs_worth", "batch"), [(0.1, 1), (3.5, 3), (1000.0, 16)])
def test_the_batch_is_what_fits(
    extractor: Extractor, monkeypatch: pytest.MonkeyPatch, pairs_worth: float, batch: int
) -> None:
    one = pair_bytes(RECIPE, extractor, 64, 64)
    monkeypatch.setattr(memory, "free_bytes", lambda _device: pairs_worth * one / memory.SHARE)
    assert batch_that_fits(RECIPE, extractor, CPU, 64, most=16) == batch


def test_free_memory_of_this_machine_is_known() -> None:
    assert 2**20 < free_bytes(CPU) < 2**50


@pytest.fixture
def linux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Linux with 1000 KiB free and 8000 KiB available; its (empty) control group."""
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 16000 kB\nMemFree: 1000 kB\nMemAvailable: 8000 kB\nHugePages_Total: 0\n")
    monkeypatch.setattr(memory, "MEMINFO", meminfo)
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    return tmp_path


@pytest.mark.usefixtures("linux")
def test_page_cache_counts_as_free() -> None:
    assert free_bytes(CPU) == 8000 * 1024


@pytest.mark.parametrize(
    ("limit", "used", "cache", "free_kib"),
    [(3000, 2500, 500, 1000), (100_000, 2500, 500, 8000), (2000, 2500, 0, 0), ("max", 2500, 500, 8000)],
)
def test_a_container_has_what_its_limit_leaves(
    linux: Path, limit: int | str, used: int, cache: int, free_kib: int
) -> None:
    (linux / "memory.max").write_text(f"{limit if limit == 'max' else 1024 * int(limit)}\n")
    (linux / "memory.current").write_text(f"{1024 * used}\n")
    (linux / "memory.stat").write_text(f"anon 1\ninactive_file {1024 * cache}\n")
    assert free_bytes(CPU) == 1024 * free_kib


def test_where_there_is_no_proc_half_of_the_memory_is_taken_for_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mac = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1000}  # and no SC_AVPHYS_PAGES
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "none")
    monkeypatch.setattr(os, "sysconf", mac.__getitem__)
    assert free_bytes(CPU) == 500 * 4096


@pytest.mark.parametrize(("platform", "unit"), [("linux", 1024), ("darwin", 1)])
def test_the_peak_is_in_bytes_whatever_the_system_counts_in(
    platform: str, unit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(memory, "STATUS", tmp_path / "none")
    monkeypatch.setattr(resource, "getrusage", lambda _who: SimpleNamespace(ru_maxrss=5 * 2**20))
    assert peak_resident() == 5 * 2**20 * unit


@pytest.mark.skipif(sys.platform != "linux", reason="Linux counts the peak of the process that started this one")
def test_the_peak_is_not_that_of_the_process_that_started_this_one() -> None:
    script = "from nst_core.engine.memory import peak_resident; print(peak_resident())"
    held = bytearray(2**30)
    held[:: 2**12] = b"x" * 2**18  # resident
    assert peak_resident() > 2**30
    del held
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(process.stdout) < 2**30


@pytest.mark.parametrize(("fits", "found"), [(100, 48), (24, 24), (20, 12), (0, 1)])
def test_a_batch_that_does_not_fit_is_halved(fits: int, found: int) -> None:
    tried = []

    def attempt(batch: int) -> None:
        tried.append(batch)
        if batch > fits:
            raise torch.OutOfMemoryError("full")

    assert largest_working_batch(48, attempt) == found
    assert tried[0] == 48


def test_memory_is_given_back_when_nothing_of_the_attempt_holds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    tensors: list[weakref.ref[torch.Tensor]] = []
    held: list[bool] = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: held.append(tensors[0]() is not None))

    def attempt(batch: int) -> None:
        tensor = torch.ones(batch)
        tensors.append(weakref.ref(tensor))
        raise torch.OutOfMemoryError("full")

    gc.disable()
    try:
        largest_working_batch(2, attempt)
    finally:
        gc.enable()
    assert held == [False]


def test_other_errors_are_not_taken_for_full_memory() -> None:
    def attempt(_batch: int) -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        largest_working_batch(8, attempt)
