"""JPEG 2000: the parts of a codestream, by its markers, without decoding."""

from __future__ import annotations

import struct
from typing import IO

from nst_core.engine.images.limits import MOST_PACKETS, MOST_SEGMENTS, MOST_TILES, check_limit

_START = b"\xff\x4f\xff\x51"  # of a codestream: SOC and SIZ
_CODING, _TILE_PART = 0xFF52, 0xFF90


def jpeg2000_ends_early(stream: IO[bytes]) -> bool:
    """Whether tile parts of the codestream are cut, or tiles have none. Whether its end marker is there matters not.

    Raises LimitExceeded.
    """
    stream.seek(0)
    data = stream.read()
    start = data.find(_START)
    if start < 0 or len(data) < start + 42:
        return True
    tiles, position = _main_header(data, start)
    return position is None or len(_tiles(data, position)) < tiles


def _main_header(data: bytes, start: int) -> tuple[int, int | None]:
    """The number of tiles and the position of the first tile part; None if the file ends before."""
    width, height, _, _, across, down, first_x, first_y, components = struct.unpack_from(">8IH", data, start + 8)
    if not across or not down:
        return 0, None
    tiles = max(0, -(-(width - first_x) // across)) * max(0, -(-(height - first_y) // down))
    check_limit(tiles, MOST_TILES, "tiles")
    position = start + 2
    while position + 4 <= len(data):
        marker, length = struct.unpack_from(">HH", data, position)
        if marker == _TILE_PART:
            return tiles, position
        if marker == _CODING and position + 10 <= len(data):
            layers, levels = struct.unpack_from(">HxB", data, position + 6)
            check_limit(tiles * components * layers * (levels + 1), MOST_PACKETS, "packets")
        position += 2 + max(2, length)
    return tiles, None


def _tiles(data: bytes, position: int) -> set[int]:
    """The numbers of the tiles whose parts are there; empty if a part is cut."""
    tiles: set[int] = set()
    parts = 0
    while position + 12 <= len(data):
        marker, _, tile, length = struct.unpack_from(">HHHI", data, position)
        if marker != _TILE_PART:
            return tiles
        if length == 0:  # the last part, up to the end marker: without that one, nobody knows what is missing
            return tiles | {tile} if data.find(b"\xff\xd9", position) >= 0 else set()
        if length < 12 or position + length > len(data):
            return set()
        tiles.add(tile)
        position += length
        parts += 1
        check_limit(parts, MOST_SEGMENTS, "tile parts")
    return tiles
