"""`python -m nst_core.bench`: `nst bench` where neither Typer nor rich is installed."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import fields
from pathlib import Path

from nst_core.bench import BenchOptions, report_dict, run_bench
from nst_core.bench.table import report_text
from nst_core.errors import InputError, NstError


def main(arguments: list[str] | None = None) -> int:
    """Return the command line's exit code: 0, 1 for errors, 2 for wrong usage, 130 for interrupted."""
    options = vars(_parser().parse_args(arguments))
    as_json = options.pop("json")
    try:
        report = run_bench(BenchOptions(**options))
    except NstError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2 if isinstance(error, InputError) else error.exit_code
    except KeyboardInterrupt:
        return 130
    print(json.dumps(report_dict(report), indent=2, ensure_ascii=False) if as_json else report_text(report))
    return 0


def _parser() -> argparse.ArgumentParser:
    """The options of `nst bench`, from the fields of `BenchOptions`."""
    parser = argparse.ArgumentParser(prog="python -m nst_core.bench", description="Measure how fast a recipe runs.")
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.add_argument("--no-reference", dest="reference", action="store_false", help="do not compare")
    kinds = {"int": int, "int | None": int, "Sequence[int]": int, "float": float, "Path | None": Path}
    names = {"overrides": "--set", "batches": "--batch"}
    for field in fields(BenchOptions):
        if field.name not in ("reference", "data_folder"):
            name, many = names.get(field.name, f"--{field.name.replace('_', '-')}"), str(field.type).startswith("Seq")
            action, default = ("append", []) if many else ("store", field.default)
            kind = kinds.get(str(field.type), str)
            parser.add_argument(name, dest=field.name, action=action, type=kind, default=default)
    return parser


if __name__ == "__main__":
    sys.exit(main())
