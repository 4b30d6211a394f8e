"""The measured optimisation: batches as a worker of the pipeline runs them, in as many workers as the machine has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

from nst_core.engine.batch import Pairs, StylizedBatch
from nst_core.engine.cache import Cache
from nst_core.engine.devices import is_out_of_memory, set_convolution_precision
from nst_core.engine.evaluation import Evaluation
from nst_core.engine.features.base import Extractor
from nst_core.engine.method_session import OutOfMemory
from nst_core.engine.optimisation import stylize_batch
from nst_core.engine.recipe import Recipe
from nst_core.engine.style_targets import StyleTarget, depends_on_content, style_target
from nst_core.engine.watch import Watch
from nst_core.errors import NumericalError


@dataclass(frozen=True)
class BenchPictures:
    """The pictures of the pairs: pair i has content i and style i, and each list starts again where it ends.

    Attributes:
        contents: each (3, H, W) sRGB in [0, 1], on the device, all of one shape.
        styles: each (3, h, w).
        origin: origin of the pictures, in words.
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
    """Batches, workers and threads of a measurement.

    Attributes:
        batch: images per batch.
        workers: batches at a time.
        threads: CPU threads of each worker.
        evaluation: the way to compute losses and gradients: see `build_evaluation`.
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
) -> list[StylizedBatch]:
    """Stylize one batch per worker, all at a time, style targets included; in the order of the pairs.

    Args:
        watch_of: makes the watch of each worker.

    Raises:
        OutOfMemory: so many images do not fit.
        NumericalError: one of them diverged.
    """
    targets: Cache[StyleTarget] = Cache(2 * setup.images)  # each made once, as a session of the pipeline does

    def target(pair: int) -> StyleTarget:
        content, style = pictures.content(pair), pictures.style(pair)
        key = (id(style), id(content) if depends_on_content(recipe) else 0)
        return targets.get(key) or targets.keep(key, style_target(style, recipe, extractor, content))

    def work(worker: int) -> StylizedBatch:
        pairs = range(worker * setup.batch, (worker + 1) * setup.batch)
        contents = torch.stack([pictures.content(pair) for pair in pairs])
        batch = Pairs(contents, [target(pair) for pair in pairs], list(pairs))
        return stylize_batch(batch, recipe, extractor, watch_of(worker) if watch_of else None, setup.evaluation)

    set_convolution_precision(recipe.precision)
    try:
        with ThreadPoolExecutor(setup.workers, "bench", torch.set_num_threads, (setup.threads,)) as pool:
            batches = list(pool.map(work, range(setup.workers)))
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemory(
            f"{setup.workers} batches of {setup.batch} images do not fit into memory: give a smaller --batch."
        ) from error
    if any(failed for batch in batches for failed in batch.failed):
        raise NumericalError
    return batches
