"""An extractor on a device, and the style targets made with it: loaded once per process, shared by its threads."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import replace

import torch

from nst_core.engine.features import build_extractor
from nst_core.engine.objective import StyleTarget
from nst_core.engine.optimisation import Pairs, Stylized, Watch, stylize_batch
from nst_core.engine.recipe import Recipe
from nst_core.errors import ResourceError

MAX_TARGETS = 256
"""Style targets kept; one of VGG-19's five usual layers takes 1.4 MB."""


class OutOfMemory(ResourceError):
    """Not even a single pair fits into the device's memory."""


class Session:
    """What a worker keeps between chunks."""

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        self.recipe, self.device = recipe, device
        self.extractor = build_extractor(recipe).to(device)
        self._targets: OrderedDict[Hashable, StyleTarget] = OrderedDict()
        self._lock = threading.Lock()

    def target(self, key: Hashable, make: Callable[[], StyleTarget]) -> StyleTarget:
        """The style target known as `key`, made on first use; the least recently used ones are dropped."""
        with self._lock:
            if key in self._targets:
                self._targets.move_to_end(key)
                return self._targets[key]
        try:
            made = make()  # outside the lock: another thread may make the same one meanwhile, and the first is kept
        except RuntimeError as error:
            if not _out_of_memory(error):
                raise
            raise OutOfMemory(
                f"A style does not fit into the memory of {self.device}: set a smaller method.size."
            ) from error
        with self._lock:
            made = self._targets.setdefault(key, made)
            while len(self._targets) > MAX_TARGETS:
                self._targets.popitem(last=False)
        return made

    def stylize(self, pairs: Pairs, watch: Watch) -> Stylized:
        """As `stylize_batch`; where memory runs out, in halves, down to single pairs.

        Raises:
            OutOfMemory: a single pair does not fit.
        """
        try:
            return stylize_batch(pairs, self.recipe, self.extractor, watch)
        except RuntimeError as error:
            if not _out_of_memory(error):
                raise
            if len(pairs.contents) == 1:
                height, width = pairs.contents.shape[2:]
                raise OutOfMemory(
                    f"One pair of {width} × {height} pixels does not fit into the memory of {self.device}: "
                    "set a smaller method.size."
                ) from error
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        half = len(pairs.contents) // 2
        return _joined(
            [self.stylize(_part(pairs, slice(None, half)), watch), self.stylize(_part(pairs, slice(half, None)), watch)]
        )


_sessions: dict[Hashable, Session] = {}
_sessions_lock = threading.Lock()


def session_for(recipe: Recipe, device: torch.device) -> Session:
    """This process's session for a recipe (precision resolved) on a device.

    Raises:
        ConfigError, WeightsError: the recipe asks for what is not to be had.
    """
    key = (replace(recipe, size=1), device)  # targets are kept by their own size
    with _sessions_lock:
        if key not in _sessions:
            _sessions[key] = Session(recipe, device)
        return _sessions[key]


def _out_of_memory(error: RuntimeError) -> bool:
    """The CPU's allocator and CUDA's libraries have no class of their own for it."""
    signs = ("DefaultCPUAllocator: can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")
    return isinstance(error, torch.OutOfMemoryError) or any(sign in str(error) for sign in signs)


def _part(pairs: Pairs, rows: slice) -> Pairs:
    return Pairs(
        pairs.contents[rows],
        pairs.targets[rows],
        pairs.seeds[rows],
        pairs.alpha[rows] if pairs.alpha is not None else None,
        pairs.beta[rows] if pairs.beta is not None else None,
    )


def _joined(parts: list[Stylized]) -> Stylized:
    return Stylized(
        torch.cat([part.images for part in parts]),
        [trace for part in parts for trace in part.traces],
        [failed for part in parts for failed in part.failed],
        parts[0].iterations,
        parts[0].evaluations,
    )
