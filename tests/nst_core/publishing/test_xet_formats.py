"""The readers of Xet's formats that the storage on this machine refuses by."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from cas_stand_in import Cas
from http_stand_in import Refusal
from xet_formats import CHUNK_KEY, Chunk, FormatError, chunks_of_xorb, crc64_nvme, hash_name, keyed_hash, xorb_hash

TEXT = bytes(range(256)) * 5 + b"odd"


def packed(piece: bytes, scheme: int, length: int) -> bytes:
    return b"\0" + len(piece).to_bytes(3, "little") + bytes([scheme]) + length.to_bytes(3, "little") + piece


def lz4(data: bytes) -> bytes:
    return pa.compress(data, codec="lz4", asbytes=True)


def test_chunks_are_read_in_all_three_ways_of_compression() -> None:
    grouped = b"".join(np.frombuffer(TEXT, np.uint8)[place::4].tobytes() for place in range(4))
    xorb = packed(TEXT, 0, len(TEXT)) + packed(lz4(TEXT), 1, len(TEXT)) + packed(lz4(grouped), 2, len(TEXT))
    assert [chunk.data for chunk in chunks_of_xorb(xorb)] == [TEXT] * 3
    with pytest.raises(FormatError, match="cut short"):
        chunks_of_xorb(xorb[:-1])
    with pytest.raises(FormatError, match="footer"):
        chunks_of_xorb(xorb + b"XETBLOB")


def test_a_xorb_with_another_byte_than_its_name_says_is_refused() -> None:
    name = hash_name(xorb_hash([Chunk(TEXT, keyed_hash(CHUNK_KEY, TEXT))]))
    cas = Cas()
    with pytest.raises(Refusal, match="another hash"):
        cas.store(name, packed(b"x" + TEXT[1:], 0, len(TEXT)))
    assert cas.store(name, packed(TEXT, 0, len(TEXT))) is True
    assert cas.store(name, packed(TEXT, 0, len(TEXT))) is False


def test_the_checksum_is_that_of_the_catalogue() -> None:
    assert crc64_nvme(b"123456789") == 0xAE8B14860A799888
