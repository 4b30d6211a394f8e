"""Triptychs: content, style and result of one pair side by side, whole and equally high, with captions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from nst_core.engine.images.limits import ImageLimits
from nst_core.engine.images.pixels import Pixels, decode_image
from nst_core.errors import InputError, MissingImage, StorageRefused
from nst_core.run_folder.artists import ArtistFacts
from nst_core.run_folder.finished_pairs import FinishedPair, display_name
from nst_core.storage.paths import located
from nst_core.views.sheets.lettering import Lettering, legible, named

PAPER, INK, QUIET, EMPTY = (255, 255, 255), (28, 28, 28), (112, 112, 112), (240, 240, 240)
LOWEST, HIGHEST = 320, 1600
"""Bounds of the panels' height in pixels; within them it is the result's own, so that it is shown pixel by pixel."""
MARGIN, GAP = 40, 24
_WIDEST = 3.0  # a panel's width over its height: a longer picture is shown whole in less than its height
_NARROWEST = 0.6  # the room of a panel and its caption, over its height
_EMPTY_WIDTH = 4 / 3
_LIMITS = ImageLimits(min_side=1)


@dataclass(frozen=True)
class Panel:
    """A picture, (H, W, 3) uint8 sRGB, or in words why there is none; its name, and a quieter line below that."""

    picture: Pixels | str
    title: str
    below: str


@dataclass(frozen=True)
class Box:
    """Where a panel stands: its box in pixels."""

    left: int
    top: int
    width: int
    height: int


def triptych(pair: FinishedPair, facts: ArtistFacts | None = None) -> Pixels:
    """The pair's content, its style (of a blend: all of them, with their shares) and its result, (H, W, 3) uint8.

    A picture that is gone or cannot be read leaves an empty panel that says so.

    Args:
        facts: what is known of the artist.
    """
    return drawn(panels_of(pair, facts))


def panels_of(pair: FinishedPair, facts: ArtistFacts | None = None) -> list[Panel]:
    """The panels of a pair, their pictures decoded. An unstylized pair has no style to show."""
    artist, styles = legible(pair.artist or ""), pair.style_paths
    years = f", {facts.years}" if artist and facts and facts.years else ""
    of_style = (
        [f"Style, {share:.0%}" for share in pair.style_shares]
        if len(styles) > 1
        else [named(artist, years) if artist else "Style"]
    )
    after = f"After {artist}" if artist and len(styles) == 1 else "Result"
    origin = f"{pair.run_folder.absolute().name} · pair {pair.pair_id}"
    return [
        Panel(_picture(located(pair.content_path)), pair.content_name, "Content"),
        *(
            Panel(_picture(located(path)), display_name(path), below)
            for path, below in zip(styles, of_style, strict=False)
        ),
        Panel(_picture(pair.result), after, origin),
    ]


def height_of(panels: Sequence[Panel]) -> int:
    """Of all panels, in pixels: that of the result (the last one), within `LOWEST` and `HIGHEST`."""
    result = panels[-1].picture
    return LOWEST if isinstance(result, str) else min(max(result.shape[0], LOWEST), HIGHEST)


def places_of(panels: Sequence[Panel]) -> list[Box]:
    """Where the panels' pictures stand, from left to right; only what is very long is less than full height."""
    height, left, places = height_of(panels), MARGIN, []
    for panel in panels:
        ratio = _EMPTY_WIDTH if isinstance(panel.picture, str) else panel.picture.shape[1] / panel.picture.shape[0]
        width, tall = max(1, round(height * min(ratio, _WIDEST))), max(1, round(height * min(1, _WIDEST / ratio)))
        places.append(Box(left, MARGIN + (height - tall) // 2, width, tall))
        left += max(width, round(height * _NARROWEST)) + GAP
    return places


def drawn(panels: Sequence[Panel]) -> Pixels:
    """The panels with their captions on one picture, (H, W, 3) uint8."""
    places, height = places_of(panels), height_of(panels)
    text = Lettering(round(15 + height / 100))
    slots = [max(place.width, round(height * _NARROWEST)) for place in places]
    below = MARGIN + height
    size = places[-1].left + slots[-1] + MARGIN, below + round(2.5 * text.line) + MARGIN
    image = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(image)
    for panel, place, room in zip(panels, places, slots, strict=True):
        if isinstance(panel.picture, str):
            _draw_empty(draw, place, panel.picture, text)
        else:
            image.paste(_scaled(panel.picture, place), (place.left, place.top))
        text.write(draw, place.left, below + 1.25 * text.line, text.shortened(panel.title, room), INK)
        text.write(draw, place.left, below + 2.25 * text.line, text.shortened(panel.below, room), QUIET)
    return np.array(image)


def _draw_empty(draw: ImageDraw.ImageDraw, place: Box, why: str, text: Lettering) -> None:
    draw.rectangle((place.left, place.top, place.left + place.width - 1, place.top + place.height - 1), EMPTY)
    words = text.shortened(why, place.width - GAP)
    left = place.left + (place.width - text.getlength(words)) / 2
    text.write(draw, left, place.top + (place.height + text.size) / 2, words, QUIET)


def _scaled(pixels: Pixels, place: Box) -> Image.Image:
    picture = Image.fromarray(pixels)
    size = place.width, place.height
    return picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)


def _picture(path: Path) -> Pixels | str:
    """The picture, or why it cannot be shown."""
    try:
        return decode_image(path, _LIMITS).pixels
    except MissingImage:
        return "is no longer there"
    except (InputError, StorageRefused, OSError):
        return "cannot be read"
