"""Encoding: from the engine's output to an image file and its result row, on a chunk's encode thread."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from torch import Tensor

import nst_core
from nst_core.chunks.batch_tensors import row_weights
from nst_core.chunks.decoding import DecodedPair, ScaledImage, row_strength
from nst_core.chunks.masks import kept_pixels
from nst_core.config.fingerprint import FINGERPRINT_VERSION
from nst_core.config.output import Output
from nst_core.engine.batch import LossPoint, StylizedBatch
from nst_core.engine.images.limits import ImageLimits
from nst_core.engine.images.pixels import Pixels, decode_image, encode_image, resize_pixels, to_pixels
from nst_core.engine.memory import peak_resident
from nst_core.engine.recipe import Recipe
from nst_core.engine.strength import style_ratio, style_share
from nst_core.engine.transfer.recipe import MethodRecipe
from nst_core.errors import NumericalError
from nst_core.run_folder.results import Result, planned_columns
from nst_core.run_folder.time_spent import TimeSpent
from nst_core.storage.atomic import write_if_changed
from nst_core.storage.paths import parse_path

NOT_FINITE = "The network made values that are not finite of this pair: it is another than it was trained to be."


@dataclass(frozen=True)
class StylizedPair:
    """The engine's output for one pair.

    Attributes:
        image: (3, H, W) float32 in [0, 1], on the CPU.
        trace: from the initial image to the delivered one; empty of a transfer network.
        failed: whether it diverged, or is not finite; image and trace are then useless.
        iterations, evaluations: of the optimisation.
        seconds: its share of the batch's time.
    """

    image: Tensor
    trace: Sequence[LossPoint]
    failed: bool
    iterations: int
    evaluations: int
    seconds: float


@dataclass(frozen=True)
class OutputSettings:
    """The place, format and size of a run's images, and the columns that all its rows share.

    Attributes:
        recipe: with its precision resolved.
        features: the network that made the images, or by which their own network was trained.
        device: that computes the images.
        spent: adds up the time that encoding and writing take.
    """

    run_folder: Path
    output: Output
    recipe: MethodRecipe
    features: str
    weights_sha256: str | None
    device: str
    content_limits: ImageLimits = field(default_factory=ImageLimits)
    spent: TimeSpent = field(default_factory=TimeSpent)


def stylized_pairs(stylized: StylizedBatch, seconds: float) -> list[StylizedPair]:
    """Return the pairs of a batch one by one, their images fetched from the device.

    Args:
        seconds: that the whole batch took.
    """
    each = zip(stylized.images.cpu(), stylized.traces, stylized.failed, strict=True)
    share = seconds / len(stylized.traces)
    return [
        StylizedPair(image, trace, failed, stylized.iterations, stylized.evaluations, share)
        for image, trace, failed in each
    ]


def write_pair(pair: DecodedPair, stylized: StylizedPair, settings: OutputSettings, attempts: int) -> Result:
    """Encode and write one image; return its row.

    Args:
        attempts: how often the pair has been tried, this time included.

    Raises:
        NumericalError: it diverged.
        DiskFull: no space is left.
    """
    if stylized.failed:
        raise NumericalError if isinstance(settings.recipe, Recipe) else NumericalError(NOT_FINITE)
    recipe = settings.recipe
    return _write_image(
        _with_kept(output_pixels(stylized.image, pair.content, settings.output), pair, settings),
        pair,
        settings,
        attempts,
        iterations=stylized.iterations,
        evaluations=stylized.evaluations,
        **(_losses(pair, stylized.trace, recipe) if isinstance(recipe, Recipe) else {}),
        seconds=stylized.seconds,
        device=settings.device,
        precision=recipe.precision,
        peak_mem_mb=_peak_memory(torch.device(settings.device)),
        method=recipe.name,
        features=settings.features,
        weights_sha256=settings.weights_sha256,
    )


def _losses(pair: DecodedPair, trace: Sequence[LossPoint], recipe: Recipe) -> dict[str, Any]:
    """The columns of a pair's losses, and of their weights as they were in the objective."""
    (alpha, beta), tv_weight = row_weights(pair.row, recipe), recipe.tv_weight
    strength = row_strength(pair.row, recipe)
    if strength is not None:
        alpha, tv_weight = alpha / style_ratio(strength), tv_weight * style_share(strength)
    last = trace[-1]
    losses = {"content_loss": last.content, "style_loss": last.style, "tv_loss": last.tv, "total_loss": last.total}
    return {"alpha": alpha, "beta": beta, "tv_weight": tv_weight, **losses, "loss_trace": trace}


