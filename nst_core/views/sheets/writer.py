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
from nst_core.run_folder.folder import RunFolder
from nst_core.sources.artist_names import UNKNOWN_ARTIST, artist_key, artist_lookup, suggest_name
from nst_core.storage.atomic import write_bytes_atomic
from nst_core.storage.paths import is_local
from nst_core.storage.progress import Progress
from nst_core.storage.regular_files import open_regular
from nst_core.views.gallery_state import GalleryState
from nst_core.views.runs import SHEET_FILE, facts_by_artist
from nst_core.views.sheets.choice import ArtistChoice, choices, pick_varied
from nst_core.views.sheets.contact_sheet import cell_width, draw_contact_sheet
from nst_core.views.sheets.kept_choices import KeptChoices
from nst_core.views.sheets.layout import SheetEntry, SheetLayout, artist_layout, run_layout
from nst_core.views.thumbnails import Thumbnail, ThumbnailFolder

MOST = 60
"""Results on a sheet, by default."""
_VERSION = 2
_KEY = "made-from"


def write_contact_sheets(
    runs: Sequence[Path], gallery: Path | None = None, *, progress: Progress | None = None
) -> list[Path]:
    """(Re)make `contact-sheet.png` of a gallery and `<artist_slug>/contact-sheet.png` of each artist.

    To be called before the gallery is built, whose pages link to them; its thumbnails are shared. A sheet that shows
    the same as before keeps its file, and those of artists without pictures are removed.

    Args:
        runs, gallery: as for `build_gallery`.
        progress: called with (sheets looked at, sheets in all).

    Returns:
        The sheets that are there now.

    Raises:
        DiskFull, StorageRefused, StorageUnreachable: a sheet cannot be written.
    """
    return SheetBuild(GalleryState(runs, gallery), progress).write()


class SheetBuild:
    """One build of the contact sheets of a gallery: those are passed over whose texts and pictures are as they were.

    Of pictures at a store only the results are looked at; paintings there count as they were.
    """

    def __init__(self, state: GalleryState, progress: Progress | None = None) -> None:
        self._state, self._progress = state, progress
        self._kept = state.records.section("sheets")

    def write(self) -> list[Path]:
        """Write them. Returns and raises as `write_contact_sheets`."""
        layouts, sheets = self._layouts(), list[Path]()
        for done, (name, layout) in enumerate(layouts.items(), start=1):
            if self._write(name, layout):
                sheets.append(self._path(name))
            if self._progress is not None:
                self._progress(done, len(layouts))
        for name in self._kept.keys() - layouts:
            del self._kept[name]
        self._remove_others(sheets)
        self._state.records.write()
        return sheets

    def _layouts(self) -> dict[str, SheetLayout]:
        """The layout of each sheet by the folder it is for; empty, and last, the gallery's own."""
        origin = " + ".join(dict.fromkeys(RunFolder(run.folder).run_name for run in self._state.runs))
        artists = KeptChoices(self._state, MOST).choices()
        layouts = {artist.slug: artist_layout(artist, self._state.facts, origin) for artist in artists}
        return layouts | ({"": _combined_layout(artists, MOST, origin)} if artists else {})

    def _path(self, name: str) -> Path:
        return self._state.gallery / name / SHEET_FILE if name else self._state.gallery / SHEET_FILE

    def _write(self, name: str, layout: SheetLayout) -> bool:
        """Write a sheet unless it is current; returns whether there is one."""
        path, made_from = self._path(name), self._made_from(layout)
        is_there = self._state.states.is_there(path)
        if is_there and self._kept.get(name) == made_from:
            return True
        source = _SheetSource.of(layout, self._state.thumbnails)
        if not source.has_result:
            self._kept.pop(name, None)
            return False
        if not is_there or _sheet_key(path) != source.key:
            write_bytes_atomic(path, source.png())
            self._state.states.forget(path)
        self._kept[name] = made_from
        return True

    def _made_from(self, layout: SheetLayout) -> str:
        """A digest of a sheet's texts, and of the states of its pictures."""
        looked_at = [entry.path for entry in layout.results]
        looked_at += [entry.path for entry in layout.paintings if is_local(entry.path)]
        states = self._state.states.states(looked_at)
        entries = [
            [str(entry.path), entry.title, entry.note, states.get(entry.path)]
            for entry in (*layout.paintings, *layout.results)
        ]
        texts = [layout.heading, layout.facts, layout.total, layout.origin, layout.more, len(layout.paintings)]
        return hashlib.sha256(json.dumps([_VERSION, texts, entries]).encode()).hexdigest()[:16]

    def _remove_others(self, sheets: Iterable[Path]) -> None:
        """Delete the sheets of artists that have no picture any more, and folders that held nothing else.

        Other people's files are left alone: with -o, a gallery may lie beside them.
        """
        gallery, current = self._state.gallery, set(sheets)
        found = [*self._state.states.glob(gallery, f"*/{SHEET_FILE}"), gallery / SHEET_FILE]
        for path in found:
            if path not in current and _sheet_key(path) is not None:
                path.unlink(missing_ok=True)
                self._state.states.forget(path)
                if path.parent != gallery and is_local(path) and not any(path.parent.iterdir()):
                    path.parent.rmdir()


