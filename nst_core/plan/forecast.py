"""The forecast of a run: pairs, chunks, shapes, time, cost and space on the disk. Starts nothing, writes nothing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from nst_core.config.devices import Fleet
from nst_core.config.resolved_method import ResolvedMethod, resolve_method
from nst_core.config.run_config import RunConfig
from nst_core.errors import NoRoom
from nst_core.plan.counts import count_part, count_plan
from nst_core.plan.new_part import new_part
from nst_core.plan.pair_table import place_counts
from nst_core.plan.part import PlanPart
from nst_core.plan.speed import estimate_speed
from nst_core.plan.state import RunState, read_state
from nst_core.plan.wanted import WantedPairs, wanted_pairs
from nst_core.run_folder.folder import RunFolder
from nst_core.storage.disk import format_bytes, free_bytes
from nst_core.storage.machine import machine_name
from nst_core.storage.progress import Progress

BYTES_PER_PIXEL = {"jpeg": 1.1, "png": 2.3}
"""Of stylized images, by format (JPEG: quality 95, 4:4:4).

`nst demo` came to 0.99 (PNG: 2.12), a run of `squeezenet` to 1.16.
"""

ORIGINAL_GROWTH = {"jpeg": 3, "png": 6}
"""Bytes of a stylized image of its content's own size per byte of the content's file, roughly."""

BYTES_PER_PAIR = 7_000
"""Of plan and results: the same runs came to 8 and 6 kB, in many small files."""

GALLERY_BYTES_PER_PAIR = 60_000
"""Of thumbnails and pages: 50 kB at size 128, 110 kB at 256 where every content has few pairs."""

PRICE = 3.0
"""Of a GPU-hour, in any currency."""


@dataclass(frozen=True)
class Forecast:
    """The counts and estimates of a run.

    Attributes:
        pairs: planned in all; `new_pairs` of them by this run, `done` with nothing left to do.
        to_make: those left whose images can be made; the others are left out, or their inputs are bad.
        chunks: with work left; `shapes`: distinct ones that are optimised, padded to the recipe's bucket.
        left_out: pairs by the reason for which they are skipped.
        bad_inputs: what is wrong with inputs.
        licenses: pairs by licence of content and style.
        seconds: for what is left, on this machine; gpu_hours and cost are 0 on a CPU.
        basis: where the speed behind `seconds` comes from.
        output_bytes: of everything that is left to write; `free_bytes`: of the disk, None at a store.
        notes: sentences for the user about the sources.
        files_left_out: of each source, and folders that cannot be read, by role and reason.
        unreadable: a sentence for each of these folders.
    """

    pairs: int
    new_pairs: int
    done: int
    left: int
    to_make: int
    chunks: int
    contents: int
    styles: int
    artists: int
    shapes: int
    left_out: dict[str, int]
    bad_inputs: tuple[str, ...]
    licenses: dict[str, int]
    seconds: float
    gpu_hours: float
    cost: float
    basis: str
    output_bytes: int
    free_bytes: int | None
    notes: tuple[str, ...]
    files_left_out: dict[str, dict[str, int]]
    unreadable: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def forecast(
    config: RunConfig, progress: Progress | None = None, price: float = PRICE, fleet: Fleet | None = None
) -> Forecast:
    """Count what `run` would do on a fleet, by default this machine's.

    Raises:
        UsageError: as `run` does before it starts, but for a lack of space.
    """
    method = resolve_method(config, fleet)
    folder = RunFolder(config.run_folder)
    folder.check_writable()
    folder.check_method(method.fingerprints)
    wanted = wanted_pairs(config, method.fingerprints.method, progress)
    state = read_state(folder, wanted)
    part = new_part(config, method, wanted, folder, progress)
    return _forecast(config, method, wanted, state, part, price)


def check_room(config: RunConfig, state: RunState, part: PlanPart) -> None:
    """Raise NoRoom if what is left to make will not fit on the disk."""
    needed, free = _needed_bytes(config, state, part), free_bytes(config.run_folder)
    if free is not None and needed > free:
        raise NoRoom(
            f"The run will write about {format_bytes(needed)}, but {format_bytes(free)} are free for "
            f"{config.run_folder}: free some, choose another output.root, lower method.size or "
            "output.quality, or go on with --force."
        )


def _forecast(
    config: RunConfig, method: ResolvedMethod, wanted: WantedPairs, state: RunState, part: PlanPart, price: float
) -> Forecast:
    counts = count_plan(state.plan, state.done_rows) + count_part(part)
    recipe = method.recipe
    speed = estimate_speed(recipe, method.device, machine_name(method.device), method.fleet.here)
    pixels = sum(width * height * count for (width, height), count in counts.work.items())
    seconds = pixels * recipe.full_size_evaluations() / speed.pixels_per_second
    if speed.styles_per_second and pixels:
        seconds += len(counts.styles) / speed.styles_per_second
    gpu_hours = seconds / 3600 if method.device.type == "cuda" else 0.0
    return Forecast(
        pairs=len(state.plan) + len(part),
        new_pairs=len(part),
        done=state.done,
        left=len(state.plan) - state.done + len(part),
        to_make=int(((state.plan.codes("error_class")[0] < 0) & ~state.done_rows).sum())
        + int((part.shapes.error < 0).sum()),
        chunks=len(state.chunks) + part.chunks,
        contents=len(counts.contents),
        styles=len(counts.styles),
        artists=len(counts.artists),
        shapes=len({recipe.padded(*shape) for shape in counts.work}),
        left_out=dict(counts.left_out.most_common()),
        bad_inputs=counts.bad,
        licenses=dict(counts.licenses.most_common()),
        seconds=seconds,
        gpu_hours=gpu_hours,
        cost=gpu_hours * price,
        basis=speed.basis,
        output_bytes=_needed_bytes(config, state, part),
        free_bytes=free_bytes(config.run_folder),
        notes=wanted.notes,
        files_left_out={role: dict(counts) for role, counts in wanted.left_out.items()},
        unreadable=wanted.unreadable,
    )


def _needed_bytes(config: RunConfig, state: RunState, part: PlanPart) -> int:
    """Bytes that are left to write, roughly: images, rows, and thumbnails if there is a gallery."""
    each = BYTES_PER_PAIR + (GALLERY_BYTES_PER_PAIR if config.output.gallery else 0)
    rows = int((~state.done_rows).sum()) + len(part)
    per_pixel = BYTES_PER_PIXEL[config.output.format]
    if config.output.size == "method":
        sizes = state.plan.numbers("width").astype(np.int64) * state.plan.numbers("height")
        pixels = int(sizes[~state.done_rows].sum()) + int(part.shapes.working.prod(axis=1).sum())
        return int(pixels * per_pixel) + rows * each
    contents = state.plan.numbers("content_bytes")[~state.done_rows]  # the plan does not have their sizes in pixels
    planned = ORIGINAL_GROWTH[config.output.format] * int(contents.clip(0).sum())
    return planned + int(_original_pixels(part) * per_pixel) + rows * each


def _original_pixels(part: PlanPart) -> int:
    """Pixels of the contents of all pairs without an error, each as often as it occurs."""
    counts = place_counts(part.pairs.content[part.shapes.error < 0])
    images = {place: part.context.inputs[part.pairs.contents[place].path] for place in counts}
    return sum(image.width * image.height * counts[place] for place, image in images.items())
