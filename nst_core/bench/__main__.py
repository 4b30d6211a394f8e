"""`python -m nst_core.bench`: the same benchmark where neither Typer nor rich is installed."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from nst_core.bench import BenchOptions, report_dict, run_bench
from nst_core.bench.table import plain_text
from nst_core.errors import InputError, NstError


def main(arguments: list[str] | None = None) -> int:
    """Answers with the command line's exit codes: 0, 1 for errors, 2 for wrong usage, 130 for interrupted."""
    given = vars(_parser().parse_args(arguments))
    as_json = given.pop("json")
    try:
        report = run_bench(BenchOptions(**given))
    except InputError as error:
        return _fail(error, 2)
    except NstError as error:
        return _fail(error, error.exit_code)
    except KeyboardInterrupt:
        return 130
    print(json.dumps(report_dict(report), indent=2, ensure_ascii=False) if as_json else plain_text(report))
    return 0


def _fail(error: NstError, code: int) -> int:
    print(f"Error: {error}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    usual = BenchOptions()
    parser = argparse.ArgumentParser(prog="python -m nst_core.bench", description="Measure how fast a recipe runs.")
    add = parser.add_argument
    add("--recipe", default=usual.recipe, help="a recipe's name")
    add("--set", dest="overrides", metavar="KEY=VALUE", action="append", default=[], help="override a recipe's key")
    add("--size", type=int, help="side of the images in pixels")
    add("--batch", dest="batches", type=int, action="append", default=[], help="images per batch; may be repeated")
    add("--precision", help="float32, tf32, bfloat16 or auto")
    add("--device", default=usual.device, help="auto, cpu, cuda or cuda:<n>")
    add("--workers", type=int, help="batches at a time")
    add("--threads", type=int, default=usual.threads, help="CPU threads per worker")
    add("--evaluation", default=usual.evaluation, help="eager, graph or compile")
    add("--evaluations", type=int, default=usual.evaluations, help="timed per image")
    add("--reference-evaluations", type=int, default=usual.reference_evaluations, help="of the reference, per image")
    add("--reference-images", type=int, default=usual.reference_images, help="that the reference makes per round")
    add("--rounds", type=int, default=usual.rounds, help="how often both sides run")
    add("--no-reference", dest="reference", action="store_false", help="do not compare")
    add("--images", type=int, default=usual.images, help="to reckon hours and cost for")
    add("--price", type=float, default=usual.price, help="per hour of the device")
    add("--contents", type=Path, help="a folder of content pictures")
    add("--styles", type=Path, help="a folder of style pictures")
    add("--json", action="store_true", help="answer in JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
