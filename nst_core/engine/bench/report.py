"""The figures of a benchmark as data, each with its unit in its name or docstring."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Flops:
    """Floating-point operations of one evaluation (loss and gradient) of one image, 2 per multiply-add.

    Attributes:
        features: operations of the extractor's convolutions and matrix products.
        grams: operations of the Gram matrices.
        total: sum of both.
    """

    features: int
    grams: int
    total: int


@dataclass(frozen=True)
class Ceiling:
    """The fastest matrix product of this run.

    Attributes:
        flop_per_second: reached by it.
        shape: (m, k, n) of the product (m × k) · (k × n).
        precision: precision of its factors, as in recipes.
        threads: CPU threads used.
    """

    flop_per_second: float
    shape: tuple[int, int, int]
    precision: str
    threads: int


@dataclass(frozen=True)
class Throughput:
    """The throughput of the optimisation, optimiser included, warm-up excluded.

    Attributes:
        batch: images optimised in lockstep by each worker.
        workers, threads: batches at a time, and CPU threads of each.
        evaluations: timed, per image.
        seconds: wall time of these.
        ms_per_evaluation_and_image: `1000 · seconds / (workers · batch · evaluations)`.
        evaluations_per_second: evaluations of all images and workers together.
        flop_per_second: `evaluations_per_second` times the operations of one.
        ceiling_fraction: `flop_per_second` over the ceiling's.
        peak_memory_mib: MiB allocated on a GPU, resident in the whole process on the CPU.
    """

    batch: int
    workers: int
    threads: int
    evaluations: int
    seconds: float
    ms_per_evaluation_and_image: float
    evaluations_per_second: float
    flop_per_second: float
    ceiling_fraction: float
    peak_memory_mib: float


@dataclass(frozen=True)
class Side:
    """One side of a comparison, from decoded images to finished ones.

    Attributes:
        images: number of images per round.
        evaluations: evaluations per image.
        seconds: wall time of each round.
        images_per_second: throughput of the fastest round, which other processes on the machine have slowed least.
    """

    images: int
    evaluations: int
    seconds: tuple[float, ...]
    images_per_second: float


@dataclass(frozen=True)
class EqualLoss:
    """The pipeline (ours) against the sequential reference at equal final loss, run in turns.

    Attributes:
        batch, workers, threads: of ours.
        reference_threads: CPU threads of the reference.
        reference_loss: geometric mean of the reference's final totals (clamped images, judged in float32).
        loss_ratio: geometric mean over the images that both made of our final total over the reference's: at most 1.
        speedup: our images per second over the reference's.
    """

    batch: int
    workers: int
    threads: int
    reference_threads: int
    reference: Side
    ours: Side
    reference_loss: float
    loss_ratio: float
    speedup: float


@dataclass(frozen=True)
class BenchCost:
    """Time and price of many images.

    Attributes:
        label: name of the method, for display.
        images_per_second: the throughput.
        images: their number.
        hours: on this machine's device.
        price_per_hour: in any currency.
        cost: `hours · price_per_hour`.
    """

    label: str
    images_per_second: float
    images: int
    hours: float
    price_per_hour: float
    cost: float


@dataclass(frozen=True)
class Machine:
    """The machine of a benchmark.

    Attributes:
        device: as torch spells it.
        name: name of the processor or GPU.
        cores: CPU cores that the process may use.
        load: the machine's load average of the last minute as the benchmark began, None where there is none.
    """

    device: str
    name: str
    cores: int
    load: float | None
    torch: str


@dataclass(frozen=True)
class BenchReport:
    """All figures of one benchmark.

    Attributes:
        size: side of the square images, in pixels.
        evaluations: the recipe's evaluations per image.
        images: origin of the pictures, in words.
        seconds: wall time of the whole benchmark.
    """

    recipe: str
    features: str
    size: int
    evaluations: int
    precision: str
    images: str
    machine: Machine
    flops: Flops
    ceiling: Ceiling
    throughput: tuple[Throughput, ...]
    equal_loss: EqualLoss | None
    costs: tuple[BenchCost, ...]
    seconds: float


def cost_of(label: str, images_per_second: float, images: int, price_per_hour: float) -> BenchCost:
    """Hours and price of `images` at a throughput."""
    hours = images / images_per_second / 3600
    return BenchCost(label, images_per_second, images, hours, price_per_hour, hours * price_per_hour)


def side_of(images: int, evaluations: int, seconds: list[float]) -> Side:
    """One side of the comparison from the wall seconds of its rounds."""
    return Side(images, evaluations, tuple(seconds), images / min(seconds))
