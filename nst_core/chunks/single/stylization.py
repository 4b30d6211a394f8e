"""The stylization of one image by one style into one file, without a run folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from nst_core.chunks.batch_tensors import content_batch, target_of
from nst_core.chunks.decoding import BatchReader
from nst_core.chunks.encoding import NOT_FINITE, content_pixels, output_pixels
from nst_core.config.devices import run_devices
from nst_core.config.output import Output
from nst_core.config.run_config import RunConfig
from nst_core.engine.batch import LossPoint, Pairs
from nst_core.engine.devices import resolve_precision
from nst_core.engine.images.pixels import Pixels, encode_image
from nst_core.engine.images.suffixes import OUTPUT_SUFFIXES, check_output_suffix
from nst_core.engine.recipe import Recipe
from nst_core.engine.watch import Watch
from nst_core.errors import NumericalError
from nst_core.networks.sessions import session_for
from nst_core.storage.atomic import check_writable, write_bytes_atomic
from nst_core.storage.progress import Progress


def stylize_one(
    content: Path, style: Path, output: Path, config: RunConfig, progress: Progress | None = None
) -> list[LossPoint] | None:
    """Stylize one image and write it; return its loss trace, empty of a transfer network; None at strength 0.

    Args:
        config: method, execution, output and the sources' limits are used. `threads: auto` leaves torch's own number
            of CPU threads: one image may have all cores.
        progress: called with the evaluations done and their total.

    Raises:
        InputError: one of the images cannot be used, or is too small for the method.
        UsageError: the output's name is wrong, or its folder cannot be written.
        ConfigError, WeightsError: the recipe cannot be resolved.
        NumericalError: the optimisation diverged.
    """
    check_output_suffix(output)
    execution = config.execution
    if execution.threads != "auto":
        torch.set_num_threads(execution.threads)
    check_writable(output.parent)
    device = run_devices(execution)[0]
    recipe = resolve_precision(config.method.resolve(), device)
    session = session_for(recipe, device, execution.tiling)
    reader = BatchReader(session, config.content.limits(), config.style.limits())
    image = reader.content(content, recipe.size)
    painting = reader.style(style, recipe.size)
    if recipe.strength == 0:
        _write(content_pixels(content, image, config.output, config.content.limits()), output, config.output)
        return None
    target = target_of(painting, image, session)
    pairs = Pairs(content_batch([image], session), [target], [config.pairing.seed])
    report: Callable[[int, float], None] | None = progress and (
        lambda done, _: progress(done, recipe.total_evaluations)
    )
    result = session.stylize(pairs, Watch(execution.report_every, report), execution.evaluation)
    if result.failed[0]:
        raise NumericalError if isinstance(recipe, Recipe) else NumericalError(NOT_FINITE)
    _write(output_pixels(result.images[0].cpu(), image, config.output), output, config.output)
    return result.traces[0]


def _write(pixels: Pixels, path: Path, output: Output) -> None:
    write_bytes_atomic(path, encode_image(pixels, OUTPUT_SUFFIXES[path.suffix.lower()], output.quality))
