"""Loss and gradient of a batch: computed eagerly, compiled, or replayed as one CUDA graph."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor

from nst_core.engine.devices import is_out_of_memory
from nst_core.engine.objective import Objective
from nst_core.engine.parametrisation import PixelParametrisation
from nst_core.engine.tiling.extractor import TiledExtractor

Evaluation = Literal["eager", "graph", "compile"]

Evaluate = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Points (B, P) to their losses, (4, B) as `LossTerms.stacked` gives them, and gradients, (B, P). Both may be
overwritten by the next call."""

MAX_COMPILED_SHAPES = 256
"""Shapes compiled per process; further ones are evaluated eagerly (by torch's own rule)."""

WARM_UP = 3
"""Evaluations before a CUDA graph is captured: libraries choose algorithms and allocate workspaces in them."""

_capture_lock = threading.Lock()
"""A process can capture one graph at a time."""

log = logging.getLogger(__name__)


def build_evaluation(objective: Objective, parametrisation: PixelParametrisation, evaluation: Evaluation) -> Evaluate:
    """The function that evaluates a batch.

    Args:
        evaluation: `eager`; `graph`: captured once as a CUDA graph, then replayed (the same kernels and bits, without
            the launch times that dominate small batches); `compile`: the losses fused by `torch.compile`, for every
            shape anew. Where one of the latter two does not work, that is logged and `eager` is used; so it is, unsaid,
            where losses draw anew, and where pictures are computed tile by tile.
    """
    plain = _eager(objective, parametrisation, objective_losses(objective))
    start = parametrisation.points()
    if objective.changes or isinstance(objective.extractor, TiledExtractor):
        return plain
    if evaluation == "graph" and start.is_cuda:
        return _or_eager("CUDA graph", lambda: CudaGraphEvaluation(plain, start), plain)
    if evaluation == "compile":
        return _or_eager("torch.compile", lambda: _compiled(objective, parametrisation, start), plain)
    return plain


def objective_losses(objective: Objective) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """A function from images (B, 3, H, W) to losses (4, B) and the sum of the minimised losses, ()."""

    def losses(images: Tensor) -> tuple[Tensor, Tensor]:
        terms = objective.terms(images)
        return terms.stacked(), objective.minimised_loss(terms, images).sum()

    return losses


def _eager(
    objective: Objective, parametrisation: PixelParametrisation, losses: Callable[[Tensor], tuple[Tensor, Tensor]]
) -> Evaluate:
    def evaluate(points: Tensor) -> tuple[Tensor, Tensor]:
        points = points.detach().requires_grad_(True)
        stacked, minimised = losses(parametrisation.image(points))
        (gradients,) = torch.autograd.grad(minimised, points)
        return stacked.detach(), gradients

    return evaluate


def _compiled(objective: Objective, parametrisation: PixelParametrisation, start: Tensor) -> Evaluate:
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, MAX_COMPILED_SHAPES)
    compiled = torch.compile(objective_losses(objective), dynamic=False)
    evaluate = _eager(objective, parametrisation, compiled)
    evaluate(start)  # compiles now, so that a failure raises here
    return evaluate


class CudaGraphEvaluation:
    """An evaluation as a CUDA graph, for points of one shape.

    Args:
        evaluate: eager, without any synchronisation with the host.
        start: points (B, P) on a CUDA device.
    """

    def __init__(self, evaluate: Evaluate, start: Tensor) -> None:
        self.points = start.clone()
        self.graph = torch.cuda.CUDAGraph()
        with _capture_lock, torch.cuda.device(start.device):
            stream: Any = torch.cuda.Stream(start.device)  # type: ignore[no-untyped-call]
            stream.wait_stream(torch.cuda.current_stream(start.device))
            with torch.cuda.stream(stream):
                for _ in range(WARM_UP):
                    evaluate(self.points)
            torch.cuda.current_stream(start.device).wait_stream(stream)
            # Other threads may copy images to the device meanwhile: only this one's calls belong to the graph.
            with torch.cuda.graph(self.graph, stream=stream, capture_error_mode="thread_local"):
                self.losses, self.gradients = evaluate(self.points)
        self._check(evaluate)

    def _check(self, evaluate: Evaluate) -> None:
        """Raise RuntimeError if a replay at other points does not give the losses of an evaluation there."""
        elsewhere = self.points + 0.01
        expected, _ = evaluate(elsewhere)
        losses, _ = self(elsewhere)
        if not torch.equal(expected, losses):
            raise RuntimeError("the captured evaluation gives other losses than the eager one")

    def __call__(self, points: Tensor) -> tuple[Tensor, Tensor]:
        self.points.copy_(points)
        self.graph.replay()
        return self.losses, self.gradients


def _or_eager(what: str, build: Callable[[], Evaluate], plain: Evaluate) -> Evaluate:
    """The evaluation that `build` makes, or `plain` where it fails, unless memory ran out."""
    try:
        return build()
    except Exception as error:
        if is_out_of_memory(error):
            raise
        log.warning("%s does not work here (%s: %s): going on without it.", what, type(error).__name__, error)
        return plain
