"""Device and precision of the optimisation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

import torch

from nst_core.engine.transfer.recipe import MethodRecipe, TransferRecipe
from nst_core.errors import ConfigError


def resolve_device(wanted: str) -> torch.device:
    """The device of a name; `auto` is CUDA where there is one, else the CPU; `cuda` is `cuda:0`.

    Raises:
        ConfigError: no such kind of device, or not on this machine.
    """
    if wanted == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise ConfigError(f"The device is {wanted!r}; it can be auto, cpu, cuda or cuda:<n>.") from error
    if device.type not in ("cpu", "cuda"):
        raise ConfigError(f"The device is {wanted!r}; it can be auto, cpu, cuda or cuda:<n>.")
    if device.type == "cpu":
        return torch.device("cpu")
    index = device.index or 0
    if index >= torch.cuda.device_count():
        raise ConfigError(f"The device is {wanted!r}, but this machine has {torch.cuda.device_count()} CUDA devices.")
    return torch.device("cuda", index)


_Method = TypeVar("_Method", bound=MethodRecipe)


def resolve_precision(recipe: _Method, device: torch.device) -> _Method:
    """The recipe with `auto` precision made definite: float32 on the CPU; on CUDA bfloat16, of a transfer network tf32.

    A network's picture comes out of its last convolution: in bfloat16 that would have no more than 256 levels.
    """
    if recipe.precision != "auto":
        return recipe
    on_gpu = "tf32" if isinstance(recipe, TransferRecipe) else "bfloat16"
    resolved: Any = on_gpu if device.type == "cuda" else "float32"
    return replace(recipe, precision=resolved)


OUT_OF_MEMORY = (
    "DefaultCPUAllocator: can't allocate memory",
    "CUDA error: out of memory",
    "CUDA driver error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUFFT_ALLOC_FAILED",
    "CUSOLVER_STATUS_ALLOC_FAILED",
)
"""Messages of out-of-memory errors that have no class of their own: of the CPU allocator, driver and CUDA libraries."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that the memory of the device or of the machine ran out."""
    return isinstance(error, torch.OutOfMemoryError) or any(sign in str(error) for sign in OUT_OF_MEMORY)


def set_convolution_precision(precision: str) -> None:
    """Set this process's cuDNN convolutions to a resolved precision: TensorFloat-32 only where it is `tf32`.

    Algorithms are chosen by rule, not by timing: the same batch on the same device gives the same bits.
    """
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
