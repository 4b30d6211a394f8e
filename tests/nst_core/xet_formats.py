"""The formats of the Xet protocol, read and checked: xorbs (blocks of compressed chunks), shards (recipes of files).

Source: the Xet protocol specification, https://huggingface.co/docs/xet (pages xorb, shard, hashing, api).
"""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from blake3 import blake3

# The keys of the four keyed hashes, page hashing.
CHUNK_KEY = bytes.fromhex("6697f5775b9550de3135cbaca597181c9de421109beb2b58b4d0b04b93adf229")
NODE_KEY = bytes.fromhex("017ec5c7a5472996fd946666b48a02e65ddd536f37c76dd2f86352e64a53713f")
FILE_KEY = bytes(32)
RANGE_KEY = bytes.fromhex("7f1857d6ce56ed66127ff913e7a5c3f3a4cd26d5b5db49e64124987f28fb94c3")

MOST_BYTES = 64 * 2**20
"""The largest xorb (its chunks; where the client cuts), and the largest shard."""

_KNOWN_FOR = 7 * 24 * 3600
"""Seconds that a client may rely on known chunks."""

_MOST_IN_CHUNK = 128 * 2**10
_ENTRY = 48
_END = b"\xff" * 32
_SHARD_TAG = b"HFRepoMetaData\0\x55\x69\x67\x45\x6a\x7b\x81\x57\x83\xa5\xbd\xd9\x5c\xcd\xd1\x4a\xa9"
_WITH_RANGE_HASHES, _WITH_SHA256 = 1 << 31, 1 << 30


class FormatError(ValueError):
    """Bytes that are not of the format, or do not agree with each other."""


def keyed_hash(key: bytes, data: bytes) -> bytes:
    return blake3(data, key=key).digest()


def hash_name(value: bytes) -> str:
    """A hash of 32 bytes as it stands in addresses: four little-endian numbers in hexadecimal."""
    return "".join(f"{number:016x}" for number in struct.unpack("<4Q", value))


def merkle_root(leaves: list[tuple[bytes, int]]) -> bytes:
    """The hash of the tree over (hash, length) of chunks; a node ends where a hash says so, with 2 to 9 children."""
    level = leaves
    while len(level) > 1:
        above, start = [], 0
        while start < len(level):
            end = start + _children(level[start:])
            node = level[start:end]
            text = "".join(f"{hash_name(value)} : {length}\n" for value, length in node)
            above.append((keyed_hash(NODE_KEY, text.encode()), sum(length for _, length in node)))
            start = end
        level = above
    return level[0][0] if level else bytes(32)


def _children(entries: list[tuple[bytes, int]]) -> int:
    if len(entries) <= 2:
        return len(entries)
    most = min(9, len(entries))
    ends = (at + 1 for at in range(2, most) if struct.unpack("<Q", entries[at][0][24:])[0] % 4 == 0)
    return next(ends, most)


@dataclass(frozen=True)
class Chunk:
    """A piece of a file."""

    data: bytes
    hash: bytes


def chunks_of_xorb(data: bytes) -> list[Chunk]:
    """The chunks of a serialised xorb, decompressed. Raises FormatError."""
    chunks, at = [], 0
    while at + 8 <= len(data) and data[at] == 0:  # the footer begins with a letter
        stored, scheme, length = _u24(data, at + 1), data[at + 4], _u24(data, at + 5)
        piece = data[at + 8 : at + 8 + stored]
        if len(piece) != stored or length > _MOST_IN_CHUNK:
            raise FormatError("a chunk is cut short, or too long")
        raw = _decompressed(piece, scheme, length)
        chunks.append(Chunk(raw, keyed_hash(CHUNK_KEY, raw)))
        at += 8 + stored
    footer = data[at:]
    if footer and (len(footer) < 4 or struct.unpack("<I", footer[-4:])[0] != len(footer) - 4):
        raise FormatError("the footer of the xorb does not have its length")
    if not chunks:
        raise FormatError("a xorb without chunks")
    return chunks


def xorb_hash(chunks: list[Chunk]) -> bytes:
    return merkle_root([(chunk.hash, len(chunk.data)) for chunk in chunks])


def _u24(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 3], "little")


