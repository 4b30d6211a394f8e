"""Download of single images of COCO, several at a time; each file is written whole or not at all."""

from __future__ import annotations

import io
import os
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import httpx
from PIL import Image

from nst_core.errors import DownloadFailed, DownloadRefused, NstError, UsageError
from nst_core.sources.coco import CocoImage
from nst_core.sources.download.archive import check_inside
from nst_core.sources.download.http import HttpRequest
from nst_core.sources.download.http_errors import (
    Unreachable,
    WrongContent,
    check_status,
    network_errors,
    place_of,
)
from nst_core.sources.download.progress import DownloadWatch
from nst_core.sources.walk import missing_files
from nst_core.storage.atomic import write_bytes_atomic
from nst_core.storage.disk import check_space
from nst_core.storage.regular_files import open_regular
from nst_core.storage.signed_urls import is_valid_web_url

CONNECTIONS = 16
BYTES_PER_IMAGE = 170_000
"""An estimate: val2017 has 163 kB per image."""
PATIENCE = 8
"""Transient failures after which the rest is left to the next try."""
_LARGEST = 64 * 1000**2
_JPEG_END = b"\xff\xd9"


def absent_images(images: Sequence[CocoImage], folder: Path) -> list[CocoImage]:
    """The images whose files are not in `folder`."""
    try:
        missing = set(missing_files(folder, (image.file_name for image in images)))
    except FileNotFoundError:
        return list(images)
    return [image for image in images if image.file_name in missing]


def download_images(
    images: Sequence[CocoImage],
    folder: Path,
    request: Callable[[CocoImage], HttpRequest],
    client: httpx.Client,
    watch: DownloadWatch,
) -> None:
    """Download into `folder` those of `images` that are not there yet, or not complete.

    Raises:
        DownloadRefused: the server refuses, or does not have some of them; the others were written.
        DownloadFailed: some failed; the next call downloads what is lacking.
        UsageError: the folder is a link that leads elsewhere.
        DiskFull, Interrupted: what has arrived is kept.
    """
    lacking = _lacking(images, folder, watch)
    check_space(folder, len(lacking) * BYTES_PER_IMAGE, f"{len(lacking)} images")
    work = _Downloads(folder, request, client, watch)
    for image in lacking:
        work.images.put(image)
    threads = [threading.Thread(target=work.run, daemon=True) for _ in range(min(CONNECTIONS, len(lacking)))]
    for thread in threads:
        thread.start()
    try:
        _wait(threads, work, len(images) - len(lacking), len(images), watch)
    finally:
        work.stop.set()
        for thread in threads:
            thread.join(0.5)  # a thread that waits for the network is left behind: it writes nothing any more
    work.raise_failures()


def _lacking(images: Sequence[CocoImage], folder: Path, watch: DownloadWatch) -> list[CocoImage]:
    lacking = []
    for number, image in enumerate(images, start=1):
        if not _is_whole(folder / image.file_name, image):
            lacking.append(image)
        watch.step(f"Looking for images of {folder.name}", number, len(images), "files")
    return lacking


def _wait(threads: Sequence[threading.Thread], work: _Downloads, there: int, total: int, watch: DownloadWatch) -> None:
    while True:
        watch.step(f"Downloading images of {work.folder.name}", there + work.fetched, total, "files")
        alive = [thread for thread in threads if thread.is_alive()]
        if not alive:
            return
        alive[0].join(0.1)


