"""Contact sheets of a run's gallery, and of any runs on demand."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from nst_core.engine.images.pixels import Pixels
from nst_core.errors import UsageError
from nst_core.run_folder.artists import ArtistFacts, artist_facts
from nst_core.run_folder.folder import RunFolder
from nst_core.sources.artist_names import UNKNOWN_ARTIST, artist_key, artist_lookup, meant
from nst_core.storage.atomic import write_bytes_atomic
from nst_core.storage.paths import is_local
from nst_core.storage.progress import Progress
from nst_core.views.runs import SHEET_FILE
from nst_core.views.sheets.choice import ArtistChoice, choices, pick_varied
from nst_core.views.sheets.layout import Planned, SheetPlan, artist_plan, run_plan
from nst_core.views.sheets.renderer import Exhibit, Sheet, cell_width, draw_sheet
from nst_core.views.thumbnails import THUMBS, Thumbnail, ThumbnailFolder
from nst_core.views.web import counted

MOST = 60
"""Results on a sheet, unless asked otherwise."""
_VERSION = 1
_MADE_FROM = "made-from"


def write_contact_sheets(run_folder: Path, *, progress: Progress | None = None) -> list[Path]:
    """(Re)make `gallery/contact-sheet.png` of a run and `gallery/<artist_slug>/contact-sheet.png` of each artist.

    To be called before the gallery is built, whose pages link to them; its thumbnails are shared. A sheet that shows
    the same as before keeps its file, and those of artists without pictures are removed. Returns the sheets that are
    there now.
    `progress` is called with (sheets looked at, sheets in all).

    Raises:
        DiskFull, StorageRefused, StorageUnreachable: it cannot be written.
    """
    return _write_all(run_folder / "gallery", list(choices([run_folder], MOST, together=False)), [run_folder], progress)


def write_combined_contact_sheets(
    runs: Sequence[Path], gallery: Path, *, progress: Progress | None = None
) -> list[Path]:
    """As `write_contact_sheets`, for the gallery of several runs at `gallery`: an artist has one sheet, of all runs.

    Artists of one name are one, however it is spelled; their folders are those of the gallery.
    """
    return _write_all(gallery, list(choices(runs, MOST)), runs, progress)


def contact_sheet_of(runs: Sequence[Path], artist: str | None = None, most: int = MOST) -> bytes:
    """A sheet of one or several runs, or of what they made of one artist, as PNG; their folders are left alone.

    Args:
        artist: by name, in any case.
        most: results on the sheet.

    Raises:
        RunFolderError: a folder is no run's.
        UsageError: there is no such artist, or no picture.
    """
    for run in runs:
        RunFolder(run).check_exists()
    found = list(choices(runs, most))
    origin = _origin(runs)
    if not found:
        raise UsageError(f"{origin} has no finished picture to show yet: `nst status` says what became of its pairs.")
    if artist is None:
        plan = _together(found, most, origin)
    else:
        plan = artist_plan(_of_artist(found, artist), _facts(runs), origin)
    with tempfile.TemporaryDirectory(prefix="nst-") as folder:
        made = _BuiltSheet.of(plan, ThumbnailFolder(Path(folder)))
        if not made.sheet_worthy:
            raise UsageError(
                f"Of the finished pictures of {origin}, none is where it was: make them again with `nst run`."
            )
        return _png(draw_sheet(made.sheet()), made.key)


def _together(artists: Sequence[ArtistChoice], most: int, origin: str) -> SheetPlan:
    return run_plan(artists, pick_varied((pair for artist in artists for pair in artist.shown), most), origin)


def _of_artist(found: Iterable[ArtistChoice], wanted: str) -> ArtistChoice:
    """The artist that a person means."""
    by_key = {artist_key(choice.name or UNKNOWN_ARTIST): choice for choice in found}
    if artist_key(wanted) not in by_key:
        known = artist_lookup(choice.name or UNKNOWN_ARTIST for choice in by_key.values())
        raise UsageError(f"--artist: there is no finished picture of {wanted!r}{meant(wanted, known)}.")
    return by_key[artist_key(wanted)]


def _facts(runs: Sequence[Path]) -> dict[str, ArtistFacts]:
    """What is known of the artists of several runs; the first one that knows an artist counts."""
    return {name: told for run in reversed(runs) for name, told in artist_facts(run).items()}


def _origin(runs: Sequence[Path]) -> str:
    return " + ".join(dict.fromkeys(RunFolder(run).run_name for run in runs))


def _write_all(
    gallery: Path, found: Sequence[ArtistChoice], runs: Sequence[Path], progress: Progress | None
) -> list[Path]:
    facts, origin = _facts(runs), _origin(runs)
    plans = {gallery / artist.slug / SHEET_FILE: artist_plan(artist, facts, origin) for artist in found}
    if found:
        plans[gallery / SHEET_FILE] = _together(found, MOST, origin)
    thumbnails, sheets = ThumbnailFolder(gallery / THUMBS), list[Path]()
    for done, (path, plan) in enumerate(plans.items(), start=1):
        sheets += _write(path, plan, thumbnails)
        if progress is not None:
            progress(done, len(plans))
    _remove_others(gallery, sheets)
    return sheets


@dataclass(frozen=True)
class _BuiltSheet:
    """A planned sheet and the thumbnails of those of its pictures that are there."""

    plan: SheetPlan
    folder: Path
    thumbnails: Mapping[Path, Thumbnail]

    @classmethod
    def of(cls, plan: SheetPlan, thumbnails: ThumbnailFolder) -> _BuiltSheet:
        made = thumbnails.make(plan.pictures)
        return cls(plan, thumbnails.folder, {picture: one for picture, one in made if one is not None})

    @property
    def sheet_worthy(self) -> bool:
        """Whether there is a result to show at all."""
        return any(planned.picture in self.thumbnails for planned in self.plan.results)

    @property
    def key(self) -> str:
        """Names all that the sheet is made from: its texts, and its thumbnails by name, which tells what they show."""
        plan = self.plan
        texts = [plan.heading, plan.facts, plan.total, plan.origin, plan.more]
        shown = [self._told(planned) for planned in (*plan.paintings, *plan.results)]
        told = json.dumps([_VERSION, texts, len(plan.paintings), shown])
        return hashlib.sha256(told.encode()).hexdigest()

    def sheet(self) -> Sheet:
        plan, count = self.plan, counted(self.plan.total, "picture")
        results = [planned for planned in plan.results if planned.picture in self.thumbnails]
        paintings = [planned for planned in plan.paintings if planned.picture in self.thumbnails]
        return Sheet(
            plan.heading,
            plan.facts,
            f"{len(results):,} of {count}" if len(results) < plan.total else count,
            plan.origin,
            [self._exhibit(planned, 0) for planned in paintings],
            plan.more,
            [self._exhibit(planned, cell_width(len(results))) for planned in results],
        )

    def _told(self, planned: Planned) -> tuple[str, str, str | None]:
        thumbnail = self.thumbnails.get(planned.picture)
        return planned.title, planned.below, thumbnail.sizes[-1][0] if thumbnail else None

    def _exhibit(self, planned: Planned, width: int) -> Exhibit:
        sizes = self.thumbnails[planned.picture].sizes
        name = next((name for name, wide, _ in sizes if wide >= width), sizes[-1][0])
        with Image.open(io.BytesIO((self.folder / name).read_bytes())) as image:
            return Exhibit(np.array(image.convert("RGB")), planned.title, planned.below)


def _write(path: Path, plan: SheetPlan, thumbnails: ThumbnailFolder) -> list[Path]:
    """The sheet's path in a list, once it is there; nothing where there is no picture to show."""
    made = _BuiltSheet.of(plan, thumbnails)
    if not made.sheet_worthy:
        return []
    if _made_from(path) != made.key:
        write_bytes_atomic(path, _png(draw_sheet(made.sheet()), made.key))
    return [path]


def _made_from(path: Path) -> str | None:
    """The key that a sheet was written with; None where there is no sheet, or none of ours."""
    try:
        with path.open("rb") as file, Image.open(file) as image:
            key = image.info.get(_MADE_FROM)
    except (OSError, SyntaxError, ValueError):
        return None
    return key if isinstance(key, str) else None


def _png(pixels: Pixels, key: str) -> bytes:
    info, buffer = PngInfo(), io.BytesIO()
    info.add_text(_MADE_FROM, key)
    Image.fromarray(pixels).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def _remove_others(gallery: Path, sheets: Iterable[Path]) -> None:
    """Delete the sheets of artists that have no picture any more, and folders that held nothing else.

    What we did not write is left alone: with -o, a gallery may lie beside other people's files.
    """
    there = set(sheets)
    for path in [*gallery.glob(f"*/{SHEET_FILE}"), gallery / SHEET_FILE]:
        if path not in there and _made_from(path) is not None:
            path.unlink(missing_ok=True)
            if path.parent != gallery and is_local(path) and not any(path.parent.iterdir()):
                path.parent.rmdir()
