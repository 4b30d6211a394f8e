"""Finishing one image: from what the engine made to a file and its result row, on a chunk's encode thread."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import torch
from torch import Tensor

import nst_core
from nst_core.chunks.decoding import DecodedPair, ScaledImage, row_weights
from nst_core.config.fingerprint import FINGERPRINT_VERSION
from nst_core.config.run_config import Output
from nst_core.engine.images.limits import ImageLimits
from nst_core.engine.images.pixels import Pixels, decode_image, encode_image, resize_pixels, to_pixels
from nst_core.engine.memory import peak_resident
from nst_core.engine.optimisation import LossPoint, Stylized
from nst_core.engine.recipe import Recipe
from nst_core.errors import NumericalError
from nst_core.run_folder.results import Result, planned_columns
from nst_core.run_folder.time_spent import TimeSpent
from nst_core.storage.atomic import write_if_changed
from nst_core.storage.paths import parse_path


@dataclass(frozen=True)
class StylizedPair:
    """What the engine made of one pair.

    Attributes:
        image: (3, H, W) float32 in [0, 1], on the CPU.
        trace: from the initial image to the delivered one.
        failed: whether it diverged; image and trace are then of no use.
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
    """Where the images of a run go, and what all its rows have in common.

    Attributes:
        recipe: with its precision resolved.
        device: that the images are made on.
        spent: counts the time that encoding and writing take.
    """

    run_folder: Path
    output: Output
    recipe: Recipe
    weights_sha256: str | None
    device: str
    content_limits: ImageLimits = field(default_factory=ImageLimits)
    spent: TimeSpent = field(default_factory=TimeSpent)


def stylized_pairs(stylized: Stylized, seconds: float) -> list[StylizedPair]:
    """The pairs of a batch, one by one; fetches the images from the device.

    Args:
        seconds: that the whole batch took.
    """
    each = zip(stylized.images.cpu(), stylized.traces, stylized.failed, strict=True)
    share = seconds / len(stylized.traces)
    return [
        StylizedPair(image, trace, failed, stylized.iterations, stylized.evaluations, share)
        for image, trace, failed in each
    ]


def write_pair(job: DecodedPair, made: StylizedPair, delivery: OutputSettings, attempts: int) -> Result:
    """Encode and write one image; returns its row.

    Args:
        attempts: how often the pair has been tried, this time included.

    Raises:
        NumericalError: it diverged.
        DiskFull: no space is left.
    """
    if made.failed:
        raise NumericalError
    pixels = output_pixels(made.image, job.content, delivery.output)
    return _success(job, made, delivery, attempts, pixels.shape[:2], _written(pixels, job, delivery))


def write_unstylized(job: DecodedPair, delivery: OutputSettings, attempts: int) -> Result:
    """Encode and write a content as it is, of the size that a stylized one would have; returns its row.

    Raises:
        InputError, DiskFull: the file cannot be read any more; no space is left.
    """
    pixels, content, row = job.content.pixels, job.content, job.row
    if delivery.output.size == "original" and pixels.shape[:2] != (content.height, content.width):
        pixels = decode_image(parse_path(row.content_path), delivery.content_limits).pixels
    return Result(
        pair_id=row.pair_id,
        chunk_id=row.chunk_id,
        status="success",
        attempts=attempts,
        file_name=row.file_name,
        width=pixels.shape[1],
        height=pixels.shape[0],
        iterations=0,
        evaluations=0,
        seconds=0.0,
        fingerprint_version=FINGERPRINT_VERSION,
        code_version=nst_core.__version__,
        output_sha256=_written(pixels, job, delivery),
        **(planned_columns(row) | {"content_sha256": content.sha256}),
    )


def write_preview(job: DecodedPair, image: Tensor, evaluation: int, delivery: OutputSettings) -> None:
    """Write an image on its way, (3, H, W) in [0, 1], to `previews/<its name>/<evaluation>.jpg`. Raises DiskFull."""
    name = PurePosixPath(job.row.file_name)
    folder = PurePosixPath("previews", *name.parts[1:-1], name.stem)
    data = encode_image(output_pixels(image.cpu(), job.content, delivery.output), "jpeg", delivery.output.quality)
    write_if_changed(delivery.run_folder / folder / f"{evaluation:06d}.jpg", data)


def output_pixels(image: Tensor, content: ScaledImage, output: Output) -> Pixels:
    """(3, H, W) in [0, 1], padded or not, as the file shows it: (H, W, 3) uint8, of the size that `output` asks for."""
    pixels = working_pixels(image, content)
    return resize_pixels(pixels, content.width, content.height) if output.size == "original" else pixels


def working_pixels(image: Tensor, content: ScaledImage) -> Pixels:
    """(3, H, W) in [0, 1], padded or not, at the size at which the content is worked on: (H, W, 3) uint8."""
    height, width = content.pixels.shape[:2]
    return to_pixels(image[:, :height, :width])


def _written(pixels: Pixels, job: DecodedPair, delivery: OutputSettings) -> str:
    """Encode an image into its file; returns the sha256 of the bytes."""
    with delivery.spent.on("encode"):
        data = encode_image(pixels, delivery.output.format, delivery.output.quality)
    with delivery.spent.on("write"):
        write_if_changed(delivery.run_folder / job.row.file_name, data)
    return hashlib.sha256(data).hexdigest()


def _success(
    job: DecodedPair,
    made: StylizedPair,
    delivery: OutputSettings,
    attempts: int,
    shape: tuple[int, ...],
    output_sha256: str,
) -> Result:
    recipe, row, last = delivery.recipe, job.row, made.trace[-1]
    alpha, beta = row_weights(row, recipe)
    used = {"content_sha256": job.content.sha256, "style_sha256": job.style_sha256}
    return Result(
        pair_id=row.pair_id,
        chunk_id=row.chunk_id,
        status="success",
        attempts=attempts,
        file_name=row.file_name,
        width=shape[1],
        height=shape[0],
        iterations=made.iterations,
        evaluations=made.evaluations,
        alpha=alpha,
        beta=beta,
        tv_weight=recipe.tv_weight,
        content_loss=last.content,
        style_loss=last.style,
        tv_loss=last.tv,
        total_loss=last.total,
        loss_trace=made.trace,
        seconds=made.seconds,
        device=delivery.device,
        precision=recipe.precision,
        peak_mem_mb=_peak_memory(torch.device(delivery.device)),
        method=recipe.name,
        features=recipe.features,
        weights_sha256=delivery.weights_sha256,
        fingerprint_version=FINGERPRINT_VERSION,
        code_version=nst_core.__version__,
        output_sha256=output_sha256,
        **(planned_columns(row) | used),
    )


def _peak_memory(device: torch.device) -> float:
    """Peak memory in MiB: allocated on a GPU, resident of this process on the CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return peak_resident() / 2**20