def _decompressed(piece: bytes, scheme: int, length: int) -> bytes:
    if scheme == 0:
        raw = piece
    elif scheme in (1, 2):
        try:
            raw = pa.decompress(piece, decompressed_size=length, codec="lz4", asbytes=True)
        except (OSError, pa.ArrowInvalid) as error:
            raise FormatError(f"a chunk does not decompress: {error}") from error
        if scheme == 2:
            raw = _ungrouped(raw)
    else:
        raise FormatError(f"compression {scheme} is unknown")
    if len(raw) != length:
        raise FormatError("a chunk has another length than its header says")
    return raw


def _ungrouped(data: bytes) -> bytes:
    """Bytes sorted by position modulo 4, in their order again."""
    grouped = np.frombuffer(data, np.uint8)
    out, start = np.empty_like(grouped), 0
    for place in range(4):
        count = len(out[place::4])
        out[place::4] = grouped[start : start + count]
        start += count
    return out.tobytes()


@dataclass(frozen=True)
class Term:
    """A range of the chunks of a xorb, and the hash that proves that the sender knows them."""

    xorb: str
    length: int
    start: int
    end: int
    range_hash: bytes


@dataclass(frozen=True)
class FileRecipe:
    """How a file is put together; `sha256` in hexadecimal."""

    hash: bytes
    terms: list[Term]
    sha256: str


@dataclass(frozen=True)
class XorbRecord:
    """What a shard says of a xorb; `block`: its bytes there."""

    hash: str
    chunk_hashes: list[bytes]
    length: int
    block: bytes


def read_shard(data: bytes) -> tuple[list[FileRecipe], list[XorbRecord]]:
    """The files and the xorbs of a shard that is uploaded, which has no footer. Raises FormatError."""
    version, footer = struct.unpack_from("<2Q", data, 32)
    if data[:32] != _SHARD_TAG or version != 2 or footer != 0:
        raise FormatError("this is no shard of version 2 without a footer")
    files, at = _files(data, 48)
    xorbs, at = _xorbs(data, at)
    if at != len(data):
        raise FormatError("the shard does not end where it should")
    return files, xorbs


def _files(data: bytes, at: int) -> tuple[list[FileRecipe], int]:
    files = []
    while (value := data[at : at + 32]) != _END:
        flags, count = struct.unpack_from("<2I", data, at + 32)
        if flags != _WITH_RANGE_HASHES | _WITH_SHA256:
            raise FormatError("a file without hashes of its ranges, or without a SHA-256")
        hashes = at + _ENTRY * (1 + count)
        terms = []
        for n in range(count):
            entry = at + _ENTRY * (1 + n)
            _, length, start, end = struct.unpack_from("<4I", data, entry + 32)
            proof = data[hashes + _ENTRY * n :][:32]
            terms.append(Term(hash_name(data[entry : entry + 32]), length, start, end, proof))
        at = hashes + _ENTRY * count
        files.append(FileRecipe(value, terms, hash_name(data[at : at + 32])))
        at += _ENTRY
    return files, at + _ENTRY


def _xorbs(data: bytes, at: int) -> tuple[list[XorbRecord], int]:
    xorbs = []
    while (value := data[at : at + 32]) != _END:
        _, count, length, _ = struct.unpack_from("<4I", data, at + 32)
        end = at + _ENTRY * (1 + count)
        hashes = [data[entry : entry + 32] for entry in range(at + _ENTRY, end, _ENTRY)]
        xorbs.append(XorbRecord(hash_name(value), hashes, length, data[at:end]))
        at = end
    return xorbs, at + _ENTRY


def shard_of_xorbs(xorbs: list[XorbRecord]) -> bytes:
    """A shard that answers a question for known chunks: xorbs alone, and a footer."""
    end = _END + bytes(16)
    head = _SHARD_TAG + struct.pack("<2Q", 2, 200)
    body = head + end + b"".join(xorb.block for xorb in xorbs) + end
    now, size = int(time.time()), len(body)
    tables = (size, 0) * 3  # where three tables begin that the specification calls reserved, and how long they are
    footer = struct.pack("<9Q32x2Q72xQ", 1, 48, 96, *tables, now, now + _KNOWN_FOR, size)
    return body + footer


def crc64_nvme(data: bytes) -> int:
    """The checksum that a grant of an upload is asked for with (CRC-64/NVME)."""
    value = _ALL
    for byte in data:
        value = _TABLE[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ _ALL


def _row(value: int) -> int:
    for _ in range(8):
        value = (value >> 1) ^ (0x9A6C9329AC4BC9B5 if value & 1 else 0)
    return value


_ALL = 2**64 - 1
_TABLE = [_row(byte) for byte in range(256)]
