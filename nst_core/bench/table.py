"""A benchmark's report as plain text: a few small tables, and notes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nst_core.engine.bench.report import BenchReport, EqualLoss, Side

Row = tuple[str, ...]


def report_text(report: BenchReport) -> str:
    """The report as lines of text: machine, tables in aligned columns, notes."""
    tables = [_throughput(report), *([_equal_loss(report.equal_loss)] if report.equal_loss else []), _costs(report)]
    return "\n\n".join([_headline(report), *tables, "\n".join(_notes(report))])


def _headline(report: BenchReport) -> str:
    """Recipe and machine, in two lines."""
    machine = report.machine
    where = machine.name if machine.device != "cpu" else f"{machine.name}, {machine.cores} cores"
    return (
        f"{report.recipe} ({report.features}), {report.size} × {report.size} px, {report.precision}, {report.images}\n"
        f"{machine.device}: {where}; torch {machine.torch}"
    )


def _notes(report: BenchReport) -> Iterator[str]:
    """Explanations of the figures, one sentence each."""
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
        yield "One round only: other processes count in the comparison. --rounds 3 leaves out most of that."
    if equal:
        yield (
            f"Equal loss: total {equal.reference_loss:.4g}, ours at {equal.loss_ratio:.3f} of it; ours with "
            f"{equal.workers} × {equal.threads} threads in batches of {equal.batch}, the reference with "
            f"{equal.reference_threads} threads, one image at a time."
        )


def _throughput(report: BenchReport) -> str:
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
    return _table("Throughput: evaluations of one image", heads, rows)


def _equal_loss(equal: EqualLoss) -> str:
    def row(label: str, side: Side, speedup: float) -> Row:
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
    rows = [row("reference", equal.reference, 1.0), row("ours", equal.ours, equal.speedup)]
    return _table("At equal final loss", heads, rows)


def _costs(report: BenchReport) -> str:
    kind = "CPU" if report.machine.device == "cpu" else "GPU"
    rows = [
        (cost.label, f"{cost.images_per_second:.4g}", f"{cost.hours:,.4g}", f"{cost.cost:,.2f}")
        for cost in report.costs
    ]
    first = report.costs[0]
    title = f"Cost of {first.images:,} images at {first.price_per_hour:g} per hour"
    return _table(title, ("", "images/s", f"{kind}-hours", "cost"), rows)


def _table(title: str, heads: Row, rows: Sequence[Row]) -> str:
    """A title and aligned columns: the first one to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in (heads, *rows)]
    return "\n".join([title, *map(str.rstrip, lines)])


def _si(value: float) -> str:
    """Three digits and an SI prefix: 63.2 G."""
    for factor, prefix in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= factor:
            return f"{value / factor:.3g} {prefix}"
    return f"{value:.3g} "