def _with_kept(pixels: Pixels, pair: DecodedPair, settings: OutputSettings) -> Pixels:
    """`pixels` with the content in its own resolution where it is kept, if the image was enlarged to that."""
    recipe, content = settings.recipe, pair.content
    if pair.masks is None or not recipe.keep or pixels.shape == content.pixels.shape:
        return pixels
    original = decode_image(parse_path(pair.row.content_path), settings.content_limits).pixels
    if original.shape != pixels.shape:
        return pixels  # another file by now
    edge = round(recipe.edge * max(pixels.shape[:2]) / max(content.pixels.shape[:2]))
    keep = kept_pixels(pair.masks, recipe, content.width, content.height, edge)[..., None]
    return np.where(keep == 1, original, np.rint(pixels * (1 - keep) + original * keep)).astype(np.uint8)


def write_content(pair: DecodedPair, settings: OutputSettings, attempts: int) -> Result:
    """Encode and write a content as it is, at the size that a stylized one would have; return its row.

    It is that of a pair without styles, or of strength 0.

    Raises:
        InputError, DiskFull: the file cannot be read any more; no space is left.
    """
    path = parse_path(pair.row.content_path)
    pixels = content_pixels(path, pair.content, settings.output, settings.content_limits)
    return _write_image(pixels, pair, settings, attempts, iterations=0, evaluations=0, seconds=0.0)


def content_pixels(path: Path, content: ScaledImage, output: Output, limits: ImageLimits) -> Pixels:
    """A content as it is, at the size that `output` asks for: its own pixels, read again, where that is the original's.

    Raises InputError.
    """
    if output.size != "original" or content.pixels.shape[:2] == (content.height, content.width):
        return content.pixels
    return decode_image(path, limits).pixels


def write_preview(pair: DecodedPair, image: Tensor, evaluation: int, settings: OutputSettings) -> None:
    """Write an intermediate image, (3, H, W) in [0, 1], to `previews/<its name>/<evaluation>.jpg`. Raises DiskFull."""
    name = PurePosixPath(pair.row.file_name)
    folder = PurePosixPath("previews", *name.parts[1:-1], name.stem)
    data = encode_image(output_pixels(image.cpu(), pair.content, settings.output), "jpeg", settings.output.quality)
    write_if_changed(settings.run_folder / folder / f"{evaluation:06d}.jpg", data)


def output_pixels(image: Tensor, content: ScaledImage, output: Output) -> Pixels:
    """An image (3, H, W) in [0, 1], padded or not, as (H, W, 3) uint8 at the size that `output` asks for."""
    pixels = working_pixels(image, content)
    return resize_pixels(pixels, content.width, content.height) if output.size == "original" else pixels


def working_pixels(image: Tensor, content: ScaledImage) -> Pixels:
    """An image (3, H, W) in [0, 1], padded or not, as (H, W, 3) uint8 at the content's working size."""
    height, width = content.pixels.shape[:2]
    return to_pixels(image[:, :height, :width])


def _write_image(pixels: Pixels, pair: DecodedPair, settings: OutputSettings, attempts: int, **columns: Any) -> Result:
    """Encode an image into its file; return its row, with `columns` in it."""
    row = pair.row
    with settings.spent.on("encode"):
        data = encode_image(pixels, settings.output.format, settings.output.quality)
    with settings.spent.on("write"):
        write_if_changed(settings.run_folder / row.file_name, data)
    hashes = {"content_sha256": pair.content.sha256, "style_sha256": pair.style_sha256}  # of the bytes that were used
    return Result(
        pair_id=row.pair_id,
        chunk_id=row.chunk_id,
        status="success",
        attempts=attempts,
        file_name=row.file_name,
        width=pixels.shape[1],
        height=pixels.shape[0],
        fingerprint_version=FINGERPRINT_VERSION,
        code_version=nst_core.__version__,
        output_sha256=hashlib.sha256(data).hexdigest(),
        **(planned_columns(row) | hashes | columns),
    )


def _peak_memory(device: torch.device) -> float:
    """Peak memory in MiB: allocated on a GPU, resident in this process on the CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return peak_resident() / 2**20
