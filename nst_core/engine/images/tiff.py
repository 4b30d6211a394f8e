"""TIFF: which combinations of tags are read, corrections of what Pillow ignores in them, and strips that are missing.

A TIFF's tags combine freely, Pillow knows a table of combinations, and of some it takes no notice: a palette of 8-bit
values, white as zero in 16 bits, the byte order of compressed floats. Each combination is either read right or refused
with its tags named.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImagePalette

from nst_core.engine.images.limits import MOST_SEGMENTS, check_limit
from nst_core.engine.images.tiff_tags import PIXEL_TAGS, described
from nst_core.errors import NotAnImage

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _COLOR_MAP = 256, 257, 258, 259, 262, 320
_SAMPLES, _PLANAR, _EXTRA, _SAMPLE_FORMAT, _INK_SET, _SUBSAMPLING, _BLACK_WHITE = 277, 284, 338, 339, 332, 530, 532
_SUBFILE, _ROWS_PER_STRIP, _STRIPS, _STRIP_BYTES = 254, 278, 273, 279
_TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES = 322, 323, 324, 325
_RGB, _PALETTE, _CMYK, _YCBCR, _LAB = 2, 3, 5, 6, 8
_COMMON_COMPRESSIONS = frozenset((1, 2, 3, 4, 5, 7, 8, 32773, 32946))  # which any libtiff has
_MOST_PAGES = 100  # to look through for the picture, where the first page is a thumbnail or a mask
_FULL_RANGE = (0, 255, 128, 255, 128, 255)
_BIG_ENDIAN = re.compile(r"^([IF];\d+)B(?=[SF]$)")


def choose_page(image: Any) -> None:
    """Turn to the first page that is no thumbnail and no mask of another page; stay at the first if there is none."""
    if not int(image.tag_v2.get(_SUBFILE, 0)) & 5:
        return
    for page in range(1, _MOST_PAGES):
        try:
            image.seek(page)
        except EOFError:
            break
        if not int(image.tag_v2.get(_SUBFILE, 0)) & 5:
            return
    image.seek(0)


def unreadable_tiff_reason(image: Any) -> str | None:
    """Why the pixels of an opened TIFF cannot be read right, with the tags named; None if they can."""
    tags = {tag: _values(image.tag_v2, tag) for tag in PIXEL_TAGS}
    return described(tags) if _is_unreadable(image, tags) else None


def load_tiff(path: Path, image: Any) -> Image.Image:
    """Decode an opened TIFF; what Pillow ignores in its tags is made good. Raises NotAnImage for a missing codec."""
    bits, photometric = _values(image.tag_v2, _BITS), _photometric(image)
    sample_format = _values(image.tag_v2, _SAMPLE_FORMAT)
    _mend_raw_modes(image, bits)
    _mend_palette(image)
    compression = image.tag_v2.get(_COMPRESSION, 1)
    try:
        image.load()
    except OSError as error:
        if compression in _COMMON_COMPRESSIONS or not str(error).startswith("decoder error"):
            raise
        raise NotAnImage(path, described({tag: _values(image.tag_v2, tag) for tag in PIXEL_TAGS})) from error
    corrected = _corrected(image, bits[:1] or (1,), photometric, sample_format)
    if corrected is None:
        return image  # type: ignore[no-any-return]
    picture = Image.fromarray(corrected)
    picture.info = image.info
    return picture


def missing_strips(image: ImageFile.ImageFile, size: int) -> bool:
    """Whether strips or tiles of an opened TIFF are missing or lie beyond the file's end. Raises LimitExceeded."""
    tags: Any = image.tag_v2  # type: ignore[attr-defined]
    tiled = _TILES in tags and _STRIPS not in tags
    offsets, lengths = (_values(tags, tag) for tag in ((_TILES, _TILE_BYTES) if tiled else (_STRIPS, _STRIP_BYTES)))
    check_limit(len(offsets), MOST_SEGMENTS, "strips or tiles")
    expected = _expected_parts(tags, tiled)
    if len(offsets) < expected or 0 in offsets[:expected]:
        return True
    if tags.get(_COMPRESSION, 1) == 1:  # lengths are often wrong there, and nobody needs them
        return any(offset >= size for offset in offsets)
    parts = list(zip(offsets, lengths, strict=False))[:expected]
    return any(length == 0 or offset + length > size for offset, length in parts)


