"""Thumbnails: two WebP files per picture, named by the picture's identity, made once and shared by all pages."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Container, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property
from io import BytesIO
from pathlib import Path

from PIL import Image

from nst_core.engine.images.limits import ImageLimits
from nst_core.engine.images.pixels import decode_image
from nst_core.errors import InputError, StorageUnreachable, UsageError
from nst_core.storage.atomic import write_bytes_atomic
from nst_core.storage.machine import cores
from nst_core.storage.paths import NO_FILE, FileState, file_state

THUMBS = "thumbs"
"""The folder of a gallery's thumbnails."""
SIDES = (640, 320)
"""Longer sides, large before small: a small file that is there says that the large one is, too."""
_VERSION = "3"
_DIGITS, _OF_PATH = 20, 12
_NAME = re.compile(rf"([0-9a-f]{{{_DIGITS}}})-(\d+)x(\d+)\.webp")
_LIMITS = ImageLimits(min_side=1)
_WORKERS = min(4, cores())

_Sizes = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Thumbnail:
    """A picture in up to two sizes: (file name, width, height), the smallest first. Tiny pictures have one."""

    sizes: tuple[tuple[str, int, int], ...]

    @property
    def key(self) -> str:
        """The beginning of the names of all sizes."""
        return self.sizes[0][0].partition("-")[0]


class ThumbnailFolder:
    """The thumbnails of a gallery (`gallery/thumbs`): makes those that are missing, removes those of no page.

    The size of a thumbnail stands in its name, so that a second build opens no picture.

    Args:
        names: of the files that are there; by default the folder is asked.
        state_of: the state of a picture.
    """

    def __init__(
        self,
        folder: Path,
        names: Iterable[str] | None = None,
        state_of: Callable[[Path], FileState] = file_state,
    ) -> None:
        self.folder = folder
        self._state_of = state_of
        self._there: dict[str, _Sizes] = {}  # of a large gallery this is what memory goes to: some 200 bytes each
        self._used: set[str] = set()
        for name in names if names is not None else (file.name for file in folder.glob("*.webp")):
            if match := _NAME.fullmatch(name):
                self._add(match[1], (int(match[2]), int(match[3])))

    def keep(self, keys: Iterable[str]) -> bool:
        """Mark thumbnails as used; False if not all of them are there."""
        keys = set(keys)
        self._used |= keys
        return keys <= self._there.keys()

    def make(self, pictures: Iterable[Path], lasting: Container[Path] = ()) -> Iterator[tuple[Path, Thumbnail | None]]:
        """Yield the thumbnail of each different picture, in order; None where it is gone or cannot be decoded.

        Args:
            lasting: pictures that keep the thumbnail they have once they are gone or out of reach.
        """
        different = list(dict.fromkeys(pictures))
        with ThreadPoolExecutor(_WORKERS) as pool:  # Pillow decodes, scales and encodes outside the interpreter's lock
            yield from zip(
                different, pool.map(lambda one: self._thumbnail(one, one in lasting), different), strict=True
            )

    def remove_unused(self) -> None:
        """Delete the thumbnails that were neither made nor marked as used by this object."""
        for key in self._there.keys() - self._used:
            for width, height in self._there.pop(key):
                (self.folder / _name(key, width, height)).unlink(missing_ok=True)

    def _thumbnail(self, picture: Path, lasting: bool) -> Thumbnail | None:
        try:
            state = self._state_of(picture)
            if state != NO_FILE:
                return self._make(picture, _identity(picture, state))
        except (UsageError, StorageUnreachable):  # a gallery of somebody else's run: their inputs need not be ours
            pass
        key = self._by_path.get(_path_digits(picture)) if lasting else None
        return self._use(key) if key and self._is_whole(key) else None

    @cached_property
    def _by_path(self) -> dict[str, str]:
        """Keys by their digits of the path; only made where a picture is gone."""
        return {key[:_OF_PATH]: key for key in list(self._there)}

    def _make(self, picture: Path, key: str) -> Thumbnail | None:
        if not self._is_whole(key):
            try:
                pixels = decode_image(picture, _LIMITS).pixels
            except (InputError, OSError):
                return None
            self._write(Image.fromarray(pixels), key)
        return self._use(key)

    def _is_whole(self, key: str) -> bool:
        return any(max(size) <= SIDES[-1] for size in self._there.get(key, ()))

    def _use(self, key: str) -> Thumbnail:
        self._used.add(key)
        return Thumbnail(tuple((_name(key, *size), *size) for size in sorted(self._there[key])))

    def _write(self, image: Image.Image, key: str) -> None:
        for side in SIDES:
            if side > SIDES[-1] >= max(image.size):
                continue
            image.thumbnail((side, side), Image.Resampling.LANCZOS)
            write_bytes_atomic(self.folder / _name(key, *image.size), _webp(image))
            self._add(key, image.size)

    def _add(self, key: str, size: tuple[int, int]) -> None:
        there = self._there.get(key, ())
        if size not in there:
            self._there[key] = _shared((*there, size))


@cache
def _shared(sizes: _Sizes) -> _Sizes:
    """The one object that stands for equal sizes: the pictures of a run have few shapes."""
    return sizes


def _name(key: str, width: int, height: int) -> str:
    return f"{key}-{width}x{height}.webp"


def _identity(picture: Path, state: FileState) -> str:
    """A key of a file's bytes that takes no reading: digits of its path, then of its path, size and time of change."""
    size, changed = state
    return (_path_digits(picture) + _digits(f"{picture.absolute()}|{changed}|{size}"))[:_DIGITS]


def _path_digits(picture: Path) -> str:
    return _digits(str(picture.absolute()))[:_OF_PATH]


def _digits(text: str) -> str:
    return hashlib.sha256(f"{_VERSION}|{text}".encode("utf-8", "surrogatepass")).hexdigest()


def _webp(image: Image.Image) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "WEBP", quality=82, method=4)
    return buffer.getvalue()
