"""Resumable download of one file over HTTP.

Until it is complete it is `<name>.part` (`PartialFile`), and the next call requests the rest of it, on the condition
that the server still has the same version. It gets its final name once its size and checksum are right.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import queue
import re
import threading
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, cast

import httpx

from nst_core.errors import DownloadFailed, DownloadRefused
from nst_core.sources.download.http_errors import AGAIN, WrongContent, check_status, network_errors, place_of
from nst_core.sources.download.partial_file import PartialFile
from nst_core.sources.download.progress import DownloadWatch
from nst_core.storage.atomic import disk_full_as_error
from nst_core.storage.disk import check_space

T = TypeVar("T")

_CHUNK = 1 << 20
_MOST = 100 * 1000**3
"""Bytes of any file; all of COCO's training images are 20 GB."""
_TIMES_PUBLISHED = 4
_RANGE = re.compile(r"bytes (?P<first>\d+)-\d+/(?P<total>\d+)")


@dataclass(frozen=True)
class HttpRequest:
    """A request whose response is the file.

    Attributes:
        url, headers, body: may contain credentials, and are not part of the `repr`.
        hint: what to do where access is refused.
    """

    url: str = field(repr=False)
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    hint: str = ""


@dataclass(frozen=True)
class PublishedChecksum:
    """The size and checksum that the publisher of a file states.

    Attributes:
        size: in bytes; a file of this size must have `md5` wherever it comes from.
        official: the server is the publisher's own, so that both must match.
    """

    size: int | None = None
    md5: str | None = None
    official: bool = False


def fetch(
    client: httpx.Client,
    request: HttpRequest,
    path: Path,
    watch: DownloadWatch,
    published: PublishedChecksum | None = None,
) -> None:
    """Download a file to `path`, resuming what an earlier call left; a file that is there already is kept.

    Raises:
        DownloadRefused: the server refuses permanently.
        DownloadFailed: the connection was cut, or the server refuses for now; what has arrived is kept.
        WrongContent: size or checksum are wrong; the part is deleted.
        DiskFull, Interrupted: what has arrived is kept.
    """
    if path.is_file():
        return
    partial = PartialFile(path)
    published = published or PublishedChecksum()
    most = max(_MOST, _TIMES_PUBLISHED * (published.size or 0))
    while not partial.is_whole():
        _connect(client, request, partial, most, watch)
    _check_published(partial, published, place_of(request.url), watch)
    partial.finish()


def _connect(client: httpx.Client, request: HttpRequest, partial: PartialFile, most: int, watch: DownloadWatch) -> None:
    """Send one request for the bytes that are lacking, and receive them. Raises as `fetch`."""
    watch.check()
    received = partial.size() if partial.validator else 0
    headers = {**request.headers, "Accept-Encoding": "identity"}
    if received and partial.validator:
        headers |= {"Range": f"bytes={received}-", "If-Range": partial.validator}
    place = place_of(request.url)
    with contextlib.closing(_stream(client, request, headers, watch)) as stream:
        response = cast(httpx.Response, next(stream))
        if response.status_code == 416 and received:
            partial.discard()
            return
        check_status(response.status_code, place, response.headers.get("Retry-After"), request.hint)
        if response.status_code == 206:
            _check_range(response, partial, received, place)
        else:
            partial.restart(_validator(response), _length(response))
        _receive(cast(Iterator[bytes], stream), partial, place, most, watch)
    _check_complete(partial, place)


def _stream(
    client: httpx.Client, request: HttpRequest, headers: Mapping[str, str], watch: DownloadWatch
) -> Generator[httpx.Response | bytes]:
    """Yield the response, then its bytes, received by a thread so that a stop need not wait for a hanging network."""
    items: queue.Queue[httpx.Response | bytes | BaseException | None] = queue.Queue(16)
    stopped = threading.Event()

    def put(item: httpx.Response | bytes | BaseException | None) -> bool:
        while not stopped.is_set():
            with contextlib.suppress(queue.Full):
                items.put(item, timeout=0.2)
                return True
        return False

    def receive() -> None:
        try:
            with (
                network_errors(request.url),
                client.stream(request.method, request.url, headers=headers, content=request.body) as response,
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
        stopped.set()


def _next(items: queue.Queue[T], watch: DownloadWatch) -> T:
    while True:
        watch.check()
        with contextlib.suppress(queue.Empty):
            return items.get(timeout=0.2)


def _check_range(response: httpx.Response, partial: PartialFile, received: int, place: str) -> None:
    """Raise WrongContent where the response is not the requested range of the same version of the file."""
    found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    name = "ETag" if (partial.validator or "").startswith('"') else "Last-Modified"
    same = response.headers.get(name, partial.validator) == partial.validator
    is_rest = found and int(found["first"]) == received and partial.total in (None, int(found["total"]))
    if not (received and found and same and is_rest):
        partial.discard()
        raise WrongContent(f"{place}: the server sends another part of the file than was asked for: {AGAIN}.")
    if partial.total is None:
        partial.write_state(partial.validator, int(found["total"]))


def _receive(chunks: Iterator[bytes], partial: PartialFile, place: str, most: int, watch: DownloadWatch) -> None:
    received, total = partial.size(), partial.total
    title = f"Downloading {partial.path.name}"
    if total is not None:
        check_space(partial.path.parent, total - received, partial.path.name)
    with disk_full_as_error(partial.path), partial.part.open("ab", buffering=0) as file:
        watch.step(title, received, total or 0)
        _check_size(total or 0, partial, place, most)
        for chunk in chunks:
            received += _write(file.fileno(), chunk)
            _check_size(received, partial, place, most)
            watch.step(title, received, total or 0)
    if total is None:  # neither a length nor chunked encoding: the end of the connection is the end of the file
        partial.write_state(partial.validator, received)


def _check_size(size: int, partial: PartialFile, place: str, most: int) -> None:
    """Raise DownloadRefused, and delete what has arrived, where a file has no end."""
    if size > most:
        partial.discard()
        raise DownloadRefused(f"{place} is not downloaded: it has more than {most} bytes.")


def _write(descriptor: int, chunk: bytes) -> int:
    """Write all of `chunk`: one call may write only a part of it."""
    view = memoryview(chunk)
    while view:
        view = view[os.write(descriptor, view) :]
    return len(chunk)


def _check_complete(partial: PartialFile, place: str) -> None:
    size, total = partial.size(), partial.total
    if total is not None and size > total:
        partial.discard()
        raise WrongContent(f"{place}: more arrived ({size} bytes) than the server had announced ({total}): {AGAIN}.")
    if size != total:
        raise DownloadFailed(f"{place}: the connection was cut after {size} of {total} bytes: {AGAIN}.")


def _check_published(partial: PartialFile, published: PublishedChecksum, place: str, watch: DownloadWatch) -> None:
    """Raise WrongContent, and delete the part, where size or checksum are not as published."""
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
    """The value for `If-Range`: a strong ETag, or else the date; None where the server sends neither."""
    etag: str | None = response.headers.get("ETag")
    if etag and not etag.startswith("W/"):
        return etag
    date: str | None = response.headers.get("Last-Modified")
    return date


def _length(response: httpx.Response) -> int | None:
    length = str(response.headers.get("Content-Length", ""))
    return int(length) if length.isdecimal() else None