def contact_sheet_of(runs: Sequence[Path], artist: str | None = None, most: int = MOST) -> bytes:
    """A sheet of one or several runs, or of their results of one artist, as PNG; nothing is written to their folders.

    Args:
        artist: by name, in any case.
        most: results on the sheet.

    Raises:
        RunFolderError: a folder is no run's.
        UsageError: there is no such artist, or no picture.
    """
    for run in runs:
        RunFolder(run).check_exists()
    artists, origin = list(choices(runs, most)), _origin(runs)
    if not artists:
        raise UsageError(f"{origin} has no finished picture to show yet: `nst status` says what became of its pairs.")
    if artist is None:
        layout = _combined_layout(artists, most, origin)
    else:
        layout = artist_layout(_find_artist(artists, artist), facts_by_artist(runs), origin)
    with tempfile.TemporaryDirectory(prefix="nst-") as folder:
        source = _SheetSource.of(layout, ThumbnailFolder(Path(folder)))
        if not source.has_result:
            raise UsageError(
                f"Of the finished pictures of {origin}, none is where it was: make them again with `nst run`."
            )
        return source.png()


def _combined_layout(artists: Sequence[ArtistChoice], most: int, origin: str) -> SheetLayout:
    return run_layout(artists, pick_varied((pair for artist in artists for pair in artist.shown), most), origin)


def _find_artist(artists: Iterable[ArtistChoice], name: str) -> ArtistChoice:
    by_key = {artist_key(choice.name or UNKNOWN_ARTIST): choice for choice in artists}
    if artist_key(name) not in by_key:
        lookup = artist_lookup(choice.name or UNKNOWN_ARTIST for choice in by_key.values())
        raise UsageError(f"--artist: there is no finished picture of {name!r}{suggest_name(name, lookup.values())}.")
    return by_key[artist_key(name)]


def _origin(runs: Sequence[Path]) -> str:
    return " + ".join(dict.fromkeys(RunFolder(run).run_name for run in runs))


@dataclass(frozen=True)
class _SheetSource:
    """The layout of a sheet, and the thumbnails of those of its pictures that are there."""

    layout: SheetLayout
    folder: Path
    thumbnails: Mapping[Path, Thumbnail]

    @classmethod
    def of(cls, layout: SheetLayout, thumbnails: ThumbnailFolder) -> _SheetSource:
        pictures = thumbnails.make(layout.paths)
        return cls(
            layout, thumbnails.folder, {path: thumbnail for path, thumbnail in pictures if thumbnail is not None}
        )

    @property
    def has_result(self) -> bool:
        """Whether there is a result to show at all."""
        return any(entry.path in self.thumbnails for entry in self.layout.results)

    @property
    def key(self) -> str:
        """A digest of what decides the sheet: its texts, and the names of its thumbnails, which change with them."""
        layout = self.layout
        texts = [layout.heading, layout.facts, layout.total, layout.origin, layout.more]
        entries = [self._entry_key(entry) for entry in (*layout.paintings, *layout.results)]
        return hashlib.sha256(json.dumps([_VERSION, texts, len(layout.paintings), entries]).encode()).hexdigest()

    def png(self) -> bytes:
        """The sheet, drawn, with its key."""
        width = cell_width(sum(entry.path in self.thumbnails for entry in self.layout.results))
        widths = dict.fromkeys(self.layout.paths, width) | {entry.path: 0 for entry in self.layout.paintings}
        images = {path: self._image(path, width) for path, width in widths.items() if path in self.thumbnails}
        info, buffer = PngInfo(), io.BytesIO()
        info.add_text(_KEY, self.key)
        Image.fromarray(draw_contact_sheet(self.layout, images)).save(buffer, "PNG", pnginfo=info)
        return buffer.getvalue()

    def _entry_key(self, entry: SheetEntry) -> tuple[str, str, str | None]:
        thumbnail = self.thumbnails.get(entry.path)
        return entry.title, entry.note, thumbnail.sizes[-1][0] if thumbnail else None

    def _image(self, path: Path, width: int) -> Pixels:
        """The smallest thumbnail that is at least `width` pixels wide, or else the largest, (H, W, 3) uint8."""
        sizes = self.thumbnails[path].sizes
        name = next((name for name, wide, _ in sizes if wide >= width), sizes[-1][0])
        with Image.open(io.BytesIO((self.folder / name).read_bytes())) as image:
            return np.array(image.convert("RGB"))


def _sheet_key(path: Path) -> str | None:
    """The key that a sheet was written with; None where there is no sheet, or none of ours."""
    try:
        with open_regular(path) as file, Image.open(file) as image:
            key = image.info.get(_KEY)
    except (OSError, SyntaxError, ValueError):
        return None
    return key if isinstance(key, str) else None
