"""Our side: the optimisation as a worker of the pipeline runs it, in as many workers as the machine has."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nst_core.engine.devices import out_of_memory, set_convolutions
from nst_core.engine.evaluation import Evaluation
from nst_core.engine.features.base import Extractor
from nst_core.engine.objective import StyleTarget, style_target
from nst_core.engine.optimisation import Pairs, Stylized, Watch, stylize_batch
from nst_core.engine.recipe import Recipe
from nst_core.engine.session import OutOfMemory
from nst_core.errors import NumericalError


@dataclass(frozen=True)
class BenchPictures:
    """What pairs are made of: pair i is content i and style i, either list begun again where it ends.

    Attributes:
        contents: each (3, H, W) sRGB in [0, 1], on the device, all of one shape.
        styles: each (3, h, w).
        origin: in words, where they came from.
    """

    contents: Sequence[Tensor]
    styles: Sequence[Tensor]
    origin: str

    def content(self, pair: int) -> Tensor:
        return self.contents[pair % len(self.contents)]

    def style(self, pair: int) -> Tensor:
        return self.styles[pair % len(self.styles)]


@dataclass(frozen=True)
class Setup:
    """How ours runs.

    Attributes:
        batch: images per batch.
        workers: batches at a time.
        threads: CPU threads of each worker.
        evaluation: how losses and gradients are computed: see `build_evaluation`.
    """

    batch: int
    workers: int
    threads: int
    evaluation: Evaluation = "eager"

    @property
    def images(self) -> int:
        return self.batch * self.workers


def stylize_all(
    recipe: Recipe,
    extractor: Extractor,
    pictures: BenchPictures,
    setup: Setup,
    watch_of: Callable[[int], Watch] | None = None,
) -> list[Stylized]:
    """One batch per worker, all at a time, from style targets to finished images; in the order of the pairs.

    Args:
        watch_of: gives each worker its own look inside.

    Raises:
        OutOfMemory: so many images do not fit.
        NumericalError: one of them diverged.
    """
    targets = _Targets(recipe, extractor, pictures)

    def work(worker: int) -> Stylized:
        pairs = range(worker * setup.batch, (worker + 1) * setup.batch)
        contents = torch.stack([pictures.content(pair) for pair in pairs])
        batch = Pairs(contents, [targets.of(pair) for pair in pairs], list(pairs))
        return stylize_batch(batch, recipe, extractor, watch_of(worker) if watch_of else None, setup.evaluation)

    set_convolutions(recipe.precision)
    pool = ThreadPoolExecutor(setup.workers, "bench", torch.set_num_threads, (setup.threads,))
    try:
        with pool:
            made = list(pool.map(work, range(setup.workers)))
    except RuntimeError as error:
        if not out_of_memory(error):
            raise
        raise OutOfMemory(
            f"{setup.workers} batches of {setup.batch} images do not fit into memory: give a smaller --batch."
        ) from error
    if any(failed for batch in made for failed in batch.failed):
        raise NumericalError
    return made


class _Targets:
    """Style targets of one run, each made once, as a session of the pipeline keeps them."""

    def __init__(self, recipe: Recipe, extractor: Extractor, pictures: BenchPictures) -> None:
        self.recipe, self.extractor, self.pictures = recipe, extractor, pictures
        self._made: dict[tuple[int, int], StyleTarget] = {}
        self._lock = threading.Lock()

    def of(self, pair: int) -> StyleTarget:
        content, style = self.pictures.content(pair), self.pictures.style(pair)
        key = (id(style), id(content) if self.recipe.colour == "content" else 0)
        if key not in self._made:  # two workers may make the same one: the first is kept
            made = style_target(style, self.recipe, self.extractor, content)
            with self._lock:
                self._made.setdefault(key, made)
        return self._made[key]


def with_evaluations(recipe: Recipe, evaluations: int) -> Recipe:
    """The recipe with another number of evaluations per image."""
    return replace(recipe, evaluations=evaluations)
