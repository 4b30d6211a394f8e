"""The pictures of a finished pair, at the size at which they are judged."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nst_core.engine.images.limits import ImageLimits
from nst_core.engine.images.pixels import Pixels, decode_image, fit_pixels, resize_pixels, working_size
from nst_core.engine.working_size import Fit
from nst_core.errors import CorruptImage
from nst_core.run_folder.own_files import check_own_file
from nst_core.storage.paths import parse_path

JUDGE_SIZE = 256
"""The longest side, in pixels, at which pictures are judged: larger ones are scaled down, and styles with them."""

_LIMITS = ImageLimits(min_side=1)


@dataclass(frozen=True)
class JudgedPair:
    """A finished pair as its row has it.

    Attributes:
        features: the extractor that made the picture, where the row says so.
        output_sha256: of the file that the run wrote.
        artist: the group of the style, where it has one.
        content_fit: of the content, where the picture shows a part of it only.
    """

    run_folder: Path
    pair_id: str
    content_path: str
    style_paths: tuple[str, ...]
    style_shares: tuple[float, ...]
    file_name: str
    features: str | None
    output_sha256: str | None
    artist: str | None = None
    content_fit: Fit | None = None


@dataclass(frozen=True)
class PairPictures:
    """Decoded pictures, (H, W, 3) uint8 sRGB: content, as the method saw it, and result of one shape, styles as large
    as their longer side.

    Attributes:
        output_sha256: of the result's file as it was read.
    """

    pair: JudgedPair
    result: Pixels
    content: Pixels
    styles: tuple[Pixels, ...]
    output_sha256: str


def read_pictures(pair: JudgedPair, smallest: int, size: int = JUDGE_SIZE) -> PairPictures:
    """Read the pictures of a pair.

    Args:
        smallest: the shortest side that the judge's network accepts: smaller pictures are enlarged.
        size: the longest side: larger ones are scaled down.

    Raises:
        InputError: one of them is not there, cannot be read, or is not what the run wrote.
        ForeignFile: the result is not in the run folder.
    """
    result = decode_image(check_own_file(pair.run_folder, pair.file_name), _LIMITS)
    if pair.output_sha256 not in (None, result.sha256):
        raise CorruptImage(pair.file_name, "it is not the file that the run wrote (`nst verify` says more)")
    height, width = result.pixels.shape[:2]
    width, height = _judged_size(width, height, smallest, size)
    content = seen_content(decode_image(parse_path(pair.content_path), _LIMITS).pixels, pair)
    styles = tuple(_style(path, max(width, height), smallest) for path in pair.style_paths)
    return PairPictures(
        pair,
        resize_pixels(result.pixels, width, height),
        resize_pixels(content, width, height),
        styles,
        result.sha256,
    )


def seen_content(content: Pixels, pair: JudgedPair) -> Pixels:
    """What of a content the method saw: with a crop its middle at the working size, else the whole."""
    return content if pair.content_fit is None else fit_pixels(content, pair.content_fit)


def style_as_picture(pictures: PairPictures) -> Pixels:
    """The (first) style in the result's place: scaled to cover its shape, and cut to it from the middle."""
    style, (height, width) = pictures.styles[0], pictures.result.shape[:2]
    scale = max(height / style.shape[0], width / style.shape[1])
    covering = resize_pixels(
        style, max(width, round(style.shape[1] * scale)), max(height, round(style.shape[0] * scale))
    )
    top, left = (covering.shape[0] - height) // 2, (covering.shape[1] - width) // 2
    return covering[top : top + height, left : left + width]


def _style(path: str, size: int, smallest: int) -> Pixels:
    pixels = decode_image(parse_path(path), _LIMITS).pixels
    height, width = pixels.shape[:2]
    width, height = working_size(width, height, size)
    return resize_pixels(pixels, max(width, smallest), max(height, smallest))


def _judged_size(width: int, height: int, smallest: int, size: int) -> tuple[int, int]:
    width, height = working_size(width, height, size)
    return max(width, smallest), max(height, smallest)