@dataclass
class _Downloads:
    """The state that the download threads share."""

    folder: Path
    request: Callable[[CocoImage], HttpRequest]
    client: httpx.Client
    watch: DownloadWatch
    images: queue.SimpleQueue[CocoImage] = field(default_factory=queue.SimpleQueue)
    stop: threading.Event = field(default_factory=threading.Event)
    fetched: int = 0
    failures: list[BaseException] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        while not self.stop.is_set():
            try:
                image = self.images.get_nowait()
            except queue.Empty:
                return
            try:
                self._get(image)
            except BaseException as error:
                self._add_failure(error)
            else:
                with self._lock:
                    self.fetched += 1

    def raise_failures(self) -> None:
        """Raise the worst of the failures, with their number."""
        if not self.failures:
            return
        worst = min(self.failures, key=_rank)
        if len(self.failures) == 1 or not isinstance(worst, DownloadFailed | DownloadRefused) or _ends_all(worst):
            raise worst
        text = f"{len(self.failures)} images failed, the first one so: {worst}"
        if isinstance(worst, DownloadFailed):
            raise DownloadFailed(text, worst.retry_after) from worst
        raise DownloadRefused(text) from worst

    def _add_failure(self, error: BaseException) -> None:
        with self._lock:
            if self.stop.is_set() and isinstance(error, DownloadFailed):
                return
            self.failures.append(error)
            transient = [one for one in self.failures if isinstance(one, DownloadFailed)]
            other_hosts = isinstance(error, Unreachable) and self.fetched > 0  # the network is there
        if (_ends_all(error) and not other_hosts) or len(transient) >= PATIENCE:
            self.stop.set()

    def _get(self, image: CocoImage) -> None:
        path, request = self.folder / image.file_name, self.request(image)
        if not is_valid_web_url(request.url):
            raise DownloadRefused(f"The address of {image.file_name} in the annotations is not one of the web.")
        try:
            with network_errors(request.url):
                data = self._receive(request)
        except UsageError as error:  # of this image alone, whose address comes from the annotations
            raise DownloadRefused(str(error)) from error
        if self.stop.is_set():
            raise DownloadFailed("Given up, because others failed.")
        fault = _fault(data, image)
        if fault:
            raise WrongContent(f"{place_of(request.url)} is not the image that was annotated: {fault}.")
        path.parent.mkdir(parents=True, exist_ok=True)
        check_inside(path, self.folder.parent)
        write_bytes_atomic(path, data)

    def _receive(self, request: HttpRequest) -> bytes:
        place = place_of(request.url)
        with self.client.stream("GET", request.url, headers=dict(request.headers)) as response:
            status = response.status_code
            check_status(status, place, response.headers.get("Retry-After"), request.hint)
            data = bytearray()
            for chunk in response.iter_bytes():
                data += chunk
                if len(data) > _LARGEST:
                    raise WrongContent(f"{place} is no image of COCO: it has more than {_LARGEST} bytes.")
                if self.stop.is_set():
                    break
        return bytes(data)


def _ends_all(error: BaseException) -> bool:
    """Whether an error ends the whole download: no network, no space, a server that asks for a pause."""
    if isinstance(error, DownloadFailed):
        return isinstance(error, Unreachable) or error.retry_after is not None
    return not isinstance(error, DownloadRefused)


def _rank(error: BaseException) -> int:
    """The severity of an error, 0 the worst: bugs, then full disks and the like, transient failures, refusals."""
    if not isinstance(error, DownloadFailed | DownloadRefused):
        return 0 if not isinstance(error, NstError) else 1
    if isinstance(error, DownloadFailed):
        return 2 if _ends_all(error) else 3
    return 4


def _is_whole(path: Path, image: CocoImage) -> bool:
    try:
        with open_regular(path) as file:
            head = _header_fault(file, image) is None
            file.seek(-min(16, path.stat().st_size), os.SEEK_END)
            return head and (path.suffix.lower() not in (".jpg", ".jpeg") or _JPEG_END in file.read())
    except OSError:
        return False


def _fault(data: bytes, image: CocoImage) -> str | None:
    fault = _header_fault(io.BytesIO(data), image)
    if fault is None and data.startswith(b"\xff\xd8") and _JPEG_END not in data[-16:]:
        return "it ends too early"
    return fault


def _header_fault(file: IO[bytes], image: CocoImage) -> str | None:
    """The fault of an image by its header; None where its size is as annotated, also with sides exchanged."""
    try:
        with Image.open(file) as found:
            size = found.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return "it cannot be opened as an image"
    if size not in ((image.width, image.height), (image.height, image.width)):
        return f"it has {size[0]}×{size[1]} pixels instead of {image.width}×{image.height}"
    return None
