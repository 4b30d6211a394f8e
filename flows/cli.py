"""The command line `nst`. Heavy imports wait until a command needs them, so that `--help` answers at once."""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

import nst_core
from flows.progress import console
from nst_core.errors import InputError, Interrupted, NstError, UsageError

if TYPE_CHECKING:
    from nst_core.config import RunConfig
    from nst_core.engine.bench.report import BenchReport
    from nst_core.summary import RunReport, Summary

# What Typer raises for wrong usage: click's class, or that of the copy of click that newer versions carry.
ClickException: type[Any] = typer.BadParameter.__mro__[2]

EXIT_ERROR, EXIT_USAGE, EXIT_INCOMPLETE, EXIT_INTERRUPTED = 1, 2, 3, 130

app = typer.Typer(
    name="nst",
    help="Stylize whole image datasets by neural style transfer.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

RunFile = Annotated[Path, typer.Argument(metavar="FILE", help="A run file (YAML), or the name of a shipped one.")]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a key, e.g. method.size=512.")
]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON on stdout.")]
Reconstructable = Literal["content", "style", "both"]
_debug = False


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"nst {nst_core.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options before the command; `--debug` is taken by `main`, wherever it stands."""


@app.command()
def demo(set_: Set = None) -> None:
    """Stylize built-in photographs in the manner of built-in painters, and build the gallery."""
    _run(Path("demo"), set_, strict=False, as_json=False)


@app.command()
def run(
    file: RunFile,
    set_: Set = None,
    strict: Annotated[bool, typer.Option("--strict", help="Start nothing if any input image is bad (exit 2).")] = False,
    as_json: Json = False,
) -> None:
    """Make everything that a run file asks for and that its folder does not hold yet."""
    _run(file, set_, strict, as_json)


@app.command()
def pair(
    file: RunFile,
    output: Annotated[Path, typer.Option("--output", "-o", help="The CSV file to write.")] = Path("manifest.csv"),
    set_: Set = None,
) -> None:
    """Write the pairs of a run file as a manifest (CSV), to be edited and used with pairing.manifest."""
    from flows.progress import reporter
    from nst_core.config import load_config
    from nst_core.manifest import write_manifest
    from nst_core.pairing import manifest_rows
    from nst_core.preparation import pairs_of

    config = load_config(file, set_ or ())
    with reporter.stage("Reading the sources", 0, "files"):
        pairs = pairs_of(config, reporter.at_least)
    try:
        write_manifest(manifest_rows(pairs), output)
    except OSError as error:
        raise UsageError(
            f"{output} cannot be written ({error.strerror}): choose another file with --output."
        ) from error
    print(f"{len(pairs)} pairs written to {output}")


@app.command()
def plan(file: RunFile, set_: Set = None, as_json: Json = False) -> None:
    """Count what a run would do. Starts nothing, writes nothing (but the built-in samples, into the data folder)."""
    from flows.progress import reporter
    from nst_core.config import load_config
    from nst_core.preparation import preview

    config = load_config(file, set_ or ())
    with reporter.stage("Reading the sources", 0, "files"):
        counts = preview(config, reporter.at_least)
    if as_json:
        print(json.dumps(counts.as_dict(), indent=2, ensure_ascii=False))
        return
    for name, value in counts.as_dict().items():
        if not isinstance(value, list):
            print(f"{name.replace('_', ' '):18} {value}")
    for message in counts.bad_inputs:
        print(f"  {message}")


@app.command()
def status(run: RunPath, as_json: Json = False) -> None:
    """What of a run's plan is done, and what failed why."""
    from nst_core.preparation import read_state
    from nst_core.run_folder import RunFolder
    from nst_core.summary import summarize

    folder = RunFolder(run)
    _must_be_run(folder)
    state = read_state(folder)
    summary = summarize(run, state.plan)
    left = sum(len(chunk.wanted) for chunk in state.chunks)
    if as_json:
        print(json.dumps(asdict(summary) | {"left": left, "stale": len(state.stale)}, indent=2, ensure_ascii=False))
    else:
        _print_summary(summary)
        print(f"{left} left to do, {len(state.stale)} stale (inputs changed since planned)")


