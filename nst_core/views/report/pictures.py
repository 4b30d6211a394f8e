"""The pictures of a report: thumbnails beside its page, or inside of it where the report is one file."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nst_core.run_folder.own_files import own_file_or_none
from nst_core.run_folder.without_folders import base_name, style_names
from nst_core.storage.paths import parse_path_or_none
from nst_core.views.report.quality import QualityNumbers
from nst_core.views.report.rows import Detail
from nst_core.views.thumbnails import Thumbnail, ThumbnailFolder
from nst_core.views.web import number

FOLDER = "report-thumbs"
"""The folder of a report's thumbnails; a gallery in the same place has `thumbs`, and each removes its own."""


@dataclass(frozen=True)
class PageImage:
    """An `<img>` of the page; without `src`, as of a file that cannot be read, a placeholder stands for it."""

    name: str
    src: str = ""
    width: int = 4
    height: int = 3
    srcset: str = ""


@dataclass(frozen=True)
class PicturedPair:
    """A pair with its pictures."""

    pair: Detail
    content: PageImage
    styles: tuple[PageImage, ...]
    result: PageImage
    content_name: str
    style_name: str


@dataclass(frozen=True)
class JudgedExamples:
    """The best and the worst pairs by a measure, and its values by pair id."""

    best: tuple[PicturedPair, ...]
    worst: tuple[PicturedPair, ...]
    values: Mapping[str, float]

    def title(self, pair: Detail) -> str:
        """The measure's value for a pair."""
        return number(self.values[pair.pair_id]) or "0"


class ReportPictures:
    """The thumbnails of a page, in a folder beside it, or `inside` of it as data."""

    def __init__(self, folder: Path, inside: bool) -> None:
        self._thumbnails, self._folder, self._inside = ThumbnailFolder(folder), folder, inside

    def examples(self, run_folder: Path, pairs: Iterable[Detail]) -> tuple[PicturedPair, ...]:
        """The pairs of one run with their pictures."""
        pairs = list(pairs)
        paths = [path for pair in pairs for path in _paths(pair, run_folder) if path is not None]
        thumbnails = dict(self._thumbnails.make(paths))
        return tuple(self._example(pair, run_folder, thumbnails) for pair in pairs)

    def judged(self, run_folder: Path, quality: QualityNumbers) -> dict[str, JudgedExamples]:
        """By measure, the best and the worst pairs with their pictures."""
        shown = [one.detail for measure in quality.measures for one in (*measure.best, *measure.worst)]
        unique = {detail.pair_id: detail for detail in shown}
        examples = dict(zip(unique, self.examples(run_folder, unique.values()), strict=True))
        return {
            measure.name: JudgedExamples(
                tuple(examples[one.detail.pair_id] for one in measure.best),
                tuple(examples[one.detail.pair_id] for one in measure.worst),
                {one.detail.pair_id: one.value for one in (*measure.best, *measure.worst)},
            )
            for measure in quality.measures
        }

    def remove_unused(self) -> None:
        """Delete the thumbnails of earlier reports that this one does not show."""
        self._thumbnails.remove_unused()

    def _example(self, pair: Detail, run_folder: Path, thumbnails: dict[Path, Thumbnail | None]) -> PicturedPair:
        content, result, *styles = (thumbnails.get(path) if path else None for path in _paths(pair, run_folder))
        name, names = base_name(pair.content_path), [base_name(path) for path in pair.style_paths]
        return PicturedPair(
            pair,
            self._image(name, content),
            tuple(map(self._image, names, styles)),
            self._image("the result", result, size=-1),
            name,
            style_names(pair.style_paths),
        )

    def _image(self, name: str, thumbnail: Thumbnail | None, size: int = 0) -> PageImage:
        if thumbnail is None or not thumbnail.sizes:
            return PageImage(name)
        file, width, height = thumbnail.sizes[size]
        if self._inside:
            data = base64.b64encode((self._folder / file).read_bytes()).decode()
            return PageImage(name, f"data:image/webp;base64,{data}", width, height)
        sizes = ", ".join(f"{FOLDER}/{one} {wide}w" for one, wide, _ in thumbnail.sizes)
        return PageImage(name, f"{FOLDER}/{file}", width, height, sizes)


@contextmanager
def pictures_for(page: Path, inside: bool) -> Iterator[ReportPictures]:
    """The pictures of a page; those inside of it are made in a temporary folder."""
    if inside:
        with tempfile.TemporaryDirectory(prefix="nst-report-") as name:
            yield ReportPictures(Path(name), inside=True)
    else:
        pictures = ReportPictures(page.parent / FOLDER, inside=False)
        yield pictures
        pictures.remove_unused()


def _paths(pair: Detail, run_folder: Path) -> list[Path | None]:
    """The files of content, result and styles."""
    styles = map(parse_path_or_none, pair.style_paths)
    return [parse_path_or_none(pair.content_path), own_file_or_none(run_folder, pair.file_name), *styles]
