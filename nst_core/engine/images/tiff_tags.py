"""The tags of a TIFF's first directory that decide over its pixels, read without a library, and in words."""

from __future__ import annotations

import struct
from typing import IO

PIXEL_TAGS = {
    258: "BitsPerSample",
    259: "Compression",
    262: "PhotometricInterpretation",
    266: "FillOrder",
    277: "SamplesPerPixel",
    284: "PlanarConfiguration",
    317: "Predictor",
    332: "InkSet",
    338: "ExtraSamples",
    339: "SampleFormat",
    530: "YCbCrSubSampling",
}
_PHOTOMETRICS = {
    0: "white is zero", 1: "black is zero", 2: "RGB", 3: "palette", 4: "mask", 5: "CMYK", 6: "YCbCr", 8: "CIELab",
    9: "ICCLab", 10: "ITULab", 32803: "colour filter array", 32844: "LogL", 32845: "LogLuv", 34892: "linear raw",
}  # fmt: skip
_FORMATS = {1: "unsigned", 2: "signed", 3: "float", 4: "undefined", 5: "complex", 6: "complex float"}
_COMPRESSIONS = {
    1: "none", 2: "CCITT", 3: "fax group 3", 4: "fax group 4", 5: "LZW", 6: "old JPEG", 7: "JPEG", 8: "deflate",
    32773: "PackBits", 32946: "deflate", 34712: "JPEG 2000", 34887: "LERC", 34892: "JPEG", 34925: "LZMA",
    34933: "PNG", 34934: "JPEG XR", 50000: "Zstandard", 50001: "WebP", 50002: "JPEG XL", 52546: "JPEG XL",
}  # fmt: skip
_WORDS = {259: _COMPRESSIONS, 262: _PHOTOMETRICS, 339: _FORMATS}
_USUAL: dict[int, tuple[int, ...]] = {259: (1,), 266: (1,), 284: (1,), 317: (1,), 332: (1,)}
_TYPES = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q"}
_MOST_ENTRIES = 4096
_MOST_VALUES = 8
_LONGEST = 200  # characters
_WIDTH, _HEIGHT = 256, 257


def unreadable_tags(stream: IO[bytes]) -> str | None:
    """Why a TIFF that no library opens cannot be read, by its tags; None if its directory is damaged."""
    try:
        tags = _first_directory(stream)
    except (struct.error, OverflowError, ValueError, KeyError):
        return None
    return described(tags) if all(min(tags.get(tag) or (0,)) > 0 for tag in (_WIDTH, _HEIGHT)) else None


def described(tags: dict[int, tuple[int, ...]]) -> str:
    """The reason for refusing a TIFF: its pixel tags, as far as they are not the usual ones."""
    named = [
        f"{name} = {_in_words(tag, tags[tag])}"
        for tag, name in PIXEL_TAGS.items()
        if tags.get(tag) and tags[tag] != _USUAL.get(tag)
    ]
    tags_in_words = ", ".join(named)[:_LONGEST]
    return f"it is a TIFF of a kind that cannot be read ({tags_in_words}): convert it to RGB of 8 or 16 bits first"


def _in_words(tag: int, values: tuple[int, ...]) -> str:
    shown = values[:1] if len(set(values)) == 1 and tag in _WORDS else values[:_MOST_VALUES]
    meanings = [_WORDS[tag][value] for value in shown if value in _WORDS.get(tag, {})]
    numbers = " ".join(str(value) for value in shown)
    return f"{numbers} ({', '.join(meanings)})" if meanings else numbers


def _first_directory(stream: IO[bytes]) -> dict[int, tuple[int, ...]]:
    stream.seek(0)
    head = stream.read(16)
    order = "<" if head[:2] == b"II" else ">"
    big = head[2:4] in (b"+\0", b"\0+")
    stream.seek(struct.unpack_from(order + ("Q" if big else "I"), head, 8 if big else 4)[0])
    count: int = struct.unpack(order + ("Q" if big else "H"), stream.read(8 if big else 2))[0]
    size = 20 if big else 12
    entries = stream.read(min(count, _MOST_ENTRIES) * size)
    tags = {}
    for position in range(0, len(entries) - size + 1, size):
        tag, kind, length = struct.unpack_from(order + ("HHQ" if big else "HHI"), entries, position)
        if tag in PIXEL_TAGS or tag in (_WIDTH, _HEIGHT):
            field = entries[position + (12 if big else 8) : position + size]
            tags[tag] = _read_values(stream, order, big, kind, length, field)
    return tags


def _read_values(stream: IO[bytes], order: str, big: bool, kind: int, count: int, field: bytes) -> tuple[int, ...]:
    count, letter = min(count, _MOST_VALUES), _TYPES[kind]
    length = struct.calcsize(f"{order}{count}{letter}")
    if length > len(field):
        stream.seek(struct.unpack(order + ("Q" if big else "I"), field)[0])
        field = stream.read(length)
    return struct.unpack(f"{order}{count}{letter}", field[:length])
