"""`nst bench`: the throughput of a recipe on this machine, its cost, and a comparison with one image at a time.

Needs PyYAML and what the engine needs: it runs on a bare GPU machine, as `python -m nst_core.bench`.
"""

from __future__ import annotations

import os
import time
import typing
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from nst_core.bench.images import load_pictures
from nst_core.config.default_recipe import AUTO, default_recipe
from nst_core.engine.bench.batch_runner import BenchPictures, Setup
from nst_core.engine.bench.ceiling import measure_ceiling
from nst_core.engine.bench.equal_loss import EqualLossComparison, compare
from nst_core.engine.bench.flops import evaluation_flops
from nst_core.engine.bench.report import BenchCost, BenchReport, EqualLoss, Machine, Throughput, cost_of
from nst_core.engine.bench.throughput import measure_throughput
from nst_core.engine.devices import resolve_device, resolve_precision
from nst_core.engine.evaluation import Evaluation
from nst_core.engine.memory import batch_that_fits
from nst_core.engine.recipe import Recipe
from nst_core.engine.session import Session, session_for
from nst_core.errors import UsageError
from nst_core.plan.speed import record_speed
from nst_core.recipes import load_recipe
from nst_core.recipes.overrides import set_override
from nst_core.storage.machine import cores, machine_name
from nst_core.storage.progress import Progress

BATCH = {"cpu": 2, "cuda": 64}
"""Default images per batch, if they fit into memory: the pipeline's own choice."""

COCO = 118_287
"""Images of COCO's train2017."""


@dataclass(frozen=True)
class BenchOptions:
    """The recipe to measure, the measurements, and their sizes.

    Attributes:
        recipe: a recipe's name, or the path of its file; `auto`: that of a run file without one, on this device.
        overrides: `key.sub=value` of the recipe's keys; `method.` may stand before them, as in run files.
        size: side of the square images in pixels; None is the recipe's.
        batches: images per batch, each measured; none is the pipeline's own choice for the device.
        precision: None is the recipe's.
        workers: batches at a time; None is one per core (CPU), or one (GPU).
        threads: CPU threads of each worker.
        evaluation: `eager`, `graph` or `compile`: how losses and gradients are computed.
        evaluations: timed per image for the throughput.
        reference: whether to compare with the sequential reference.
        reference_evaluations: evaluations of the reference per image.
        reference_images: largest number of images of the reference per round.
        rounds: number of runs of each side of the comparison.
        images: number to compute hours and cost for.
        price: price of the device per hour.
        contents, styles: folders of pictures; None for both are the built-in samples.
        data_folder: the folder to write the samples to.
    """

    recipe: str = AUTO
    overrides: Sequence[str] = ()
    size: int | None = None
    batches: Sequence[int] = ()
    precision: str | None = None
    device: str = "auto"
    workers: int | None = None
    threads: int = 1
    evaluation: str = "eager"
    evaluations: int = 20
    reference: bool = True
    reference_evaluations: int = 100
    reference_images: int = 4
    rounds: int = 2
    images: int = COCO
    price: float = 3.0
    contents: Path | None = None
    styles: Path | None = None
    data_folder: Path = Path("data")


def run_bench(options: BenchOptions, progress: Progress | None = None) -> BenchReport:
    """Measure, and report. `progress` is called with the number of parts done and their total.

    Raises:
        UsageError: an option, the recipe or an override is wrong.
        InputError: a picture cannot be read.
        OutOfMemory: a batch does not fit.
    """
    started = time.perf_counter()
    _check(options)
    device = resolve_device(options.device)
    machine = _machine(device)
    recipe = resolve_precision(_recipe(options), device)
    session = session_for(recipe, device)
    _check_size(recipe, session)
    pictures = load_pictures(
        options.contents, options.styles, options.data_folder, (recipe.size, recipe.style_size(recipe.size)), device
    )
    setups = _setups(options, recipe, session)
    parts = _PartCounter(options, len(setups), progress)
    flops = evaluation_flops(recipe, session.extractor, recipe.size, recipe.size)
    busy = setups[0].workers * options.threads if device.type == "cpu" else options.threads
    ceiling = measure_ceiling(device, recipe.precision, busy)
    parts.advance()
    throughput = []
    for setup in setups:
        measured = measure_throughput(recipe, session.extractor, pictures, setup, options.evaluations, flops, ceiling)
        throughput.append(measured)
        parts.advance()
    best = max(throughput, key=lambda found: found.evaluations_per_second)
    today = datetime.now(UTC).date().isoformat()
    record_speed(recipe, str(device), machine.name, best.evaluations_per_second, today)
    equal = None
    if options.reference:
        setup = replace(setups[0], batch=best.batch)
        equal = compare(_comparison(options, recipe, session, pictures, setup, machine.cores), parts.advance)
    return BenchReport(
        recipe=recipe.name,
        features=recipe.features,
        size=recipe.size,
        evaluations=recipe.total_evaluations,
        precision=recipe.precision,
        images=pictures.origin,
        machine=machine,
        flops=flops,
        ceiling=ceiling,
        throughput=tuple(throughput),
        equal_loss=equal,
        costs=tuple(costs_of(recipe.total_evaluations, throughput, equal, options.images, options.price)),
        seconds=time.perf_counter() - started,
    )


