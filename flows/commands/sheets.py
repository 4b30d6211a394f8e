"""Commands `contact-sheet` and `triptych`: pictures made of a run's results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.options import RunPath
from flows.printing import print_text as print
from nst_core.errors import UsageError
from nst_core.storage.written_paths import written_path

if TYPE_CHECKING:
    from nst_core.run_folder.finished_pairs import FinishedPair

MOST_ON_A_SHEET = 240


def contact_sheet(
    runs: Annotated[
        list[Any], typer.Argument(parser=written_path, metavar="RUN…", help="Run folders; several make one sheet.")
    ],
    artist: Annotated[str | None, typer.Option(metavar="NAME", help="Only what was made of this artist.")] = None,
    output: Annotated[
        Any, typer.Option("--output", "-o", parser=written_path, metavar="FILE.png", help="Where to write the sheet.")
    ] = Path("contact-sheet.png"),
    most: Annotated[int, typer.Option(min=1, max=MOST_ON_A_SHEET, help="Results that it shows.")] = 60,
) -> None:
    """Show what a run has made on one picture: different contents and styles, and the paintings."""
    from nst_core.storage.atomic import check_writable, write_bytes_atomic
    from nst_core.storage.web_access import accept_old_copies
    from nst_core.views.sheets.writer import contact_sheet_of

    if output.suffix.lower() != ".png":
        raise UsageError(f"--output {output}: the name must end in .png.")
    accept_old_copies()
    sheet = contact_sheet_of(runs, artist, most)
    check_writable(output.parent)
    write_bytes_atomic(output, sheet)
    print(f"Contact sheet: {output}")


def triptych(
    run: RunPath,
    pair_ids: Annotated[
        list[str] | None, typer.Argument(metavar="PAIR_ID…", help="Ids of pairs, or at least their first four digits.")
    ] = None,
    artist: Annotated[str | None, typer.Option(metavar="NAME", help="The pairs of this artist.")] = None,
    best: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="The N pairs with the least of their initial loss left.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every pair that has a picture.")] = False,
    output: Annotated[
        Any,
        typer.Option(
            "--output",
            "-o",
            parser=written_path,
            metavar="FILE|DIR",
            help="A file (.png, .jpg) for one, a folder for many.",
        ),
    ] = Path(),
) -> None:
    """Show content, style and result of pairs side by side."""
    from flows.progress import reporter
    from nst_core.engine.images.pixels import encode_image
    from nst_core.engine.images.suffixes import OUTPUT_SUFFIXES
    from nst_core.run_folder.artists import artist_facts
    from nst_core.run_folder.folder import RunFolder
    from nst_core.storage.atomic import check_writable, write_bytes_atomic
    from nst_core.storage.web_access import accept_old_copies
    from nst_core.views.sheets.triptych import triptych as triptych_of

    accept_old_copies()
    RunFolder(run).check_exists()
    pairs = _named_pairs(run, pair_ids or [], artist, best, every)
    facts, paths = artist_facts(run), _paths(output, pairs)
    check_writable(paths[0].parent)
    with reporter.stage("Making triptychs", len(pairs), "pictures"):
        for done, (pair, path) in enumerate(zip(pairs, paths, strict=True), start=1):
            pixels = triptych_of(pair, facts.get(pair.artist or ""))
            write_bytes_atomic(path, encode_image(pixels, OUTPUT_SUFFIXES[path.suffix.lower()]))
            reporter.at_least(done, len(pairs))
    print(f"Triptych: {paths[0]}" if len(paths) == 1 else f"{len(paths)} triptychs: {paths[0].parent}")


def _named_pairs(
    run: Path, pair_ids: Sequence[str], artist: str | None, best: int | None, every: bool
) -> list[FinishedPair]:
    """The pairs that the arguments name. Raises UsageError where they name them in no way, or in several."""
    from nst_core.run_folder.pair_selection import best_pairs, pairs_by_id, pairs_of_artist

    ways = [bool(pair_ids), artist is not None or best is not None, every]
    if sum(ways) != 1:
        raise UsageError("Say which pairs in one way: ids, or --artist and --best, or --all.")
    if pair_ids:
        return pairs_by_id(run, pair_ids)
    pairs = pairs_of_artist(run, artist)
    return pairs if best is None else best_pairs(run, pairs, best)


def _paths(output: Path, pairs: Sequence[FinishedPair]) -> list[Path]:
    """The file of each triptych: `output` itself, or files in it that are called as the results are."""
    from nst_core.engine.images.suffixes import OUTPUT_SUFFIXES

    if output.suffix and not output.is_dir():
        if output.suffix.lower() not in OUTPUT_SUFFIXES:
            raise UsageError(f"--output {output}: the name must end in .png, .jpg or .jpeg, or be that of a folder.")
        if len(pairs) > 1:
            raise UsageError(f"--output {output}: {len(pairs)} triptychs need a folder.")
        return [output]
    names = [Path(pair.file_name) for pair in pairs]
    stems = Counter(name.stem for name in names)
    return [
        output / f"triptych-{name.stem if stems[name.stem] == 1 else f'{name.stem}-{pair.pair_id}'}{name.suffix}"
        for pair, name in zip(pairs, names, strict=True)
    ]
