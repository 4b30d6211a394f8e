"""The command `bench`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.options import Json, Set
from flows.printing import print_text as print
from nst_core.storage.written_paths import written_local_path


def bench(
    recipe: Annotated[str, typer.Option(help="A recipe's name; auto: that of a run file without one.")] = "auto",
    set_: Set = None,
    size: Annotated[int | None, typer.Option(help="Side of the square images in pixels; else the recipe's.")] = None,
    batch: Annotated[list[int] | None, typer.Option(help="Images per batch; may be repeated. Else the usual.")] = None,
    precision: Annotated[str | None, typer.Option(help="float32, tf32, bfloat16 or auto; else the recipe's.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:<n>.")] = "auto",
    workers: Annotated[int | None, typer.Option(help="Batches at a time; else one per core, or one per GPU.")] = None,
    threads: Annotated[int, typer.Option(help="CPU threads per worker.")] = 1,
    evaluation: Annotated[str, typer.Option(help="How losses are computed: eager, graph or compile.")] = "eager",
    evaluations: Annotated[int, typer.Option(help="Evaluations that are timed, per image.")] = 20,
    reference: Annotated[
        bool, typer.Option("--reference/--no-reference", help="Compare with one image at a time in plain PyTorch.")
    ] = True,
    reference_evaluations: Annotated[int, typer.Option(help="Evaluations of the reference, per image.")] = 100,
    reference_images: Annotated[int, typer.Option(help="Images that the reference makes in each round.")] = 4,
    rounds: Annotated[int, typer.Option(help="How often both sides of the comparison run.")] = 2,
    images: Annotated[int, typer.Option(help="Images to reckon hours and cost for; else COCO's train2017.")] = 118_287,
    price: Annotated[float, typer.Option(help="Price per hour of the device.")] = 3.0,
    contents: Annotated[
        Path | None,
        typer.Option(parser=written_local_path, metavar="DIR", help="A folder of content pictures; else the samples."),
    ] = None,
    styles: Annotated[
        Path | None,
        typer.Option(parser=written_local_path, metavar="DIR", help="A folder of style pictures; else the samples."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure how fast a recipe runs here, what it costs, and how that compares with plain PyTorch at equal loss."""
    from flows.progress import reporter
    from nst_core.bench import BenchOptions, report_dict, run_bench
    from nst_core.bench.table import report_text

    options = BenchOptions(
        recipe, set_ or (), size, batch or (), precision, device, workers, threads, evaluation, evaluations, reference,
        reference_evaluations, reference_images, rounds, images, price, contents, styles,
    )  # fmt: skip
    with reporter.stage("Measuring", 0, "parts"):
        report = run_bench(options, reporter.at_least)
    print(json.dumps(report_dict(report), indent=2, ensure_ascii=False) if as_json else report_text(report))