@app.command()
def gallery(run: RunPath) -> None:
    """Build the gallery of a run again; pages and thumbnails that did not change stay as they are."""
    from flows.progress import reporter
    from nst_core.gallery import build_gallery
    from nst_core.run_folder import RunFolder

    folder = RunFolder(run)
    _must_be_run(folder)
    with folder.locked(), reporter.stage("Building the gallery", 0, "pairs"):
        index = build_gallery(run, progress=reporter.at_least)
    print(f"Gallery: {index}")


@app.command()
def stylize(
    content: Annotated[Path, typer.Argument(help="The photograph.")],
    style: Annotated[Path, typer.Argument(help="The painting.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write the result (.jpg or .png).")],
    recipe: Annotated[str, typer.Option(help="A recipe's name.")] = "wavelet",
    set_: Set = None,
) -> None:
    """Stylize one image."""
    from flows.progress import reporter
    from nst_core.config import parse_config
    from nst_core.single import stylize_one

    config = parse_config({"method": {"recipe": recipe}}, set_ or ())
    with reporter.stage("Stylizing", 0, "evaluations"):
        trace = stylize_one(content, style, output, config, reporter.at_least)
    print(f"{output}: loss {trace[0].total:.4g} → {trace[-1].total:.4g} in {trace[-1].iteration} iterations")


@app.command()
def reconstruct(
    image: Annotated[Path, typer.Argument(help="The picture to reconstruct.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The folder to write into.")],
    what: Annotated[Reconstructable, typer.Option(help="From features (content), Gram matrices (style), or both.")] = (
        "both"
    ),
    layers: Annotated[
        list[str] | None,
        typer.Option(help="Layers, by commas; may be repeated; a+b are taken together. Else a spread of them."),
    ] = None,
    recipe: Annotated[str, typer.Option(help="A recipe's name: its features, pooling, inputs and size.")] = "wavelet",
    set_: Set = None,
) -> None:
    """Show what layers know of a picture: make it again from noise (Gatys, Ecker, Bethge 2016, figure 1)."""
    from flows.progress import reporter
    from nst_core.reconstruction import parse_groups, reconstruct, reconstruction_config

    config = reconstruction_config(recipe, set_ or ())
    with reporter.stage("Reconstructing", 0, "evaluations"):
        made = reconstruct(image, output, what, parse_groups(layers or ()), config, reporter.at_least)
    for one in made:
        print(f"{output / one.reconstruction.file_name}: loss {one.first_loss:.4g} → {one.last_loss:.4g}")
    print(f"Contact sheet: {output / 'contact_sheet.png'}")


@app.command()
def bench(
    recipe: Annotated[str, typer.Option(help="A recipe's name.")] = "wavelet",
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
    contents: Annotated[Path | None, typer.Option(help="A folder of content pictures; else the samples.")] = None,
    styles: Annotated[Path | None, typer.Option(help="A folder of style pictures; else the samples.")] = None,
    as_json: Json = False,
) -> None:
    """Measure how fast a recipe runs here, what it costs, and how that compares with plain PyTorch at equal loss."""
    from flows.progress import reporter
    from nst_core.bench import BenchOptions, report_dict, run_bench

    options = BenchOptions(
        recipe, set_ or (), size, batch or (), precision, device, workers, threads, evaluation, evaluations, reference,
        reference_evaluations, reference_images, rounds, images, price, contents, styles,
    )  # fmt: skip
    with reporter.stage("Measuring", 0, "parts"):
        report = run_bench(options, reporter.at_least)
    if as_json:
        print(json.dumps(report_dict(report), indent=2, ensure_ascii=False))
    else:
        _print_bench(report)


def main() -> None:
    """The console script: runs a command and answers with DESIGN's exit codes, errors as one sentence on stderr."""
    global _debug
    signal.signal(signal.SIGTERM, _terminated)
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    _debug = len(arguments) != len(sys.argv) - 1
    sys.exit(_guarded(lambda: app(arguments, standalone_mode=False)))


def _terminated(_number: int, _frame: Any) -> None:
    """SIGTERM outside a flow: leave through every `finally`, or the temporary server would stay behind."""
    raise KeyboardInterrupt


