"""`nst gallery`: the pages of runs, once, or again and again while the runs are going on."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.options import RunPaths
from flows.printing import print_text as print
from nst_core.errors import Interrupted, UsageError
from nst_core.run_folder.duration import duration
from nst_core.storage.written_paths import written_path

if TYPE_CHECKING:
    from nst_core.views.gallery_watch import GalleryWatch, WatchBuild

EVERY = 30.0
"""Seconds between two looks at the runs, by default."""


def gallery(
    runs: RunPaths,
    output: Annotated[
        Any | None,
        typer.Option(
            "-o",
            "--output",
            parser=written_path,
            metavar="DIR",
            help="One gallery of all the runs, here; may be a URL.",
        ),
    ] = None,
    copy: Annotated[
        bool,
        typer.Option(
            "--copy/--no-copy",
            help="With -o: copy the results' files into the gallery, so that it can be uploaded by itself, or lead to "
            "them in the run folders.",
        ),
    ] = True,
    watch: Annotated[
        bool, typer.Option("--watch", help="Build what is new again and again, until nobody works on the runs.")
    ] = False,
    every: Annotated[
        float | None,
        typer.Option(
            min=1,
            help=f"With --watch: seconds between two looks at the runs ({EVERY:g}); after a long build it is longer.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Build the gallery of a run again, or one of several runs at a place of its own; only what has changed is made."""
    from nst_core.storage.web_access import accept_old_copies

    if output is None and len(runs) > 1:
        raise UsageError("Where is the gallery of several runs to go? Say so with -o DIR.")
    if every is not None and not watch:
        raise UsageError("--every says how often --watch looks: give that, too.")
    accept_old_copies()
    if watch:
        try:
            _watch(runs, output, copy, every or EVERY)
        except KeyboardInterrupt as error:
            raise Interrupted from error
    else:
        _once(runs, output, copy)


def _once(runs: list[Path], output: Path | None, copy: bool) -> None:
    from flows.progress import reporter
    from nst_core.run_folder.folder import RunFolder
    from nst_core.run_folder.lock.holders import HolderWatcher
    from nst_core.views.pages import build_pages

    for run in runs:
        RunFolder(run).check_exists()
    going_on = any(HolderWatcher(run).read().present for run in runs)
    with reporter.stage("Building the gallery", 0, "steps"):
        report = build_pages(runs, output, copy, reporter.at_least, so_far=going_on)
    print(f"Gallery: {report.index}")


def _watch(runs: list[Path], output: Path | None, copy: bool, every: float) -> None:
    """Look and build until the runs have ended, with a line for each build."""
    from flows.progress import reporter
    from nst_core.views.gallery_watch import GalleryWatch

    watch, place, were_going_on = GalleryWatch(runs, output, copy), "", False
    while True:
        trouble = watch.look()
        were_going_on |= watch.going_on
        if trouble:
            _tell(f"The runs cannot be looked at: {trouble}")
        elif watch.is_outdated:
            with reporter.stage("Building the gallery", 0, "steps"):
                build = watch.build(reporter.at_least)
            place = str(build.report.index) if build.report else place
            _tell(_line(build, watch.pause(every)))
        if watch.has_ended:
            break
        time.sleep(watch.pause(every))
    print(_ending(watch, were_going_on))
    print(f"Gallery: {place}", flush=True)


def _line(build: WatchBuild, pause: float) -> str:
    """What a build came to."""
    report, seconds = build.report, f"({build.seconds:.1f} s)"
    if report is None:
        return f"The gallery could not be built; the next try is in {duration(pause)}. {build.failure}"
    if not report.rebuilt:
        return f"Index brought up to date, {report.pictures} pictures {seconds}"
    return (
        f"{report.rebuilt} of {report.artists} artists rebuilt, {report.new} new pictures, {report.pictures} in all "
        f"{seconds}"
    )


def _ending(watch: GalleryWatch, were_going_on: bool) -> str:
    """Why the watch is over."""
    killed = [str(holder.owner) for holders in watch.holders for holder in holders.gone]
    if killed:
        return f"Nobody works there any more; killed before its end: {', '.join(killed)}. `nst run` goes on from there"
    return "The run has ended" if were_going_on else "Nobody works there now, so there was nothing to watch"


def _tell(sentence: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {sentence}", flush=True)
