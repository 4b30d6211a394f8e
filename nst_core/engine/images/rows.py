"""Loading with a check that every row of pixels was written.

A decoder may be content with less data than the header promises: a PNG or GIF whose compressed data end properly, but
early, leaves the rest of the picture as it was. Here it is coloured before, so that what is left of the colour shows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

_COLOURS = (0x5B, 0xA4)


def load_all_rows(image: ImageFile.ImageFile, open_again: Callable[[], ImageFile.ImageFile]) -> bool:
    """Decode an opened picture; return False if rows of it were not written.

    A picture may have rows of the colour itself: those that seem unwritten are decoded again (from `open_again`) on
    another colour.
    """
    box = _box(image)
    _load_on(image, _COLOURS[0])
    doubtful = _rows_of_colour(image, box, _COLOURS[0])
    if not doubtful.any():
        return True
    again = open_again()
    _load_on(again, _COLOURS[1])
    return not (doubtful & _rows_of_colour(again, box, _COLOURS[1])).any()


def _box(image: ImageFile.ImageFile) -> tuple[int, int, int, int]:
    """What the picture's data cover: of a GIF perhaps less than its canvas."""
    extents = image.tile[0].extents if image.tile else None
    return extents or (0, 0, *image.size)


def _load_on(image: ImageFile.ImageFile, colour: int) -> None:
    prepare = image.load_prepare

    def prepare_coloured() -> None:
        prepare()
        image.im.paste(_ink(image, colour), (0, 0, *image.im.size))

    image.load_prepare = prepare_coloured  # type: ignore[method-assign]
    try:
        image.load()
    finally:
        del image.load_prepare


def _ink(image: Image.Image, colour: int) -> int | tuple[int, ...]:
    if image.mode == "1":
        return 255 if colour == _COLOURS[0] else 0
    bands = len(image.getbands())
    return colour if bands == 1 else (colour,) * bands


def _value(image: Image.Image, colour: int) -> int | bool:
    """What a sample of the colour is in numpy's array."""
    if image.mode.startswith("I;16"):
        return colour * 257
    return colour == _COLOURS[0] if image.mode == "1" else colour


def _rows_of_colour(image: Image.Image, box: tuple[int, int, int, int], colour: int) -> NDArray[np.bool_]:
    """Which rows within the box are of one colour: (rows,) bool."""
    value = _value(image, colour)
    left, top, right, bottom = box
    rows: NDArray[np.bool_] = (
        (np.asarray(image.crop((left, top, left + 1, bottom))) == value).reshape(bottom - top, -1).all(1)
    )
    for row in map(int, np.flatnonzero(rows)):
        rows[row] = bool((np.asarray(image.crop((left, top + row, right, top + row + 1))) == value).all())
    return rows