def _expected_parts(tags: Any, tiled: bool) -> int:
    width, height = int(tags[_WIDTH]), int(tags[_HEIGHT])
    if tiled:
        across, down = int(tags.get(_TILE_WIDTH) or width), int(tags.get(_TILE_HEIGHT) or height)
        parts = -(-width // across) * -(-height // down)
    else:
        parts = -(-height // min(height, int(tags.get(_ROWS_PER_STRIP) or height)))
    return parts * (int(tags.get(_SAMPLES, 1)) if tags.get(_PLANAR) == 2 else 1)


def _is_unreadable(image: Any, tags: dict[int, tuple[Any, ...]]) -> bool:
    photometric, bits, extra = _photometric(image), set(tags[_BITS]), tags[_EXTRA]
    packed = tags[_COMPRESSION] not in ((), (1,))
    if bits == {8} and set(tags[_SAMPLE_FORMAT]) == {2}:
        return True
    if photometric == _CMYK and tags[_INK_SET] not in ((), (1,)):
        return True
    if tags[_PLANAR] == (2,) and tags[_SAMPLES] != (1,):
        return not _is_readable_in_planes(photometric, bits, extra, packed)
    if photometric == _YCBCR and not packed:
        ranges = _values(image.tag_v2, _BLACK_WHITE)
        return tags[_SUBSAMPLING] != (1, 1) or (bool(ranges) and tuple(map(float, ranges)) != _FULL_RANGE)
    return False


def _is_readable_in_planes(photometric: int, bits: set[int], extra: tuple[int, ...], packed: bool) -> bool:
    if photometric == _RGB:
        more = not any(extra) if packed or bits == {8} else not extra
        return bits <= {8, 16} and (more or extra == (2,))
    if photometric == _CMYK:
        return not any(extra) and (bits == {8} or (packed and bits == {16}))
    return photometric in (0, 1, _PALETTE) and packed and not any(extra)


def _mend_raw_modes(image: Any, bits: tuple[int, ...]) -> None:
    """Bytes as they lie: libtiff gives the machine's order, and planes of 16 bits are no planes of 8."""
    for number, tile in enumerate(image.tile):
        raw = tile.args[0]
        if tile.codec_name == "libtiff":
            raw = _BIG_ENDIAN.sub(r"\1N", raw)
        elif image.tag_v2.get(_PLANAR) == 2 and set(bits) == {16} and len(raw) == 1:
            raw = f"{raw};16{'B' if image.tag_v2.prefix == b'MM' else 'L'}"
        image.tile[number] = tile._replace(args=(raw, *tile.args[1:]))


def _mend_palette(image: Any) -> None:
    """Some writers fill the palette with 8-bit values; as 16-bit ones they would all be black."""
    values = _values(image.tag_v2, _COLOR_MAP)
    if image.mode in ("P", "PA") and values and max(values) < 256:
        image.palette = ImagePalette.raw("RGB;L", bytes(values))


def _corrected(
    image: Image.Image, bits: tuple[int, ...], photometric: int, sample_format: tuple[int, ...]
) -> NDArray[Any] | None:
    """Grey samples as their tags mean them, where Pillow's are something else: (H, W) uint16, int32 or float32."""
    if image.mode not in ("I", "F", "I;16", "I;16B"):
        return None
    values: NDArray[Any] = np.asarray(image)
    if image.mode == "I" and bits == (32,) and sample_format in ((), (1,)):
        values = values.view(np.uint32)
        return values.astype(np.float32) if values.max() >= 2**31 else None
    if bits == (12,):
        values = (values.astype(np.uint32) * 65535 // 4095).astype(np.uint16)
    if photometric == 0:
        values = (65535 - values.astype(np.uint32)).astype(np.uint16) if bits[0] <= 16 else 1.0 - values
    return values if bits == (12,) or photometric == 0 else None


def _photometric(image: Any) -> int:
    return int(image.tag_v2.get(_PHOTOMETRIC, 0))


def _values(tags: Any, tag: int) -> tuple[Any, ...]:
    """The values of a tag; none if it is missing or damaged."""
    try:
        value = tags.get(tag)
    except Exception:  # a damaged tag raises anything when it is read
        return ()
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (value,)
