"""Settings that all workers of a run share (`Work`), a chunk's callbacks, and the report on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from nst_core.config.devices import threads_of
from nst_core.config.output import Output
from nst_core.config.resolved_method import ResolvedMethod
from nst_core.config.run_config import RunConfig
from nst_core.engine.evaluation import Evaluation
from nst_core.engine.images.limits import ImageLimits
from nst_core.engine.images.pixels import Pixels
from nst_core.engine.tiling.settings import AUTOMATIC, Tiling
from nst_core.engine.transfer.recipe import MethodRecipe
from nst_core.errors import ChunkTimeout, Interrupted
from nst_core.run_folder.plan_table import PlannedPair
from nst_core.run_folder.time_spent import TimeSpent
from nst_core.storage.web_access import WebAccess, web_access


@dataclass(frozen=True)
class Work:
    """The settings that all chunks of a run share; can be pickled.

    Attributes:
        recipe: with its precision resolved.
        threads: CPU threads of this worker.
        tiling: when pictures are computed tile by tile.
        access: the rules by which pictures on the web are fetched.
    """

    run_folder: Path
    recipe: MethodRecipe
    weights_sha256: str | None
    output: Output
    content_limits: ImageLimits
    style_limits: ImageLimits
    device: str
    threads: int = 1
    report_every: int = 10
    evaluation: Evaluation = "eager"
    tiling: Tiling = AUTOMATIC
    access: WebAccess = field(default_factory=web_access)


def work_of(config: RunConfig, method: ResolvedMethod) -> Work:
    """The settings of a run's workers."""
    return Work(
        run_folder=config.run_folder,
        recipe=method.recipe,
        weights_sha256=method.weights_sha256,
        output=config.output,
        content_limits=config.content.limits(),
        style_limits=config.style.limits(),
        device=str(method.device),
        threads=threads_of(config.execution),
        report_every=config.execution.report_every,
        evaluation=config.execution.evaluation,
        tiling=config.execution.tiling,
    )


@dataclass(frozen=True)
class ChunkWatch:
    """Callbacks through which a chunk reports its progress and is stopped.

    Attributes:
        evaluations: called with the number of pair-evaluations done since the last call.
        should_stop: polled; if true, the chunk ends with `Interrupted`.
        past_deadline: polled; if true, it ends with `ChunkTimeout`.
        losses: called with the evaluations done and the mean total of the batch, every `report_every` evaluations.
        preview: called with a pair and its intermediate image, (H, W, 3) uint8 at its working size, every
            `preview_every` evaluations; needs `output.previews` to be off.
    """

    evaluations: Callable[[int], None] = lambda count: None
    should_stop: Callable[[], bool] = lambda: False
    past_deadline: Callable[[], bool] = lambda: False
    losses: Callable[[int, float], None] = lambda evaluations, total: None
    preview: Callable[[PlannedPair, Pixels], None] | None = None
    preview_every: int | None = None

    def poll(self) -> None:
        """Raises Interrupted, ChunkTimeout."""
        if self.should_stop():
            raise Interrupted
        if self.past_deadline():
            raise ChunkTimeout("The deadline passed between two batches.")


@dataclass(frozen=True)
class ChunkReport:
    """The outcome of a chunk.

    Attributes:
        statuses: the number of its wanted pairs by status.
        spent: the time by stage.
    """

    statuses: Counter[str]
    spent: TimeSpent