def _guarded(command: Callable[[], Any]) -> int:
    try:
        answer = command()
        return answer if isinstance(answer, int) else 0
    except typer.Exit as error:
        return int(error.exit_code)
    except InputError as error:
        return _fail(error, EXIT_USAGE)
    except NstError as error:
        return _fail(error, error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _fail(Interrupted("Interrupted: the same command goes on from here."), EXIT_INTERRUPTED)
    except ClickException as error:
        error.show()
        return EXIT_USAGE
    except OSError as error:
        return _fail(error, EXIT_ERROR)
    except Exception as error:
        return _fail(error, EXIT_ERROR, prefix=f"Unexpected {type(error).__name__}: ")


def _fail(error: BaseException, code: int, prefix: str = "") -> int:
    if _debug:
        traceback.print_exception(error)
    else:
        hint = " (run with --debug for the traceback)" if prefix else ""
        console.print(f"Error: {prefix}{error}{hint}", style="red", markup=False, soft_wrap=True)
    return code


def _run(file: Path, overrides: list[str] | None, strict: bool, as_json: bool) -> None:
    from nst_core.config import load_config

    config = load_config(file, overrides or ())
    report = _in_flow(config, strict)
    if as_json:
        print(json.dumps(asdict(report.summary) | {"made": report.made}, indent=2, ensure_ascii=False))
    else:
        _print_report(report)
    if not report.summary.all_succeeded:
        raise typer.Exit(EXIT_INCOMPLETE)


def _in_flow(config: RunConfig, strict: bool) -> RunReport:
    """Check what can be checked without Prefect's server (which takes seconds), then run the flow under it."""
    from flows.progress import reporter
    from nst_core.preparation import finished_state, pairs_of, resolve_method, strict_check
    from nst_core.run_folder import RunFolder
    from nst_core.summary import RunReport, summarize

    method = resolve_method(config)
    folder = RunFolder(config.run_folder)
    folder.check_writable()
    with reporter.stage("Reading the sources", 0, "files"):
        pairs = pairs_of(config, reporter.at_least)
    finished = finished_state(config, method, pairs)
    del pairs  # the flow makes its own
    if finished and strict:
        strict_check(finished.plan)
    if finished and not os.environ.get("PREFECT_API_URL"):
        summary = summarize(folder.root, finished.plan)
        index = folder.root / "gallery" / "index.html"
        return RunReport(folder.root, summary, 0, len(finished.stale), index if index.is_file() else None)
    with folder.locked():
        pass  # refused at once, not after the server's start, where another process holds it
    from flows.server import prefect_server

    with prefect_server():
        from flows.pipeline import pipeline

        return pipeline(config.name, config, strict)


def _must_be_run(folder: Any) -> None:
    if not folder.exists():
        raise UsageError(f"{folder.root} is not a run folder: it has no run.yaml. Run folders are made by `nst run`.")


def _print_report(report: RunReport) -> None:
    _print_summary(report.summary)
    if report.made:
        rate = report.summary.images_per_second or 0
        print(f"{report.made} images made in {report.summary.seconds:.0f} s ({rate:.2f} per second)")
    else:
        print("Nothing was left to do")
    if report.stale:
        print(f"{report.stale} pairs are stale: their inputs changed since they were planned, their images were kept")
    print(f"Run folder: {report.folder}")
    if report.gallery:
        print(f"Gallery: {report.gallery}")


def _print_bench(report: BenchReport) -> None:
    from rich.console import Console
    from rich.table import Table

    from nst_core.bench.table import headline, notes, tables

    out = Console(highlight=False)
    out.print(headline(report), markup=False, soft_wrap=True)
    for found in tables(report):
        table = Table(title=found.title, title_justify="left", title_style="bold")
        for column, head in enumerate(found.heads):
            table.add_column(head, justify="right" if column else "left")
        for row in found.rows:
            table.add_row(*row)
        out.print()
        out.print(table)
    out.print()
    for note in notes(report):
        out.print(note, markup=False, soft_wrap=True)


def _print_summary(summary: Summary) -> None:
    counts = ("success", "failed", "quarantined", "skipped", "missing")
    parts = [f"{getattr(summary, name)} {name}" for name in counts if getattr(summary, name) or name == "success"]
    print(f"{summary.planned} pairs: {', '.join(parts)}")
    for bad in summary.bad_inputs[:20]:
        print(f"  {bad.role} {bad.path}: {bad.reason} ({bad.pairs} {'pair' if bad.pairs == 1 else 'pairs'})")
    if len(summary.bad_inputs) > 20:
        print(f"  … and {len(summary.bad_inputs) - 20} more in quarantine.csv")
    for reason, count in summary.errors.items():
        print(f"  {reason}: {count}")
