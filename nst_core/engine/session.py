"""An extractor on a device, and the style targets made with it: loaded once per process, shared by its threads."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from copy import copy
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import torch

from nst_core.engine.devices import out_of_memory, set_convolutions
from nst_core.engine.evaluation import Evaluation
from nst_core.engine.features import ConvNet, build_extractor
from nst_core.engine.objective import StyleTarget
from nst_core.engine.optimisation import Pairs, Stylized, Watch, stylize_batch
from nst_core.engine.recipe import Recipe
from nst_core.errors import ResourceError

MAX_TARGETS = 256
"""Style targets kept; one of VGG-19's five usual layers takes 1.4 MB."""

MAX_STYLE_KEYS = 16_384
"""Style files whose key is remembered; some hundred bytes each."""

Value = TypeVar("Value")


class OutOfMemory(ResourceError):
    """Not even a single pair fits into the device's memory."""


@dataclass(frozen=True)
class StyleKey:
    """What a style target is kept by.

    Attributes:
        sha256: of the style file's bytes.
        shape: (H, W, 3) of its pixels at the working size.
    """

    sha256: str
    shape: tuple[int, ...]


class Recent(Generic[Value]):
    """A bounded memory shared by threads: the least recently used values are dropped."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Hashable, Value] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Value | None:
        """The value kept as `key`, if it still is."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def keep(self, key: Hashable, value: Value) -> Value:
        """Keep a value as `key`, unless another thread was first; returns the one that is kept."""
        with self._lock:
            kept = self._values.setdefault(key, value)
            while len(self._values) > self._most:
                self._values.popitem(last=False)
        return kept


class Session:
    """What a worker keeps between chunks.

    Attributes:
        style_keys: the key of a style file's target, by the file as it was found and how it was wanted; so a file
            whose target is kept need not be read.
    """

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        self.recipe, self.device = recipe, device
        extractor = build_extractor(recipe)
        if device.type == "cuda" and isinstance(extractor, ConvNet):
            extractor = extractor.channels_last()
        self.extractor = extractor.to(device)
        self.style_keys: Recent[StyleKey] = Recent(MAX_STYLE_KEYS)
        self._targets: Recent[StyleTarget] = Recent(MAX_TARGETS)

    def under(self, recipe: Recipe) -> Session:
        """The same network and targets for another recipe, which must look at none but this session's layers."""
        other = copy(self)
        other.recipe = recipe
        return other

    def kept_target(self, key: Hashable) -> StyleTarget | None:
        """The style target known as `key`, if it has been made and not been dropped since."""
        return self._targets.get(key)

    def target(self, key: Hashable, make: Callable[[], StyleTarget]) -> StyleTarget:
        """The style target known as `key`, made on first use; the least recently used ones are dropped."""
        kept = self._targets.get(key)
        if kept is not None:
            return kept
        try:
            set_convolutions(self.recipe.precision)
            made = make()  # without a lock: another thread may make the same one meanwhile, and the first is kept
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
            raise OutOfMemory(
                f"A style does not fit into the memory of {self.device}: set a smaller method.size."
            ) from error
        return self._targets.keep(key, made)

    def stylize(self, pairs: Pairs, watch: Watch, evaluation: Evaluation = "eager") -> Stylized:
        """As `stylize_batch`; where memory runs out, in halves, down to single pairs.

        Raises:
            OutOfMemory: a single pair does not fit.
        """
        try:
            set_convolutions(self.recipe.precision)
            return stylize_batch(pairs, self.recipe, self.extractor, watch, evaluation)
        except RuntimeError as error:
            if not out_of_memory(error):
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
        first = self.stylize(_part(pairs, slice(None, half)), _half_watch(watch, self.recipe, 0, 0), evaluation)
        second = self.stylize(_part(pairs, slice(half, None)), _half_watch(watch, self.recipe, 1, half), evaluation)
        return _joined([first, second])


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


def _part(pairs: Pairs, rows: slice) -> Pairs:
    return Pairs(
        pairs.contents[rows],
        pairs.targets[rows],
        pairs.seeds[rows],
        pairs.alpha[rows] if pairs.alpha is not None else None,
        pairs.beta[rows] if pairs.beta is not None else None,
    )


def _half_watch(watch: Watch, recipe: Recipe, part: int, first_row: int) -> Watch:
    """How half `part` (0 or 1) of a batch, whose rows begin at `first_row`, reports as a part of the whole."""
    progress, preview = watch.progress, watch.preview
    return replace(
        watch,
        progress=progress and (lambda done, total: progress((part * recipe.evaluations + done) // 2, total)),
        preview=preview and (lambda done, row, image: preview(done, first_row + row, image)),
    )


def _joined(parts: list[Stylized]) -> Stylized:
    return Stylized(
        torch.cat([part.images for part in parts]),
        [trace for part in parts for trace in part.traces],
        [failed for part in parts for failed in part.failed],
        parts[0].iterations,
        parts[0].evaluations,
    )
