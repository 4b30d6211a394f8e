"""Commands `retry` and `verify`, each on a run folder."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from flows.commands.options import EXIT_INCOMPLETE, Json, RunPath, Set
from flows.commands.run import print_summary
from flows.printing import print_first
from flows.printing import print_text as print
from nst_core.errors import printable

if TYPE_CHECKING:
    from nst_core.config.run_config import RunConfig
    from nst_core.plan.retry import Only
    from nst_core.run_folder.lock.run_lock import Holder
    from nst_core.run_folder.summary import RunReport
    from nst_core.run_folder.verify.findings import Kind
    from nst_core.run_folder.verify.verification import Verification


def retry(
    run: RunPath,
    only: Annotated[
        Literal["failed", "quarantined"] | None,
        typer.Option("--only", help="Try these again, and not the others; without it both kinds."),
    ] = None,
    set_: Set = None,
    as_json: Json = False,
) -> None:
    """Try failed and quarantined pairs of a run again, whether or not their inputs have changed since."""
    from nst_core.plan.retry import chunks_to_retry, retry_config
    from nst_core.run_folder.folder import RunFolder
    from nst_core.run_folder.summary import summarize

    folder = RunFolder(run)
    config, plan = retry_config(folder, set_ or ()), folder.read_plan()
    tried = sum(len(chunk.wanted) for chunk in chunks_to_retry(plan, folder.outcomes(), only))
    report = _retry(config, only) if tried else None
    summary = report.summary if report else summarize(run, plan)
    made = report.made if report else 0
    if as_json:
        print(json.dumps(asdict(summary) | {"tried": tried, "made": made}, indent=2, ensure_ascii=False))
    else:
        print_summary(summary)
        print(f"{made} of {tried} pairs made that were tried again" if tried else "There was nothing to try again")
    if not summary.all_succeeded:
        raise typer.Exit(EXIT_INCOMPLETE)


def verify(run: RunPath, as_json: Json = False) -> None:
    """Compare a run folder with its plan: every row, every image's bytes, and nothing else there. Writes nothing."""
    from flows.progress import reporter
    from nst_core.run_folder.lock.holders import HolderWatcher
    from nst_core.run_folder.verify.verification import verify as verify_run

    present = HolderWatcher(run).read().present
    with reporter.stage("Verifying", 0, "images"):
        result = verify_run(run, reporter.at_least)
    if as_json:
        print(json.dumps(_as_dict(result, present), indent=2, ensure_ascii=False))
    else:
        _print(result, present)
    if not result.sound:
        raise typer.Exit(EXIT_INCOMPLETE)


def _retry(config: RunConfig, only: Only | None) -> RunReport:
    """Check what can be checked without Prefect's server (which takes seconds), then run the flow under it."""
    from flows.runners.selection import fleet_of
    from nst_core.config.resolved_method import resolve_method
    from nst_core.run_folder.folder import RunFolder

    folder = RunFolder(config.run_folder)
    folder.check_method(resolve_method(config, fleet_of(config.execution)).fingerprints)
    with folder.locked():
        pass  # another process that holds it is an error now, not after the start of the server
    from flows.server.run_server import prefect_server

    with prefect_server():
        from flows.pipeline import retry_run

        return retry_run(config.name, config, only)


def _as_dict(result: Verification, present: tuple[Holder, ...]) -> dict[str, object]:
    from nst_core.run_folder.verify.findings import MENDING, counts

    kinds = counts(result.findings)
    return {
        "sound": result.sound,
        "planned": result.planned,
        "rows": result.rows,
        "images": result.images,
        "at_work": [str(holder.owner) for holder in present],
        "counts": kinds,
        "mending": {kind: MENDING[kind] for kind in kinds},
        "findings": [asdict(finding) for finding in result.findings],
    }


def _print(result: Verification, present: tuple[Holder, ...]) -> None:
    from nst_core.run_folder.verify.findings import counts

    for holder in present:
        print(f"A run is working here ({holder.owner}): what it has not made yet is told as missing.")
    rows = ", ".join(f"{count} {status}" for status, count in result.rows.items())
    print(f"{result.planned} pairs planned; rows: {rows or 'none'}; {result.images} images have the recorded bytes")
    for kind, count in counts(result.findings).items():
        _print_kind(result, kind, count)
    if result.sound:
        print("Sound and complete")


def _print_kind(result: Verification, kind: Kind, count: int) -> None:
    from nst_core.run_folder.verify.findings import MENDING

    print(f"{kind.replace('_', ' ')}: {count}. What mends it: {MENDING[kind]}")
    sentences = [finding.sentence for finding in result.findings if finding.kind == kind]
    print_first(sentences, lambda sentence: f"  {printable(sentence)}", "more: --json has them all")
