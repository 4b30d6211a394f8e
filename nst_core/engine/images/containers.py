"""Checks of the formats' own structure, where Pillow is too lenient: is the file complete, how large is the canvas?

Of a GIF or WebP it allocates the canvas before anybody could look at its size; where the pixels of a JPEG, PNG or TIFF
are missing, their own modules tell.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from typing import IO

from nst_core.engine.images.jpeg2000 import jpeg2000_ends_early
from nst_core.engine.images.png import png_parts


def ends_early(stream: IO[bytes]) -> bool:
    """Whether a file ends before its own structure says that its first picture does.

    Of a JPEG, PNG or TIFF this sees the header only.
    """
    stream.seek(0)
    head = stream.read(16)
    stream.seek(0)
    walker = next((walk for offset, magic, walk in _WALKERS if head.startswith(magic, offset)), None)
    return walker is not None and walker(stream)


def canvas_size(stream: IO[bytes]) -> tuple[int, int] | None:
    """(width, height) of a GIF's or WebP's canvas as its header gives it; None for other formats and broken headers."""
    stream.seek(0)
    head = stream.read(30)
    if head.startswith(b"GIF8") and len(head) >= 13:
        return _gif_canvas(stream, head)
    if head.startswith(b"RIFF") and len(head) == 30:
        return _webp_canvas(head)
    return None


def _png_header_ends_early(stream: IO[bytes]) -> bool:
    return not png_parts(stream).has_pixels


def _webp_ends_early(stream: IO[bytes]) -> bool:
    declared: int = struct.unpack_from("<I", stream.read(8), 4)[0]
    return stream.seek(0, os.SEEK_END) < 8 + declared


def _webp_canvas(head: bytes) -> tuple[int, int] | None:
    kind = head[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        return int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF
    return None


def _gif_canvas(stream: IO[bytes], head: bytes) -> tuple[int, int]:
    """The logical screen, enlarged (as Pillow does) if the first frame reaches beyond it."""
    width, height = struct.unpack_from("<HH", head, 6)
    frame = _gif_first_frame(stream, head)
    if frame is None:
        return width, height
    x, y, frame_width, frame_height = struct.unpack_from("<HHHH", frame)
    return max(width, x + frame_width), max(height, y + frame_height)


def _gif_ends_early(stream: IO[bytes]) -> bool:
    head = stream.read(13)
    frame = _gif_first_frame(stream, head) if len(head) == 13 else None
    if frame is None:
        return stream.read(1) == b""
    stream.seek(_gif_palette_bytes(frame[8]) + 1, os.SEEK_CUR)
    return not _skip_gif_blocks(stream)


def _gif_first_frame(stream: IO[bytes], head: bytes) -> bytes | None:
    """The first frame's descriptor (9 bytes after the comma), with the stream behind it; None if there is none."""
    stream.seek(13 + _gif_palette_bytes(head[10]))
    while (block := stream.read(1)) and block != b";":
        if block == b",":
            descriptor = stream.read(9)
            return descriptor if len(descriptor) == 9 else None
        if block == b"!":
            stream.seek(1, os.SEEK_CUR)
            if not _skip_gif_blocks(stream):
                return None
    return None


def _skip_gif_blocks(stream: IO[bytes]) -> bool:
    """Skip a chain of data blocks; return False if the file ends before the chain's terminator."""
    while size := stream.read(1):
        if size == b"\0":
            return True
        stream.seek(size[0], os.SEEK_CUR)
    return False


def _gif_palette_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _jpeg_header_ends_early(stream: IO[bytes]) -> bool:
    end = stream.seek(0, os.SEEK_END)
    position = 2
    while position + 4 <= end:
        stream.seek(position)
        prefix, marker, length = struct.unpack(">BBH", stream.read(4))
        if prefix != 0xFF:
            return False
        if marker == 0xDA:
            return bool(position + 2 + length > end)
        if marker == 0xFF:
            position += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD9:
            position += 2
        else:
            position += 2 + length
    return True


def _tiff_header_ends_early(stream: IO[bytes]) -> bool:
    """Whether the first directory (the list of tags) lies beyond the end."""
    end = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    order = "<" if stream.read(2) == b"II" else ">"
    if end < 8:
        return True
    directory: int = struct.unpack(f"{order}2xI", stream.read(6))[0]
    if directory + 2 > end:
        return True
    stream.seek(directory)
    entries: int = struct.unpack(f"{order}H", stream.read(2))[0]
    return directory + 2 + 12 * entries > end


def _jp2_ends_early(stream: IO[bytes]) -> bool:
    return _boxes_end_early(stream, b"jp2c") or jpeg2000_ends_early(stream)


def _avif_ends_early(stream: IO[bytes]) -> bool:
    return _boxes_end_early(stream, b"mdat")


def _boxes_end_early(stream: IO[bytes], needed: bytes) -> bool:
    """Whether a chain of boxes (JP2, AVIF) breaks off, or lacks the box that holds the pixels."""
    end = stream.seek(0, os.SEEK_END)
    position, names = 0, set()
    while position + 8 <= end:
        stream.seek(position)
        length, name = struct.unpack(">I4s", stream.read(8))
        names.add(name)
        if length == 1:
            length = int.from_bytes(stream.read(8), "big")
        position = end if length == 0 else position + max(length, 8)
    return position > end or needed not in names


_WALKERS: list[tuple[int, bytes, Callable[[IO[bytes]], bool]]] = [
    (0, b"\xff\xd8", _jpeg_header_ends_early),
    (0, b"\x89PNG", _png_header_ends_early),
    (0, b"GIF8", _gif_ends_early),
    (8, b"WEBP", _webp_ends_early),
    (0, b"II*\0", _tiff_header_ends_early),
    (0, b"MM\0*", _tiff_header_ends_early),
    (0, b"\xff\x4f\xff\x51", jpeg2000_ends_early),
    (4, b"jP  ", _jp2_ends_early),
    (4, b"ftyp", _avif_ends_early),
]
