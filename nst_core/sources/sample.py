"""The source `sample`: photographs that ship inside scikit-image, and paintings by small algorithms of our own.

Both are written into the data folder as ordinary files (once; always the same bytes).
"""

from __future__ import annotations

import importlib.util
import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from nst_core.engine.images.pixels import encode_image
from nst_core.errors import SourceError
from nst_core.sources.base import Catalogue, Item
from nst_core.sources.painters.painter import PAINTERS, WORKS_PER_PAINTER, Painter, paint
from nst_core.storage.atomic import write_bytes_atomic, write_if_changed
from nst_core.storage.machine import cores
from nst_core.storage.progress import Progress
from nst_core.storage.slugs import slugify

PAINTING_SIZE = 512
OWN_LICENSE = "CC0-1.0"


@dataclass(frozen=True)
class SamplePhotograph:
    """A photograph inside scikit-image, with its licence as stated in scikit-image's data folder."""

    file_name: str
    label: str
    license: str
    source_url: str


PHOTOGRAPHS = (
    SamplePhotograph("astronaut.png", "people", "Public domain (NASA)", "https://flic.kr/p/r9qvLn"),
    SamplePhotograph("chelsea.png", "animals", "CC0-1.0", "https://scikit-image.org/docs/stable/api/skimage.data.html"),
    SamplePhotograph("coffee.png", "food", "CC0-1.0", "https://scikit-image.org/docs/stable/api/skimage.data.html"),
)


def sample_photographs(data_folder: Path) -> Catalogue:
    """The photographs as content items, copied to `<data_folder>/sample/photographs`.

    Raises:
        SourceError: scikit-image is not installed, or lacks one of them.
    """
    package = importlib.util.find_spec("skimage")  # found, not imported: importing takes half a second
    shipped = Path(str(package.origin if package else "")).parent / "data"
    items = []
    for photograph in PHOTOGRAPHS:
        origin = shipped / photograph.file_name
        if not origin.is_file():
            raise SourceError(f"scikit-image lacks its photograph {photograph.file_name}: reinstall scikit-image.")
        path = data_folder / "sample" / "photographs" / photograph.label / photograph.file_name
        write_if_changed(path, origin.read_bytes())
        items.append(
            Item(
                Path(photograph.file_name).stem,
                path,
                label=photograph.label,
                license=photograph.license,
                source_url=photograph.source_url,
            )
        )
    return Catalogue.of(items)


def sample_paintings(data_folder: Path, progress: Progress | None = None) -> Catalogue:
    """The paintings as style items, painted on first use into `<data_folder>/sample/paintings` (seconds)."""
    works = [(painter, number) for painter in PAINTERS for number in range(1, WORKS_PER_PAINTER + 1)]
    with ThreadPoolExecutor(cores(), thread_name_prefix="paint") as pool:
        items = []
        for item in pool.map(lambda work: _painting(data_folder, *work), works):
            items.append(item)
            if progress:
                progress(len(items), len(works))
    return Catalogue.of(items)


def _painting(data_folder: Path, painter: Painter, number: int) -> Item:
    artist = slugify(painter.name)
    path = data_folder / "sample" / "paintings" / artist / f"{artist}-{number}.png"
    if not _is_whole_image(path):
        write_bytes_atomic(path, encode_image(paint(painter, number, PAINTING_SIZE), "png"))
    return Item(f"{artist}-{number}", path, artist=painter.name, genre=painter.genre, license=OWN_LICENSE)


def _is_whole_image(path: Path) -> bool:
    """Whether `path` is a readable image: our own writes are atomic, but users edit folders."""
    try:
        with Image.open(io.BytesIO(path.read_bytes())) as image:
            image.verify()
    except (OSError, SyntaxError, ValueError):
        return False
    return True
