"""The storage behind the Hub on this machine: the part of the Xet protocol that the unmodified client uploads with.

As strict as the specification (https://huggingface.co/docs/xet): a xorb must have the hash that it is sent under, a
shard names only xorbs that are here, and every file in it is put together from them and compared with its hash and its
SHA-256. Xorbs come by grants, or to `/v1/xorbs` where `grants` is off. Requests are noted; some can be made to fail.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from http_stand_in import Answer, Refusal, Routes, Service
from xet_formats import (
    FILE_KEY,
    MOST_BYTES,
    RANGE_KEY,
    Chunk,
    FileRecipe,
    FormatError,
    XorbRecord,
    chunks_of_xorb,
    crc64_nvme,
    hash_name,
    keyed_hash,
    merkle_root,
    read_shard,
    shard_of_xorbs,
    xorb_hash,
)

TOKEN_START = "xet_" + "Write"
SIGNATURE = "X-Amz-Signature"


@dataclass
class Grant:
    """Leave to send one xorb to an address of its own."""

    xorb: str
    length: int
    checksum: int
    data: bytes | None = None


@dataclass
class Cas(Service):
    """The state of the storage.

    Attributes:
        objects: the files that shards put together, by their SHA-256.
        grants_enabled: whether xorbs come by grants; else the client is told that there are none.
        lifetime: of tokens, in seconds.
        xorbs: the chunks of each xorb.
        received: the bytes of each xorb that arrived, in order.
        known: by chunk, the xorb that holds it, of shards that arrived.
    """

    objects: dict[str, bytes] = field(default_factory=dict)
    grants_enabled: bool = True
    lifetime: float = 3600.0
    tokens: dict[str, float] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    xorbs: dict[str, list[Chunk]] = field(default_factory=dict)
    received: list[int] = field(default_factory=list)
    known: dict[str, XorbRecord] = field(default_factory=dict)

    def new_token(self) -> dict[str, Any]:
        """What the Hub answers when it is asked for a token of this storage."""
        token = TOKEN_START + secrets.token_hex(16)
        self.tokens[token] = time.time() + self.lifetime
        return {"accessToken": token, "exp": int(self.tokens[token]), "casUrl": self.address}

    def check_token(self, token: str | None) -> None:
        if token is not None and self.tokens.get(token, 0) < time.time():
            raise Refusal(401, "the token is unknown, or has expired")

    def store(self, name: str, data: bytes) -> bool:
        """Take a xorb; whether it is new."""
        chunks = chunks_of_xorb(data)
        if sum(len(chunk.data) for chunk in chunks) > MOST_BYTES:
            raise Refusal(400, "the xorb is too large")
        if hash_name(xorb_hash(chunks)) != name:
            raise Refusal(400, "the xorb has another hash than its address")
        new = name not in self.xorbs
        self.xorbs[name] = chunks
        self.received.append(len(data))
        return new

    def register(self, data: bytes) -> None:
        """Take a shard: all of its files, or none."""
        if len(data) > MOST_BYTES:
            raise Refusal(400, "the shard is too large")
        files, xorbs = read_shard(data)
        for xorb in xorbs:
            if xorb.chunk_hashes != [chunk.hash for chunk in self._chunks(xorb.hash)]:
                raise Refusal(400, f"the shard names other chunks of {xorb.hash} than it has")
        self.objects |= {file.sha256: self._assembled(file) for file in files}
        self.known |= {hash_name(value): xorb for xorb in xorbs for value in xorb.chunk_hashes}

    def _chunks(self, xorb: str) -> list[Chunk]:
        if xorb not in self.xorbs:
            raise Refusal(400, f"the xorb {xorb} is not here")
        return self.xorbs[xorb]

    def _assembled(self, file: FileRecipe) -> bytes:
        """The bytes of a file, compared with everything that is said of it."""
        all_chunks: list[Chunk] = []
        for term in file.terms:
            chunks = self._chunks(term.xorb)[term.start : term.end]
            proof = keyed_hash(RANGE_KEY, b"".join(chunk.hash for chunk in chunks))
            length = sum(len(chunk.data) for chunk in chunks)
            if (len(chunks), length, proof) != (term.end - term.start, term.length, term.range_hash):
                raise Refusal(400, f"a range of {term.xorb} is not as the shard says")
            all_chunks += chunks
        root = merkle_root([(chunk.hash, len(chunk.data)) for chunk in all_chunks])
        if keyed_hash(FILE_KEY, root) != file.hash:
            raise Refusal(400, "a file does not have the hash that the shard says")
        data = b"".join(chunk.data for chunk in all_chunks)
        if hashlib.sha256(data).hexdigest() != file.sha256:
            raise Refusal(400, "a file does not have the SHA-256 that the shard says")
        return data


CAS_ROUTES = Routes(HASH="(?P<name>[0-9a-f]{64})", GRANT="(?P<grant>[0-9a-f]{16})")


@CAS_ROUTES("POST", "/v1/xorb-grants/default/HASH")
def _grant(cas: Cas, token: str | None, query: Any, body: bytes, name: str) -> Answer:
    _may_write(token)
    if not cas.grants_enabled:
        raise Refusal(404, "there are no grants here")
    if name in cas.xorbs:
        return Answer(200, {})
    told = json.loads(body)
    assert told["checksum"]["algo"] == "crc64nvme"
    key = secrets.token_hex(8)
    cas.grants[key] = Grant(name, told["length"], int(told["checksum"]["value"]))
    url = f"{cas.address}/granted/{key}?{SIGNATURE}=SIGNED{key}"
    return Answer(201, {"id": key, "method": "PUT", "url": url, "headers": {"x-amz-meta-xorb": name}})


@CAS_ROUTES("PUT", "/granted/GRANT")
def _granted(cas: Cas, token: str | None, query: Any, body: bytes, grant: str) -> Answer:
    found = cas.grants.get(grant)
    if found is None or SIGNATURE not in query or token is not None:
        raise Refusal(403, "there is no such grant, or a token was sent to where it does not belong")
    if (len(body), crc64_nvme(body)) != (found.length, found.checksum):
        raise Refusal(400, "length or checksum do not match")
    found.data = body
    return Answer(200)


@CAS_ROUTES("POST", "/v1/xorb-commits/default/HASH/grant/GRANT")
def _commit_grant(cas: Cas, token: str | None, query: Any, body: bytes, name: str, grant: str) -> Answer:
    _may_write(token)
    found = cas.grants.get(grant)
    if found is None or found.data is None or found.xorb != name:
        raise Refusal(404, "nothing was uploaded")
    return _stored(cas, name, found.data)


@CAS_ROUTES("POST", "/v1/xorbs/default/HASH")
def _xorb(cas: Cas, token: str | None, query: Any, body: bytes, name: str) -> Answer:
    _may_write(token)
    return _stored(cas, name, body)


@CAS_ROUTES("POST", "/v1/shards")
def _shard(cas: Cas, token: str | None, query: Any, body: bytes) -> Answer:
    _may_write(token)
    try:
        cas.register(body)
    except FormatError as error:
        raise Refusal(400, str(error)) from error
    return Answer(200, {"result": 1})


@CAS_ROUTES("POST", "/v2/shards")
def _shard_with_progress(cas: Cas, token: str | None, query: Any, body: bytes) -> Answer:
    """The same; how far it is, and how it ends, is told in lines of JSON."""
    _shard(cas, token, query, body)
    told = [{"type": "validating", "verified": 1, "total": 1}, {"type": "result"}]
    return Answer(200, b"".join(json.dumps(line).encode() + b"\n" for line in told))


@CAS_ROUTES("GET", "/v1/chunks/(?:default|default-merkledb)/HASH")
def _known_chunk(cas: Cas, token: str | None, query: Any, body: bytes, name: str) -> Answer:
    _may_write(token)
    if name not in cas.known:
        raise Refusal(404, "this chunk is new")
    return Answer(200, shard_of_xorbs([cas.known[name]]))


def _stored(cas: Cas, name: str, data: bytes) -> Answer:
    try:
        return Answer(200, {"was_inserted": cas.store(name, data)})
    except FormatError as error:
        raise Refusal(400, str(error)) from error


def _may_write(token: str | None) -> None:
    if token is None:
        raise Refusal(401, "no token")
