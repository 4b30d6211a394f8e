"""The command `judge`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.options import EXIT_INCOMPLETE, Json, RunPath
from flows.printing import print_first
from flows.printing import print_text as print
from nst_core.storage.written_paths import written_path

if TYPE_CHECKING:
    from nst_core.judging.run_judging import RunQuality


def judge(
    run: RunPath,
    by: Annotated[
        str | None,
        typer.Option(
            "--judge", metavar="NETWORK", help="vgg19, squeezenet or wavelet; else the best that made no picture here."
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, or cuda:N.")] = "auto",
    artfid: Annotated[
        Any,
        typer.Option(
            parser=written_path,
            metavar="FILE",
            help="Measure ArtFID too, with this file of its network (art_inception.pth).",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure how much of the content and how much of the style each picture of a run has; goes on where it stopped."""
    from flows.progress import reporter
    from nst_core.judging.run_judging import judge_run

    with reporter.stage("Judging", 0, "pictures"):
        quality = judge_run(run, by, device, reporter.at_least, artfid)
    if as_json:
        print(json.dumps(asdict(quality) | {"run_folder": str(run)}, indent=2, ensure_ascii=False, default=str))
    else:
        _print_quality(run, quality)
    if quality.left_out:
        raise typer.Exit(EXIT_INCOMPLETE)


def _print_quality(run: RunPath, quality: RunQuality) -> None:
    from nst_core.run_folder.quality import MEASURES

    made = ", which made pictures of this run itself" if quality.is_maker else ""
    print(f"{quality.judged} pictures judged by {quality.judge}{made}, {quality.new} of them now")
    if quality.medians:
        print(f"{'median of':36} {'results':>8} {'content':>8} {'style':>8}")
    for name, value in quality.medians.items():
        others = [quality.baselines.get(subject, {}).get(name) for subject in ("content", "style")]
        cells = " ".join(f"{x:8.3f}" if x is not None else " " * 8 for x in (value, *others))
        print(f"{MEASURES[name].title:36} {cells}  {MEASURES[name].meaning}")
    if quality.medians:
        print(f"`nst report {run}` and `nst gallery {run}` show them picture by picture")
    _print_art_fid(quality)
    if quality.unstylized:
        print(f"{quality.unstylized} unstylized pictures have no style to be judged by")
    if quality.left_out:
        print(f"{len(quality.left_out)} cannot be judged:")
    print_first(quality.left_out, lambda one: f"  {one.file_name}: {one.reason}")


def _print_art_fid(quality: RunQuality) -> None:
    if not quality.art_fid:
        return
    by_artist: dict[str | None, dict[str, float]] = {}
    for row in quality.art_fid:
        by_artist.setdefault(row.artist, {})[row.subject] = row.artfid
    print(f"{'ArtFID (less is better) of':36} {'results':>8} {'content':>8} {'style':>8}")
    for artist, values in by_artist.items():
        cells = " ".join(f"{values[subject]:8.2f}" for subject in ("result", "content", "style"))
        print(f"{(artist or 'the run')[:36]:36} {cells}")
    print("of few pictures it comes out too large: compare sets of equal size (docs/judging.md)")
