"""The pictures of a run that can be described: its results, and the paintings that they were made in the style of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nst_core.engine.descriptor import SIDE, SMALLEST
from nst_core.engine.images.limits import ImageLimits
from nst_core.engine.images.pixels import Pixels, decode_image, resize_pixels, working_size
from nst_core.errors import CorruptImage
from nst_core.run_folder.own_files import check_own_file
from nst_core.run_folder.results import result_files
from nst_core.run_folder.results_reader import DamagedFile, read_results, successes
from nst_core.storage.paths import parse_path

_COLUMNS = ("pair_id", "status", "file_name", "output_sha256", "style_paths", "style_sha256")
_LIMITS = ImageLimits(min_side=1)


@dataclass(frozen=True)
class RunPicture:
    """A picture by the bytes of its file.

    Attributes:
        sha256: of the bytes that the run wrote, or made its pictures with.
        name: of its file: a result's in the run folder, a painting's path.
        is_result: whether it is one of the run's own.
    """

    run_folder: Path
    sha256: str
    name: str
    is_result: bool


def run_pictures(run_folder: Path) -> list[RunPicture]:
    """Every different picture of the finished pairs, paintings first; damaged files of results count as not there."""
    results: dict[str, RunPicture] = {}
    paintings: dict[str, RunPicture] = {}
    damaged: list[DamagedFile] = []
    for part in read_results(result_files(run_folder), _COLUMNS, reduce=successes, damaged=damaged):
        for row in part.table.to_pylist():
            if row["output_sha256"] and row["file_name"]:
                picture = RunPicture(run_folder, row["output_sha256"], row["file_name"], is_result=True)
                results.setdefault(picture.sha256, picture)
            for sha256, path in row_paintings(row):
                paintings.setdefault(sha256, RunPicture(run_folder, sha256, path, is_result=False))
    return list((paintings | {name: one for name, one in results.items() if name not in paintings}).values())


def row_paintings(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(sha256, path) of the paintings of a result row, as far as their bytes are known."""
    hashes = (row["style_sha256"] or "").split(";")
    paths = row["style_paths"]
    if len(hashes) == len(paths):
        yield from ((sha256, path) for sha256, path in zip(hashes, paths, strict=True) if sha256)


def read_picture(picture: RunPicture) -> Pixels:
    """The picture at the size at which it is described, (H, W, 3) uint8.

    Raises:
        InputError: it is not there, cannot be read, or has other bytes by now.
        ForeignFile: a result is not in the run folder.
    """
    path = check_own_file(picture.run_folder, picture.name) if picture.is_result else parse_path(picture.name)
    image = decode_image(path, _LIMITS)
    if image.sha256 != picture.sha256:
        raise CorruptImage(picture.name, "it is not the file that the run knew (`nst verify` says more)")
    height, width = image.pixels.shape[:2]
    width, height = working_size(width, height, SIDE)
    return resize_pixels(image.pixels, max(width, SMALLEST), max(height, SMALLEST))
