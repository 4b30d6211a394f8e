"""JPEG 2000: the parts of a codestream, by its markers, without decoding."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import IO

from nst_core.engine.images.limits import MOST_PACKETS, MOST_SEGMENTS, MOST_TILES, check_limit

_START = b"\xff\x4f\xff\x51"  # of a codestream: SOC and SIZ
_CODING, _TILE_PART, _END = 0xFF52, 0xFF90, 0xFFD9


@dataclass
class _Codestream:
    """What the main header says, and which tiles have a part that is there in full."""

    tiles: int
    components: int
    packets_of_a_component: int = 1


def jpeg2000_ends_early(stream: IO[bytes]) -> bool:
    """Whether tile parts of the codestream are cut, or tiles have none. Whether its end marker is there matters not.

    Raises LimitExceeded.
    """
    stream.seek(0)
    data = stream.read()
    start = data.find(_START)
    if start < 0 or len(data) < start + 42:
        return True
    stream_of_tiles, position = _main_header(data, start)
    if stream_of_tiles is None:
        return True
    return len(_tiles(data, position)) < stream_of_tiles.tiles


def _main_header(data: bytes, start: int) -> tuple[_Codestream | None, int]:
    """The header and the position of the first tile part; None if the file ends before."""
    width, height, left, top, across, down, first_x, first_y, components = struct.unpack_from(">8IH", data, start + 8)
    if not across or not down:
        return None, start
    tiles = max(0, -(-(width - first_x) // across)) * max(0, -(-(height - first_y) // down))
    check_limit(tiles, MOST_TILES, "tiles")
    position, header = start + 2, _Codestream(tiles, components)
    while position + 4 <= len(data):
        marker, length = struct.unpack_from(">HH", data, position)
        if marker == _TILE_PART:
            return header, position
        if marker == _CODING and position + 10 <= len(data):
            layers, levels = struct.unpack_from(">HxB", data, position + 6)
            header.packets_of_a_component = layers * (levels + 1)
            check_limit(tiles * components * layers * (levels + 1), MOST_PACKETS, "packets")
        position += 2 + max(2, length)
    return None, position


def _tiles(data: bytes, position: int) -> set[int]:
    """The numbers of the tiles whose parts are there; empty if a part is cut."""
    tiles: set[int] = set()
    for count in range(MOST_SEGMENTS):
        if position + 12 > len(data):
            return tiles
        marker, _, tile, length = struct.unpack_from(">HHHI", data, position)
        if marker != _TILE_PART:
            return tiles
        if length == 0:  # the last part, up to the end marker: without that one, nobody knows what is missing
            return tiles | {tile} if data.find(b"\xff\xd9", position) >= 0 else set()
        if position + length > len(data):
            return set()
        tiles.add(tile)
        position += length
    check_limit(count + 2, MOST_SEGMENTS, "tile parts")
    return tiles