def costs_of(
    evaluations: int, throughput: Sequence[Throughput], equal: EqualLoss | None, images: int, price: float
) -> list[BenchCost]:
    """Costs at the best throughput with the recipe's own evaluations; and at equal loss, ours and the reference's."""
    best = max(found.evaluations_per_second for found in throughput)
    costs = [cost_of(f"ours, {evaluations} evaluations", best / evaluations, images, price)]
    if equal:
        reference = equal.reference.evaluations
        sides = {
            f"ours, equal to reference at {reference}": equal.ours,
            f"reference, {reference} evaluations": equal.reference,
        }
        costs += [cost_of(label, side.images_per_second, images, price) for label, side in sides.items()]
    return costs


def report_dict(report: BenchReport) -> dict[str, Any]:
    """The report as JSON data, keys as the dataclasses name them."""
    return asdict(report)


class _PartCounter:
    """Counts finished parts: the ceiling, each batch size, each image or run of the comparison."""

    def __init__(self, options: BenchOptions, batches: int, progress: Progress | None) -> None:
        compared = options.rounds * (options.reference_images + 1) + 1
        self.done, self.total = 0, 1 + batches + (compared if options.reference else 0)
        self.progress = progress

    def advance(self) -> None:
        self.done += 1
        self.total = max(self.total, self.done)
        if self.progress:
            self.progress(self.done, self.total)


def _check(options: BenchOptions) -> None:
    whole = {
        "--size": options.size,
        "--workers": options.workers,
        "--threads": options.threads,
        "--evaluations": options.evaluations,
        "--reference-evaluations": options.reference_evaluations,
        "--reference-images": options.reference_images,
        "--rounds": options.rounds,
        "--images": options.images,
    }
    for name, value in [*whole.items(), *(("--batch", batch) for batch in options.batches)]:
        if value is not None and value < 1:
            raise UsageError(f"{name} is {value}; it must be 1 or more.")
    if options.evaluation not in typing.get_args(Evaluation):
        known = ", ".join(typing.get_args(Evaluation))
        raise UsageError(f"--evaluation is {options.evaluation!r}; it can be {known}.")
    if not 0 <= options.price < float("inf"):
        raise UsageError(f"--price is {options.price}; it must be a number, 0 or more.")


def _recipe(options: BenchOptions) -> Recipe:
    overrides: dict[str, Any] = {}
    for override in options.overrides:
        set_override(overrides, override.strip().removeprefix("method."))
    if options.size is not None:
        overrides["size"] = options.size
    if options.precision is not None:
        overrides["precision"] = options.precision
    name = default_recipe(options.device).name if options.recipe == AUTO else options.recipe
    recipe = load_recipe(name, overrides)
    if len(recipe.networks()) > 1:
        raise UsageError(
            f"{recipe.name} has stages on several networks: measure each by itself, with --set stages=null and --set "
            "features=… --set weights=…; `nst plan` then puts their times together."
        )
    if not recipe.scales and not recipe.stages:
        return recipe
    # Measured is the evaluation at the delivered size; the schedule counts as so many of those as cost the same.
    return replace(recipe, scales=None, stages=(), evaluations=max(1, round(recipe.full_size_evaluations())))


def _check_size(recipe: Recipe, session: Session) -> None:
    needed = session.extractor.min_side(recipe.layer_names())
    if min(recipe.size, recipe.style_size(recipe.size)) < needed:
        raise UsageError(f"The layers of {recipe.name} need {needed} pixels a side: give a larger --size.")


def _setups(options: BenchOptions, recipe: Recipe, session: Session) -> list[Setup]:
    kind = session.device.type
    workers = options.workers or (cores() if kind == "cpu" else 1)
    batches = options.batches or (batch_that_fits(recipe, session.extractor, session.device, recipe.size, BATCH[kind]),)
    evaluation = typing.cast(Evaluation, options.evaluation)
    return [Setup(batch, workers, options.threads, evaluation) for batch in batches]


def _comparison(
    options: BenchOptions, recipe: Recipe, session: Session, pictures: BenchPictures, setup: Setup, threads: int
) -> EqualLossComparison:
    judge = session_for(replace(recipe, precision="float32"), session.device).extractor
    images = min(options.reference_images, setup.images)
    evaluations, rounds = options.reference_evaluations, options.rounds
    return EqualLossComparison(recipe, session.extractor, judge, pictures, setup, evaluations, images, rounds, threads)


def _machine(device: torch.device) -> Machine:
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return Machine(str(device), machine_name(device), cores(), load, torch.__version__)
