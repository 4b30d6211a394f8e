"""Devices and precision: what `auto` means, and what is refused."""

from __future__ import annotations

import pytest
import torch

from nst_core.engine.devices import is_out_of_memory, resolve_device, resolve_precision
from nst_core.engine.recipe import Recipe
from nst_core.engine.terms import ContentTerm, StyleTerm
from nst_core.errors import ConfigError

RECIPE = Recipe("test", ContentTerm((("a", 1.0),)), StyleTerm((("a", 1.0),)))


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)


@pytest.mark.usefixtures("two_gpus")
def test_auto_is_the_first_gpu_and_every_device_has_one_spelling() -> None:
    """Sessions are known by their device: `cuda` beside `cuda:0` would load the network twice."""
    assert resolve_device("auto") == resolve_device("cuda") == resolve_device("cuda:0") == torch.device("cuda", 0)
    assert resolve_device("cuda:1") == torch.device("cuda", 1)
    assert resolve_device("cpu") == torch.device("cpu")


@pytest.mark.usefixtures("no_gpu")
def test_auto_without_a_gpu_is_the_cpu() -> None:
    assert resolve_device("auto") == resolve_device("cpu") == resolve_device("cpu:0") == torch.device("cpu")


@pytest.mark.usefixtures("two_gpus")
def test_a_gpu_that_is_not_there_is_refused_with_the_number_there_are() -> None:
    with pytest.raises(ConfigError, match="'cuda:2', but this machine has 2 CUDA devices"):
        resolve_device("cuda:2")


@pytest.mark.parametrize("wanted", ["gpu", "cuda:x", "cuda:-1", "meta", "mps", ""])
def test_anything_else_is_refused_with_what_can_be_said(wanted: str) -> None:
    with pytest.raises(ConfigError, match="it can be auto, cpu, cuda or cuda:<n>"):
        resolve_device(wanted)


@pytest.mark.parametrize(("device", "precision"), [("cpu", "float32"), ("cuda", "bfloat16")])
def test_auto_precision_is_bfloat16_on_a_gpu_only(device: str, precision: str) -> None:
    assert resolve_precision(RECIPE, torch.device(device)).precision == precision


def test_a_precision_that_was_asked_for_stays() -> None:
    for precision in ("float32", "bfloat16"):
        asked = Recipe("test", RECIPE.content, RECIPE.style, precision=precision)  # type: ignore[arg-type]
        assert resolve_precision(asked, torch.device("cuda")) == asked
        assert resolve_precision(asked, torch.device("cpu")) == asked


@pytest.mark.parametrize(
    "message",
    [
        "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.",
        "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported at some other API call",
        "CUDA driver error: out of memory",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "cuFFT error: CUFFT_ALLOC_FAILED",
        "cusolver error: CUSOLVER_STATUS_ALLOC_FAILED, when calling `cusolverDnCreate(handle)`",
    ],
)
def test_memory_that_ran_out_is_known_by_what_every_library_says(message: str) -> None:
    assert is_out_of_memory(RuntimeError(message))


def test_other_errors_of_a_gpu_are_not_lack_of_memory() -> None:
    assert not is_out_of_memory(RuntimeError("CUDA error: an illegal memory access was encountered"))
    assert not is_out_of_memory(RuntimeError("cuFFT error: CUFFT_EXEC_FAILED"))
