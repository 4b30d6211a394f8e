"""PNG files without their metadata: what Pillow is given to read, and what we read ourselves.

Pillow refuses a picture whose text or colour profile is larger than it likes, or damaged. Metadata never decide over
pixels: Pillow gets the chunks that the pixels need, and the profile and the orientation are read here, within limits.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

from nst_core.engine.images.limits import MOST_PROFILE_BYTES, MOST_SEGMENTS, MOST_TEXT_BYTES, check_limit

_CHUNK_HEAD = struct.Struct(">I4s")
SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PIXELS = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"))
_TEXTS = frozenset((b"tEXt", b"zTXt", b"iTXt"))
_ORIENTATION_KEYS = (b"XML:com.adobe.xmp\0", b"Raw profile type exif\0")


@dataclass
class PngParts:
    """Positions (start, length) of a PNG's chunks, name, length and checksum included, as far as the file goes."""

    pixels: list[tuple[int, int]] = field(default_factory=list)
    texts: list[tuple[int, int]] = field(default_factory=list)
    profile: tuple[int, int] | None = None
    exif: tuple[int, int] | None = None
    has_pixels: bool = False


def png_parts(stream: IO[bytes]) -> PngParts:
    """Find the chunks that matter. Raises LimitExceeded."""
    parts = PngParts()
    for count, (name, position, length, start) in enumerate(_chunks(stream)):
        check_limit(count, MOST_SEGMENTS, "chunks")
        if name in _PIXELS:
            parts.pixels.append((position, length))
            parts.has_pixels = parts.has_pixels or name == b"IDAT"
        elif name == b"iCCP" and parts.profile is None:
            parts.profile = (position, length)
        elif name == b"eXIf" and parts.exif is None:
            parts.exif = (position, length)
        elif name in _TEXTS and start.startswith(_ORIENTATION_KEYS) and length <= MOST_TEXT_BYTES:
            parts.texts.append((position, length))
    return parts


def pixel_stream(stream: IO[bytes], parts: PngParts) -> io.BufferedReader:
    """The PNG without chunks that its pixels do not need; its texts are left in where they may hold the orientation."""
    kept = [(0, len(SIGNATURE)), *parts.pixels]
    kept[2:2] = [text for text in parts.texts if _is_readable_text(_read(stream, text))]  # behind the header
    return io.BufferedReader(_Ranges(stream, kept), 65536)


def png_profile(stream: IO[bytes], parts: PngParts) -> bytes | None:
    """The ICC profile; None if there is none, or it is damaged or too large."""
    if parts.profile is None:
        return None
    name, _, packed = _read(stream, parts.profile)[8:-4].partition(b"\0")
    profile = _inflated(packed[1:], MOST_PROFILE_BYTES) if len(name) < 80 else None
    return profile or None


def png_exif(stream: IO[bytes], parts: PngParts) -> bytes | None:
    """The EXIF block, wherever in the file it stands (Pillow's header reading stops at the pixels)."""
    return _read(stream, parts.exif)[8:-4] if parts.exif else None


def damaged_pixel_chunk(data: bytes, parts: PngParts) -> str | None:
    """The name of the first chunk with a wrong checksum, of those that the pixels need and that are there in full."""
    view = memoryview(data)
    for start, length in parts.pixels:
        end = start + length - 4
        if start + 12 + int.from_bytes(view[start : start + 4], "big") > len(data):
            continue
        if zlib.crc32(view[start + 4 : end]) != int.from_bytes(view[end : end + 4], "big"):
            return bytes(view[start + 4 : start + 8]).decode("ascii", "replace")
    return None


def _chunks(stream: IO[bytes]) -> Iterator[tuple[bytes, int, int, bytes]]:
    """(name, position, length, first data) of each chunk up to IEND; the last one may be cut by the end of the file."""
    end = stream.seek(0, io.SEEK_END)
    position, name = len(SIGNATURE), b""
    while position + 8 <= end and name != b"IEND":
        stream.seek(position)
        head = stream.read(32)
        length, name = _CHUNK_HEAD.unpack_from(head)
        length = min(length + 12, end - position)
        yield name, position, length, head[8:]
        position += length


def _read(stream: IO[bytes], part: tuple[int, int]) -> bytes:
    stream.seek(part[0])
    return stream.read(part[1])


def _inflated(packed: bytes, most: int) -> bytes | None:
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(packed, most)
    except zlib.error:
        return None
    return data if unpacker.eof else None


def _is_readable_text(chunk: bytes) -> bool:
    """Whether Pillow reads a text chunk without complaint: an intact one that is small, packed or not."""
    name, body = chunk[4:8], chunk[8:-4]
    if len(chunk) < 12 or zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:], "big"):
        return False
    value = body.partition(b"\0")[2]
    if name == b"zTXt":
        return value[:1] == b"\0" and _inflated(value[1:], MOST_TEXT_BYTES - 1) is not None
    return name == b"tEXt" or (value[:1] == b"\0" and value.count(b"\0") >= 4)  # iTXt: XMP is never packed


class _Ranges(io.RawIOBase):
    """Some ranges (start, length) of a file, one after the other, as a file."""

    def __init__(self, stream: IO[bytes], ranges: list[tuple[int, int]]) -> None:
        super().__init__()
        self._stream = stream
        self._ranges: list[tuple[int, int, int]] = []  # position here, position there, length
        self._size = self._position = self._current = 0
        for start, length in ranges:
            self._ranges.append((self._size, start, length))
            self._size += length

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position, self._current = max(0, base + offset), 0
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while self._current < len(self._ranges):
            here, there, length = self._ranges[self._current]
            if here <= self._position < here + length:
                within = self._position - here
                self._stream.seek(there + within)
                data = self._stream.read(min(len(buffer), length - within))
                buffer[: len(data)] = data
                self._position += len(data)
                return len(data)
            self._current += 1
        return 0
