"""Chosen images of COCO, one by one and several at a time; each file is there whole or not at all."""

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

from nst_core.errors import DownloadFailed, DownloadRefused, NstError
from nst_core.sources.coco import CocoImage
from nst_core.sources.download.archive import check_inside
from nst_core.sources.download.http import HttpRequest
from nst_core.sources.download.http_errors import (
    Unreachable,
    WrongContent,
    network_errors,
    place_of,
    refuse_bad_status,
)
from nst_core.sources.download.progress import DownloadWatch
from nst_core.storage.atomic import write_bytes_atomic
from nst_core.storage.disk import check_space

CONNECTIONS = 16
BYTES_PER_IMAGE = 170_000
"""val2017 has 163 kB per image."""
PATIENCE = 8
"""Failures after which the rest is not asked for: the next try does that."""
_LARGEST = 64 * 1000**2
_JPEG_END = b"\xff\xd9"


def absent_images(images: Sequence[CocoImage], folder: Path) -> list[CocoImage]:
    """The images whose files are not in `folder`."""
    try:
        present = set(os.listdir(folder))  # noqa: PTH208 (names, not a Path for each of 100 000 files)
    except FileNotFoundError:
        present = set()
    return [
        image
        for image in images
        if image.file_name not in present and ("/" not in image.file_name or not (folder / image.file_name).is_file())
    ]


def get_images(
    images: Sequence[CocoImage],
    folder: Path,
    address: Callable[[CocoImage], HttpRequest],
    client: httpx.Client,
    watch: DownloadWatch,
) -> None:
    """Fetch into `folder` those of `images` that are not there yet, or not whole.

    Raises:
        DownloadRefused: the server refuses, or does not have some of them; the others are there.
        DownloadFailed: some failed; the next call fetches what is lacking.
        UsageError: the folder is a link that leads elsewhere.
        DiskFull, Interrupted: what has arrived is kept.
    """
    lacking = _lacking(images, folder, watch)
    check_space(folder, len(lacking) * BYTES_PER_IMAGE, f"{len(lacking)} images")
    work = _Downloads(folder, address, client, watch)
    for image in lacking:
        work.waiting.put(image)
    threads = [threading.Thread(target=work.run, daemon=True) for _ in range(min(CONNECTIONS, len(lacking)))]
    for thread in threads:
        thread.start()
    try:
        _wait(threads, work, len(images) - len(lacking), len(images), watch)
    finally:
        work.over.set()
        for thread in threads:
            thread.join(0.5)  # one that waits for the network is left behind: it writes nothing any more
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
    """What the threads share."""

    folder: Path
    address: Callable[[CocoImage], HttpRequest]
    client: httpx.Client
    watch: DownloadWatch
    waiting: queue.SimpleQueue[CocoImage] = field(default_factory=queue.SimpleQueue)
    over: threading.Event = field(default_factory=threading.Event)
    fetched: int = 0
    failures: list[BaseException] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        while not self.over.is_set():
            try:
                image = self.waiting.get_nowait()
            except queue.Empty:
                return
            try:
                self._get(image)
            except BaseException as error:
                self._failed(error)
            else:
                with self._lock:
                    self.fetched += 1

    def raise_failures(self) -> None:
        """The worst of what went wrong, for all of it."""
        if not self.failures:
            return
        worst = min(self.failures, key=_rank)
        if len(self.failures) == 1 or not isinstance(worst, DownloadFailed | DownloadRefused) or _ends_all(worst):
            raise worst
        text = f"{len(self.failures)} images failed, the first one so: {worst}"
        if isinstance(worst, DownloadFailed):
            raise DownloadFailed(text, worst.retry_after) from worst
        raise DownloadRefused(text) from worst

    def _failed(self, error: BaseException) -> None:
        with self._lock:
            if self.over.is_set() and isinstance(error, DownloadFailed):
                return
            self.failures.append(error)
            transient = [one for one in self.failures if isinstance(one, DownloadFailed)]
        if _ends_all(error) or len(transient) >= PATIENCE:
            self.over.set()

    def _get(self, image: CocoImage) -> None:
        path, address = self.folder / image.file_name, self.address(image)
        with network_errors(address.url):
            data = self._receive(address)
        if self.over.is_set():
            raise DownloadFailed("Given up, because others failed.")
        fault = _fault(data, image)
        if fault:
            raise WrongContent(f"{place_of(address.url)} is not the image that was annotated: {fault}.")
        path.parent.mkdir(parents=True, exist_ok=True)
        check_inside(path, self.folder.parent)
        write_bytes_atomic(path, data)

    def _receive(self, address: HttpRequest) -> bytes:
        place = place_of(address.url)
        with self.client.stream("GET", address.url, headers=dict(address.headers)) as response:
            status = response.status_code
            refuse_bad_status(status, place, response.headers.get("Retry-After"), address.hint)
            data = bytearray()
            for chunk in response.iter_bytes():
                data += chunk
                if len(data) > _LARGEST:
                    raise WrongContent(f"{place} is no image of COCO: it has more than {_LARGEST} bytes.")
                if self.over.is_set():
                    break
        return bytes(data)


def _ends_all(error: BaseException) -> bool:
    """Whether the other images would fare no better: no network, no space, a server that wants to be left alone."""
    if isinstance(error, DownloadFailed):
        return isinstance(error, Unreachable) or error.retry_after is not None
    return not isinstance(error, DownloadRefused)


def _rank(error: BaseException) -> int:
    """Bugs and full disks before what may pass, that before what is refused: the next try leaves only the last."""
    if not isinstance(error, DownloadFailed | DownloadRefused):
        return 0 if not isinstance(error, NstError) else 1
    if isinstance(error, DownloadFailed):
        return 2 if _ends_all(error) else 3
    return 4


def _is_whole(path: Path, image: CocoImage) -> bool:
    try:
        with path.open("rb") as file:
            head = _described(file, image) is None
            file.seek(-min(16, path.stat().st_size), os.SEEK_END)
            return head and (path.suffix.lower() not in (".jpg", ".jpeg") or _JPEG_END in file.read())
    except OSError:
        return False


def _fault(data: bytes, image: CocoImage) -> str | None:
    fault = _described(io.BytesIO(data), image)
    if fault is None and data.startswith(b"\xff\xd8") and _JPEG_END not in data[-16:]:
        return "it ends too early"
    return fault


def _described(file: IO[bytes], image: CocoImage) -> str | None:
    """What is wrong with an image by its header; None where it is as annotated (or stands upright in the file)."""
    try:
        with Image.open(file) as found:
            size = found.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return "it cannot be opened as an image"
    if size not in ((image.width, image.height), (image.height, image.width)):
        return f"it has {size[0]}×{size[1]} pixels instead of {image.width}×{image.height}"
    return None
