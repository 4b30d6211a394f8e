"""The batch size that fits into memory: estimated from what autograd keeps, then tried on the device."""

from __future__ import annotations

import contextlib
import math
import os
import resource
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from nst_core.engine.devices import is_out_of_memory, set_convolution_precision
from nst_core.engine.features.base import Extractor
from nst_core.engine.objective import Objective
from nst_core.engine.recipe import Recipe
from nst_core.engine.style_targets import StyleTarget, style_target

SHARE = 0.8
"""Share of the free memory that a batch may take."""

WORKING_SPACE = 2.0
"""Peak memory of an evaluation relative to what autograd keeps: gradients and convolutions' work spaces."""

PROBE_SIDE = 64
"""Side, in pixels, of the images on which memory is measured; it grows with the number of pixels from there on."""

MEMINFO = Path("/proc/meminfo")
STATM, STATUS = Path("/proc/self/statm"), Path("/proc/self/status")
CGROUP = Path("/sys/fs/cgroup")
"""Linux's files of the machine's free memory, of this process's memory, and of a container's limits (version 2)."""


def batch_that_fits(
    recipe: Recipe, extractor: Extractor, device: torch.device, side: int, most: int, memory: int | None = None
) -> int:
    """The largest batch, at most `most` and at least 1, of `side` × `side` images that fits into free memory now.

    On CUDA the estimate is verified by an evaluation, and halved until one succeeds.

    Args:
        memory: bytes that the process may take, in place of the free ones.
    """
    estimate = int(available_bytes(device, memory) / pair_bytes(recipe, extractor, side, side))
    batch = max(1, min(most, estimate))
    if device.type != "cuda":
        return batch
    return largest_working_batch(batch, lambda size: _evaluate_once(recipe, extractor, size, side))


def largest_working_batch(batch: int, attempt: Callable[[int], None]) -> int:
    """Halve `batch` until `attempt` does not run out of memory; 1 is not tried."""
    while batch > 1:
        try:
            attempt(batch)
            break
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        batch //= 2
        torch.cuda.empty_cache()  # not above: there the error's traceback still holds the tensors
    return batch


def available_bytes(device: torch.device, memory: int | None = None) -> float:
    """Bytes that a batch may take now: a share of the free ones, or of `memory` what this process does not hold yet.

    Never more than are free.
    """
    free = free_bytes(device)
    if memory is None:
        return SHARE * free
    held = torch.cuda.memory_allocated(device) if device.type == "cuda" else resident()
    return min(free, max(0, memory - held))


def free_bytes(device: torch.device) -> int:
    """Free memory of the device, in bytes; cached blocks count as free."""
    if device.type == "cuda":
        free, _total = torch.cuda.mem_get_info(device)
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return free + cached
    return _free_of_host()


def peak_resident() -> int:
    """Peak resident memory of this process so far, in bytes.

    On Linux `ru_maxrss` begins, in a new process, with the peak of the one that started it; VmHWM does not.
    """
    with contextlib.suppress(OSError, StopIteration):
        lines = STATUS.read_text(encoding="utf-8").splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


@dataclass(frozen=True)
class MemoryNeed:
    """Estimated peak memory of an evaluation, per pair, in bytes.

    Attributes:
        maps: per pixel that a network sees at once: what autograd keeps, and work spaces.
        state: per pixel of the picture: of optimiser, parametrisation and objective.
        fixed: whatever the size: Gram matrices.
    """

    maps: float
    state: float
    fixed: float

    def of(self, pixels: float) -> int:
        """Of a pair of so many pixels, computed as a whole."""
        return int((self.maps + self.state) * pixels + self.fixed)


def memory_need(recipe: Recipe, extractor: Extractor) -> MemoryNeed:
    """The need of a recipe, measured on two small pictures."""
    side = max(PROBE_SIDE, extractor.min_side(recipe.layer_names()))
    small, large = (_kept_bytes(recipe, extractor, factor * side) for factor in (1, 2))
    per_pixel = (large - small) / (3 * side**2)
    fixed = max(0.0, small - per_pixel * side**2)  # Gram matrices
    return MemoryNeed(WORKING_SPACE * per_pixel, state_vectors(recipe) * 3 * 4, WORKING_SPACE * fixed)


def pair_bytes(recipe: Recipe, extractor: Extractor, width: int, height: int) -> int:
    """Estimated peak memory of an evaluation per pair of `width` × `height` pixels, in bytes."""
    return memory_need(recipe, extractor).of(width * height)


def resident() -> int:
    """Resident memory of this process now, in bytes; where the system does not tell, its peak so far."""
    try:
        return int(STATM.read_text(encoding="utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return peak_resident()


def _free_of_host() -> int:
    """Bytes that Linux calls available, within the container's limit; elsewhere half of the physical memory."""
    try:
        available = 1024 * _entries(MEMINFO)["MemAvailable:"]
    except (OSError, KeyError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    return int(min(available, _left_in_container()))


def _left_in_container() -> float:
    """Bytes up to the limit of the control group, inactive page cache counted as free."""
    try:
        limit, used = (int((CGROUP / name).read_text()) for name in ("memory.max", "memory.current"))
        return max(0, limit - used + _entries(CGROUP / "memory.stat")["inactive_file"])
    except (OSError, ValueError, KeyError):  # the limit is "max", or there are no such files
        return math.inf


def _entries(path: Path) -> dict[str, int]:
    """The numbers in a file of lines `name number …`."""
    return {name: int(number) for name, number, *_ in map(str.split, path.read_text(encoding="utf-8").splitlines())}


def state_vectors(recipe: Recipe) -> int:
    """The state of optimiser, parametrisation and objective, as a number of float32 images."""
    history = {"lbfgs": 2 * recipe.optimiser.history + 4, "adam": 4, "rmsprop": 3, "gradient_descent": 2}
    average = 2 if recipe.average else 0
    count = history[recipe.optimiser.name] + average + 6
    return math.ceil(count * 4 / 3) if recipe.optimiser.precondition == "laplacian" else count


def _kept_bytes(recipe: Recipe, extractor: Extractor, side: int) -> int:
    """Bytes that autograd keeps of one evaluation for the backward pass, and of the targets; each storage once."""
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    objective, images = _probe(recipe, extractor, 1, side)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        terms = objective.terms(images)
    del terms
    weights = {p.untyped_storage().data_ptr() for p in (*extractor.parameters(), *extractor.buffers())}
    return objective.kept_bytes() + sum(size for pointer, size in kept.items() if pointer not in weights)


def _evaluate_once(recipe: Recipe, extractor: Extractor, batch: int, side: int) -> None:
    objective, images = _probe(recipe, extractor, batch, side)
    history = images.new_empty(state_vectors(recipe), *images.shape)  # the optimiser's
    torch.autograd.grad(objective.terms(images).total.sum(), images)
    del history
    torch.cuda.synchronize(images.device)


def _probe(recipe: Recipe, extractor: Extractor, batch: int, side: int) -> tuple[Objective, Tensor]:
    """An objective of noise images, and images to evaluate it at: of the last scale, which needs the most."""
    recipe = replace(recipe, scales=None, stages=())
    set_convolution_precision(recipe.precision)
    images = torch.rand(batch, 3, side, side, generator=torch.Generator().manual_seed(0)).to(extractor.device)
    target: StyleTarget = style_target(images[0], recipe, extractor, images[0])
    objective = Objective(recipe, extractor, images, [target] * batch)
    objective.begin(images)
    return objective, images.requires_grad_(True)
