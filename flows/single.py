"""One content, one style, one file: the engine without run folder or Prefect."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from flows.progress import reporter
from nst_core.atomic import write_bytes_atomic
from nst_core.config import parse_config
from nst_core.engine.devices import resolve_device, resolve_precision
from nst_core.engine.images import (
    decode_image,
    encode_image,
    resize_pixels,
    to_pixels,
    to_tensor,
    working_size,
)
from nst_core.engine.limits import ImageLimits
from nst_core.engine.objective import style_target
from nst_core.engine.optimisation import LossPoint, Pairs, Watch
from nst_core.engine.session import session_for
from nst_core.errors import NumericalError, UsageError

FORMATS: dict[str, Literal["jpeg", "png"]] = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png"}


def stylize_one(
    content: Path, style: Path, output: Path, recipe_name: str, overrides: Sequence[str]
) -> list[LossPoint]:
    """Stylize one image and write it; returns its loss trace.

    Raises:
        InputError: one of the images cannot be used.
        UsageError: the recipe, an override or the output's name is wrong.
        NumericalError: the optimisation diverged.
    """
    if output.suffix.lower() not in FORMATS:
        raise UsageError(f"--output {output}: the name must end in .jpg, .jpeg or .png.")
    config = parse_config({"method": {"recipe": recipe_name}}, overrides)
    device = resolve_device(config.execution.device)
    recipe = resolve_precision(config.method.resolve(), device)
    session = session_for(recipe, device)

    def load(path: Path, longer: int, limits: ImageLimits):  # type: ignore[no-untyped-def]
        pixels = decode_image(path, limits).pixels
        resized = resize_pixels(pixels, *working_size(pixels.shape[1], pixels.shape[0], longer, recipe.upscale))
        return pixels, to_tensor(resized).to(device)

    original, image = load(content, recipe.size, config.content.limits())
    _, painting = load(style, max(1, round(recipe.size * recipe.style_scale)), config.style.limits())
    needed = session.extractor.min_side(recipe.layer_names())
    if min(*image.shape[1:], *painting.shape[1:]) < needed:
        raise UsageError(
            f"At size {recipe.size} the images must have {needed} pixels on the shorter side: set method.size."
        )
    target = style_target(painting, recipe, session.extractor)
    with reporter.stage("Stylizing", recipe.evaluations, "evaluations"):
        watch = Watch(config.execution.report_every, lambda done, _: reporter.at_least(done, recipe.evaluations))
        made = session.stylize(Pairs(image[None], [target], [config.pairing.seed]), watch)
    if made.failed[0]:
        raise NumericalError(
            "The optimisation diverged twice: lower method.optimiser.learning_rate, or the style weight."
        )
    pixels = to_pixels(made.images[0].cpu())
    if config.output.size == "original":
        pixels = resize_pixels(pixels, original.shape[1], original.shape[0])
    write_bytes_atomic(output, encode_image(pixels, FORMATS[output.suffix.lower()], config.output.quality))
    return made.traces[0]
