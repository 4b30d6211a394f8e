"""The pictures of a report: small files beside its page, or inside of it where the page is to be one file."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from nst_core.run_folder.without_folders import base_name, style_names
from nst_core.storage.paths import located_or_none
from nst_core.views.report.rows import Detail
from nst_core.views.thumbnails import Thumbnail, ThumbnailFolder

FOLDER = "report-thumbs"
"""Not `thumbs`, which a gallery has: each deletes from its own what it does not show."""


@dataclass(frozen=True)
class Shown:
    """A picture on the page; without `src` it is gone or cannot be read, and a quiet placeholder stands for it."""

    name: str
    src: str = ""
    width: int = 4
    height: int = 3
    srcset: str = ""


@dataclass(frozen=True)
class PicturedPair:
    """A pair with its pictures."""

    pair: Detail
    content: Shown
    styles: tuple[Shown, ...]
    result: Shown
    content_name: str
    style_name: str


class ReportPictures:
    """Makes the thumbnails that a page shows, each once."""

    def __init__(self, folder: Path, inside: bool) -> None:
        self._thumbnails, self._folder, self._inside = ThumbnailFolder(folder), folder, inside

    def examples(self, run_folder: Path, pairs: Iterable[Detail]) -> tuple[PicturedPair, ...]:
        """The pairs of one run with their pictures."""
        pairs = list(pairs)
        wanted = [path for pair in pairs for path in _paths(pair, run_folder) if path is not None]
        made = dict(self._thumbnails.make(wanted))
        return tuple(self._example(pair, run_folder, made) for pair in pairs)

    def forget_others(self) -> None:
        """Delete thumbnails of earlier reports that this one does not show."""
        self._thumbnails.remove_unused()

    def _example(self, pair: Detail, run_folder: Path, made: dict[Path, Thumbnail | None]) -> PicturedPair:
        content, result, *styles = _paths(pair, run_folder)
        names = [base_name(path) for path in pair.style_paths]
        return PicturedPair(
            pair,
            self._shown(base_name(pair.content_path), made.get(content) if content else None, large=False),
            tuple(
                self._shown(name, made.get(path) if path else None, large=False)
                for name, path in zip(names, styles, strict=True)
            ),
            self._shown("the result", made.get(result) if result else None, large=True),
            base_name(pair.content_path),
            style_names(pair.style_paths),
        )

    def _shown(self, name: str, thumbnail: Thumbnail | None, large: bool) -> Shown:
        if thumbnail is None or not thumbnail.sizes:
            return Shown(name)
        file, width, height = thumbnail.sizes[-1 if large else 0]
        if self._inside:
            data = base64.b64encode((self._folder / file).read_bytes()).decode()
            return Shown(name, f"data:image/webp;base64,{data}", width, height)
        sizes = ", ".join(f"{FOLDER}/{one} {wide}w" for one, wide, _ in thumbnail.sizes)
        return Shown(name, f"{FOLDER}/{file}", width, height, sizes)


@contextmanager
def pictures_for(page: Path, inside: bool) -> Iterator[ReportPictures]:
    """What makes the pictures of a page; those that go inside of it are made in a temporary folder."""
    if inside:
        with tempfile.TemporaryDirectory(prefix="nst-report-") as name:
            yield ReportPictures(Path(name), inside=True)
    else:
        pictures = ReportPictures(page.parent / FOLDER, inside=False)
        yield pictures
        pictures.forget_others()


def _paths(pair: Detail, run_folder: Path) -> list[Path | None]:
    """Of content, result, and styles; a run folder may come from somebody else: nothing outside of it is its result."""
    result = PurePosixPath(pair.file_name) if pair.file_name else None
    inside = result is not None and not result.is_absolute() and ".." not in result.parts
    return [
        located_or_none(pair.content_path),
        run_folder / result if result is not None and inside else None,
        *map(located_or_none, pair.style_paths),
    ]
