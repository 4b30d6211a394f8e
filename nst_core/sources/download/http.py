"""One file over HTTP, whole and checked, or a part that the next call goes on from.

While it is on its way it is `<name>.part`, and `<name>.part.json` beside it holds what the server said of it: the
validator (ETag or date) with which a later request makes sure that the rest still belongs to the same file. The final
name appears once everything has arrived and its size and checksum are right.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import queue
import re
import threading
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, cast

import httpx

from nst_core.errors import DownloadFailed, UsageError
from nst_core.sources.download.http_errors import AGAIN, WrongContent, network_errors, place_of, refuse_bad_status
from nst_core.sources.download.partial_file import PartialFile
from nst_core.sources.download.progress import DownloadWatch
from nst_core.storage.atomic import disk_full_as_error
from nst_core.storage.disk import check_space

T = TypeVar("T")

TIMEOUT = httpx.Timeout(30.0, read=60.0)
_CHUNK = 1 << 20
_RANGE = re.compile(r"bytes (?P<first>\d+)-\d+/(?P<total>\d+)")


@dataclass(frozen=True)
class HttpRequest:
    """A request that a server answers with the file.

    Attributes:
        headers, body: may hold credentials; they are not shown.
        hint: what to do where access is refused.
    """

    url: str = field(repr=False)
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    hint: str = ""


@dataclass(frozen=True)
class PublishedChecksum:
    """What a file's makers say of it.

    Attributes:
        size: bytes; a file of this size has `md5` wherever it comes from.
        official: the address is the makers' own, so size and checksum have to be these.
    """

    size: int | None = None
    md5: str | None = None
    official: bool = False


def open_client() -> httpx.Client:
    """A client that follows redirects and the proxy settings of the environment. Raises UsageError."""
    logging.getLogger("httpx").setLevel(logging.WARNING)  # below that it logs addresses, which may be signed
    try:
        return httpx.Client(timeout=TIMEOUT, follow_redirects=True)
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        raise UsageError(f"The proxy settings of this environment cannot be used: {error}") from error


def fetch(
    client: httpx.Client,
    address: HttpRequest,
    path: Path,
    watch: DownloadWatch,
    published: PublishedChecksum | None = None,
) -> None:
    """Make `path` the file at `address`; goes on from what an earlier call left. A file that is there is kept.

    Raises:
        DownloadRefused: the server refuses for good.
        DownloadFailed: cut or refused for now; what has arrived is kept. (WrongContent: it was wrong and is deleted.)
        DiskFull, Interrupted: what has arrived is kept.
    """
    if path.is_file():
        return
    partial = PartialFile(path)
    while not partial.is_whole():
        _connect(client, address, partial, watch)
    _check(partial, published or PublishedChecksum(), place_of(address.url), watch)
    partial.finish()


def _connect(client: httpx.Client, address: HttpRequest, partial: PartialFile, watch: DownloadWatch) -> None:
    """One request, for what is lacking. Raises as `fetch` where the answer is none, or ends early."""
    watch.check()
    have = partial.size() if partial.validator else 0
    headers = {**address.headers, "Accept-Encoding": "identity"}
    if have and partial.validator:
        headers |= {"Range": f"bytes={have}-", "If-Range": partial.validator}
    place = place_of(address.url)
    with contextlib.closing(_stream(client, address, headers, watch)) as stream:
        response = cast(httpx.Response, next(stream))
        if response.status_code == 416 and have:
            partial.discard()
            return
        refuse_bad_status(response.status_code, place, response.headers.get("Retry-After"), address.hint)
        if response.status_code == 206:
            _must_continue(response, partial, have, place)
        else:
            partial.restart(_validator(response), _length(response))
        _receive(cast(Iterator[bytes], stream), partial, watch)
    _must_be_whole(partial, place)


def _stream(
    client: httpx.Client, address: HttpRequest, headers: Mapping[str, str], watch: DownloadWatch
) -> Generator[httpx.Response | bytes]:
    """The answer, then its bytes. They come through a thread, so that a stop need not wait for a network that hangs."""
    items: queue.Queue[httpx.Response | bytes | BaseException | None] = queue.Queue(16)
    over = threading.Event()

    def put(item: httpx.Response | bytes | BaseException | None) -> bool:
        while not over.is_set():
            with contextlib.suppress(queue.Full):
                items.put(item, timeout=0.2)
                return True
        return False

    def receive() -> None:
        try:
            with (
                network_errors(address.url),
                client.stream(address.method, address.url, headers=headers, content=address.body) as response,
            ):
                put(response)
                if not all(put(chunk) for chunk in response.iter_raw()):
                    return
            put(None)
        except BaseException as error:
            put(error)

    threading.Thread(target=receive, daemon=True).start()
    try:
        while (item := _next(items, watch)) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        over.set()


def _next(items: queue.Queue[T], watch: DownloadWatch) -> T:
    while True:
        watch.check()
        with contextlib.suppress(queue.Empty):
            return items.get(timeout=0.2)


def _must_continue(response: httpx.Response, partial: PartialFile, have: int, place: str) -> None:
    """Raises WrongContent where the server sends another piece than the one asked for, or of another file."""
    found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    name = "ETag" if (partial.validator or "").startswith('"') else "Last-Modified"
    same = response.headers.get(name, partial.validator) == partial.validator
    if not (have and found and same and int(found["first"]) == have and partial.total in (None, int(found["total"]))):
        partial.discard()
        raise WrongContent(f"{place}: the server sends another part of the file than was asked for: {AGAIN}.")
    if partial.total is None:
        partial.write_state(partial.validator, int(found["total"]))


def _receive(chunks: Iterator[bytes], partial: PartialFile, watch: DownloadWatch) -> None:
    have, total = partial.size(), partial.total
    title = f"Downloading {partial.path.name}"
    if total is not None:
        check_space(partial.path.parent, total - have, partial.path.name)
    with disk_full_as_error(partial.path), partial.part.open("ab", buffering=0) as file:
        watch.step(title, have, total or 0)
        for chunk in chunks:
            have += _write(file.fileno(), chunk)
            watch.step(title, have, total or 0)
    if total is None:  # neither a length nor chunks that say where they end: what came is taken for all
        partial.write_state(partial.validator, have)


def _write(descriptor: int, chunk: bytes) -> int:
    """Write all of `chunk`: a disk that is nearly full takes a part of it first."""
    view = memoryview(chunk)
    while view:
        view = view[os.write(descriptor, view) :]
    return len(chunk)


def _must_be_whole(partial: PartialFile, place: str) -> None:
    size, total = partial.size(), partial.total
    if total is not None and size > total:
        partial.discard()
        raise WrongContent(f"{place}: more arrived ({size} bytes) than the server had announced ({total}): {AGAIN}.")
    if size != total:
        raise DownloadFailed(f"{place}: the connection was cut after {size} of {total} bytes: {AGAIN}.")


def _check(partial: PartialFile, published: PublishedChecksum, place: str, watch: DownloadWatch) -> None:
    """Raises WrongContent, and deletes the part, where it is not what was published."""
    size = partial.size()
    fault = None
    if published.official and published.size is not None and size != published.size:
        fault = f"{size} bytes instead of the {published.size} published"
    elif published.md5 and (published.official or size == published.size):
        found = _md5(partial, watch)
        if found != published.md5:
            fault = f"md5 {found} instead of {published.md5}"
    if fault:
        partial.discard()
        raise WrongContent(f"{place} is not the file that was published ({fault}); it was deleted: try again.")


def _md5(partial: PartialFile, watch: DownloadWatch) -> str:
    digest, done, total = hashlib.md5(usedforsecurity=False), 0, partial.size()
    with partial.part.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            done += len(chunk)
            watch.step(f"Checking {partial.path.name}", done, total)
    return digest.hexdigest()


def _validator(response: httpx.Response) -> str | None:
    """What `If-Range` takes: a strong ETag, or the date; None where the server gives neither."""
    etag: str | None = response.headers.get("ETag")
    if etag and not etag.startswith("W/"):
        return etag
    date: str | None = response.headers.get("Last-Modified")
    return date


def _length(response: httpx.Response) -> int | None:
    length = str(response.headers.get("Content-Length", ""))
    return int(length) if length.isdecimal() else None
