"""A benchmark's report for the eye: a few small tables of text, which rich or plain print can show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nst_core.engine.bench.report import BenchReport, EqualLoss, Side


@dataclass(frozen=True)
class TextTable:
    """A title, the heads of the columns, and rows of as many cells; the first column reads left, the others right."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def headline(report: BenchReport) -> str:
    """What was measured where, in one line or two."""
    machine = report.machine
    where = machine.name if machine.device != "cpu" else f"{machine.name}, {machine.cores} cores"
    return (
        f"{report.recipe} ({report.features}), {report.size} × {report.size} px, {report.precision}, {report.images}\n"
        f"{machine.device}: {where}; torch {machine.torch}"
    )


def tables(report: BenchReport) -> Iterator[TextTable]:
    """Throughput; the comparison, if it was made; cost."""
    yield _throughput(report)
    if report.equal_loss:
        yield _equal_loss(report.equal_loss)
    yield _costs(report)


def notes(report: BenchReport) -> Iterator[str]:
    """What the figures refer to, one sentence each."""
    ceiling, flops = report.ceiling, report.flops
    yield (
        f"One evaluation of one image: {_si(flops.total)}FLOP ({_si(flops.features)} features, {_si(flops.grams)} Gram "
        "matrices), forward and backward, 2 per multiply-add."
    )
    shape = " × ".join(map(str, ceiling.shape))
    threads = f", {ceiling.threads} threads" if report.machine.device == "cpu" else ""
    yield f"Ceiling: {_si(ceiling.flop_per_second)}FLOP/s in a {ceiling.precision} product of {shape}{threads}."
    machine, equal = report.machine, report.equal_loss
    if machine.load is not None and machine.load >= machine.cores / 2:
        yield f"Others were using this machine (load {machine.load:.1f} on {machine.cores} cores): rough figures."
    if equal and len(equal.ours.seconds) == 1:
        yield "One round only: whatever else ran meanwhile is in the comparison. --rounds 3 leaves the most of it out."
    if equal:
        yield (
            f"Equal loss: total {equal.reference_loss:.4g}, ours at {equal.loss_ratio:.3f} of it; ours with "
            f"{equal.workers} × {equal.threads} threads in batches of {equal.batch}, the reference with "
            f"{equal.reference_threads} threads, one image at a time."
        )


def plain_text(report: BenchReport) -> str:
    """Everything as plain lines in aligned columns."""
    parts = [headline(report)]
    for table in tables(report):
        grid = [table.heads, *table.rows]
        widths = [max(len(row[column]) for row in grid) for column in range(len(table.heads))]
        lines = [table.title, *("  ".join(_aligned(row, widths)).rstrip() for row in grid)]
        parts.append("\n".join(lines))
    return "\n\n".join([*parts, "\n".join(notes(report))])


def _throughput(report: BenchReport) -> TextTable:
    rows = [
        (
            str(found.batch),
            f"{found.workers} × {found.threads}",
            f"{found.ms_per_evaluation_and_image:.3g}",
            f"{found.evaluations_per_second:.4g}",
            _si(found.flop_per_second),
            f"{found.ceiling_fraction:.1%}",
            f"{found.peak_memory_mib:.0f} MiB",
        )
        for found in report.throughput
    ]
    heads = ("batch", "workers", "ms", "per second", "FLOP/s", "of ceiling", "peak memory")
    return TextTable("Throughput: evaluations of one image", heads, tuple(rows))


def _equal_loss(equal: EqualLoss) -> TextTable:
    def row(label: str, side: Side, speedup: float) -> tuple[str, ...]:
        rounds = ", ".join(f"{seconds:.2f}" for seconds in side.seconds)
        return (
            label,
            str(side.evaluations),
            str(side.images),
            rounds,
            f"{side.images_per_second:.4g}",
            f"{speedup:.2f}×",
        )

    heads = ("", "evaluations", "images a round", "seconds, by round", "images/s, fastest", "speed")
    rows = (row("reference", equal.reference, 1.0), row("ours", equal.ours, equal.speedup))
    return TextTable("At equal final loss", heads, rows)


def _costs(report: BenchReport) -> TextTable:
    kind = "CPU" if report.machine.device == "cpu" else "GPU"
    rows = [
        (cost.label, f"{cost.images_per_second:.4g}", f"{cost.hours:,.4g}", f"{cost.cost:,.2f}")
        for cost in report.costs
    ]
    first = report.costs[0]
    title = f"Cost of {first.images:,} images at {first.price_per_hour:g} per hour"
    return TextTable(title, ("", "images/s", f"{kind}-hours", "cost"), tuple(rows))


def _aligned(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    for column, (cell, width) in enumerate(zip(row, widths, strict=True)):
        yield cell.ljust(width) if column == 0 else cell.rjust(width)


def _si(value: float) -> str:
    """Three digits and a prefix: 63.2 G."""
    for factor, prefix in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= factor:
            return f"{value / factor:.3g} {prefix}"
    return f"{value:.3g} "
