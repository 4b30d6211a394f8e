"""The source `sample`: photographs that ship inside scikit-image, and paintings by small algorithms of our own.

Both are copied into the data folder as ordinary files.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from nst_core.errors import SourceError
from nst_core.sources.base import Catalogue, Item
from nst_core.storage.atomic import write_if_changed
from nst_core.storage.slugs import slugify

OWN_LICENSE = "CC0-1.0"
PAINTINGS = Path(__file__).with_name("paintings")
"""The paintings inside this package, made by docs/make_paintings.py."""


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


@dataclass(frozen=True)
class SamplePainter:
    """One of the small algorithms that the paintings were made by."""

    name: str
    genre: str


PAINTERS = (
    SamplePainter("Ada Impasto", "Impasto swirls"),
    SamplePainter("Dotty Lumen", "Pointillist shores"),
    SamplePainter("Otto Splitter", "Stained-glass cubism"),
    SamplePainter("Nami Gouge", "Woodblock waves"),
    SamplePainter("Rufus Drizzle", "Drip painting"),
    SamplePainter("Vesper Haze", "Pastel vapour"),
)

WORKS_PER_PAINTER = 3


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


def sample_paintings(data_folder: Path) -> Catalogue:
    """The paintings as style items, copied to `<data_folder>/sample/paintings`."""
    return Catalogue.of(
        _painting(data_folder, painter, number) for painter in PAINTERS for number in range(1, WORKS_PER_PAINTER + 1)
    )


def painting_name(painter: SamplePainter, number: int) -> str:
    """The file name of work `number`, from 1."""
    return f"{slugify(painter.name)}-{number}.jpg"


def _painting(data_folder: Path, painter: SamplePainter, number: int) -> Item:
    name = painting_name(painter, number)
    path = data_folder / "sample" / "paintings" / slugify(painter.name) / name
    write_if_changed(path, (PAINTINGS / name).read_bytes())
    return Item(Path(name).stem, path, artist=painter.name, genre=painter.genre, license=OWN_LICENSE)
