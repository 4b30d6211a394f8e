"""Thumbnails: two WebP files per picture, named by the picture's identity, made once and shared by all pages."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image

from nst_core.atomic import write_bytes_atomic
from nst_core.cores import cores
from nst_core.engine.images import decode_image
from nst_core.engine.limits import ImageLimits
from nst_core.errors import InputError, StorageRefused
from nst_core.storage import GONE, file_state

SIDES = (640, 240)
"""Longer sides, large before small: a small file that is there says that the large one is, too."""
_VERSION = "1"
_NAME = re.compile(r"([0-9a-f]{20})-(\d+)x(\d+)\.webp")
_LIMITS = ImageLimits(min_side=1)
_WORKERS = min(4, cores())


@dataclass(frozen=True)
class Thumbnail:
    """One picture in up to two sizes: (file name, width, height), the smallest first. Tiny pictures have one."""

    sizes: tuple[tuple[str, int, int], ...]


class ThumbnailFolder:
    """`gallery/thumbs`: knows what is there, makes what is missing, and forgets what no page uses any more.

    The size of a thumbnail stands in its name, so that a second build opens no picture at all.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._there: dict[str, list[tuple[str, int, int]]] = {}
        self._used: set[str] = set()
        for file in folder.glob("*.webp"):
            if match := _NAME.fullmatch(file.name):
                self._there.setdefault(match[1], []).append((file.name, int(match[2]), int(match[3])))

    def make(self, pictures: Iterable[Path]) -> Iterator[tuple[Path, Thumbnail | None]]:
        """Yield the thumbnail of each different picture, in order; None where it is gone or cannot be decoded."""
        different = list(dict.fromkeys(pictures))
        with ThreadPoolExecutor(_WORKERS) as pool:  # Pillow decodes, scales and encodes outside the interpreter's lock
            yield from zip(different, pool.map(self._thumbnail, different), strict=True)

    def remove_unused(self) -> None:
        """Delete the thumbnails that were not asked for since this object was made."""
        for key, sizes in self._there.items():
            if key not in self._used:
                for name, _, _ in sizes:
                    (self.folder / name).unlink(missing_ok=True)

    def _thumbnail(self, picture: Path) -> Thumbnail | None:
        try:
            key = _identity(picture)
        except StorageRefused:  # a gallery of somebody else's run: their inputs need not be ours to see
            return None
        if key is None:
            return None
        sizes = self._there.get(key, [])
        if not any(max(width, height) <= SIDES[-1] for _, width, height in sizes):
            try:
                pixels = decode_image(picture, _LIMITS).pixels
            except (InputError, OSError):
                return None
            sizes = self._written(Image.fromarray(pixels), key)
        self._used.add(key)
        return Thumbnail(tuple(sorted(sizes, key=lambda size: size[1:])))

    def _written(self, image: Image.Image, key: str) -> list[tuple[str, int, int]]:
        sizes = []
        for side in SIDES:
            if side > SIDES[-1] >= max(image.size):
                continue
            image.thumbnail((side, side), Image.Resampling.LANCZOS)
            name = f"{key}-{image.width}x{image.height}.webp"
            write_bytes_atomic(self.folder / name, _webp(image))
            sizes.append((name, image.width, image.height))
        return sizes


def _identity(picture: Path) -> str | None:
    """Names the bytes of a file without reading them: its path, size and time of change. None if it is not there."""
    state = file_state(picture)
    if state == GONE:
        return None
    size, changed = state
    told = f"{_VERSION}|{picture.absolute()}|{changed}|{size}"
    return hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()[:20]


def _webp(image: Image.Image) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "WEBP", quality=82, method=4)
    return buffer.getvalue()
