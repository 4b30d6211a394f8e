"""Uploaded pictures: checked before they are kept, in `.uploads/` of the run folder, removed when nobody needs them."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nst_core.app.fair_shares import of_largest_holder
from nst_core.app.limits import Limits
from nst_core.app.pictures import decode_upload, suffix_of, thumbnail_bytes
from nst_core.app.request_errors import RequestError

FOLDER = ".uploads"
NAME_LENGTH = 200


@dataclass
class Upload:
    """An uploaded picture.

    Attributes:
        client: name of the client; `address`: the address that it was sent from.
        name: the client's name for it; never part of a path.
        size: (width, height) in pixels, upright.
        thumbnail: a WebP file.
        used: time of the last use, in seconds on the clock of `Uploads`.
        jobs: number of jobs that need it.
    """

    id: str
    client: str
    name: str
    path: Path
    size: tuple[int, int]
    thumbnail: bytes
    used: float
    jobs: int = 0
    address: str = ""


class Uploads:
    """The uploads of all clients. Thread-safe."""

    def __init__(self, root: Path, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder, self._limits, self._clock = root / FOLDER, limits, clock
        self._kept: dict[str, Upload] = {}
        self._lock = threading.Lock()

    def open(self) -> None:
        """Begin with an empty folder: what a killed server left is removed."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def add(self, client: str, name: str, data: bytes, address: str = "") -> Upload:
        """Check a file and keep it. Raises RequestError; then nothing of it remains."""
        name = display_name(name)
        image = decode_upload(name, data, self._limits)
        identity = secrets.token_hex(12)
        path = self._folder / f"{identity}{suffix_of(image)}"
        try:
            path.write_bytes(data)
        except OSError as error:
            path.unlink(missing_ok=True)
            raise RequestError(507, "The server's disk is full: tell whoever runs it.") from error
        size = (image.info.width, image.info.height)
        upload = Upload(identity, client, name, path, size, thumbnail_bytes(image), self._clock(), address=address)
        with self._lock:
            own = [each for each in self._kept.values() if each.client == client]
            self._drop_oldest(own, len(own) + 1 - self._limits.uploads)
            for _ in range(len(self._kept) + 1 - self._limits.total_uploads):
                shares = of_largest_holder([*self._kept.values(), upload], lambda one: (one.address, one.client))
                self._drop_oldest([each for each in shares if each is not upload] or self._kept.values(), 1)
            self._kept[identity] = upload
        return upload

    def find(self, client: str, identity: str) -> Upload:
        """An upload of that client. Raises RequestError."""
        with self._lock:
            upload = self._kept.get(identity)
            if upload is None or upload.client != client:
                raise RequestError(404, "That upload is not here any more: upload the picture again.")
            upload.used = self._clock()
            return upload

    def hold(self, uploads: Sequence[Upload]) -> None:
        """Keep the uploads of a new job until `release`. Raises RequestError where one is gone already."""
        with self._lock:
            if any(upload.id not in self._kept for upload in uploads):
                raise RequestError(404, "That upload is not here any more: upload the picture again.")
            for upload in uploads:
                upload.jobs += 1

    def release(self, uploads: Sequence[Upload]) -> None:
        """Undo `hold`: the job is over."""
        with self._lock:
            for upload in uploads:
                upload.jobs -= 1
                upload.used = self._clock()

    def remove(self, client: str, identity: str) -> None:
        """Remove an upload, unless a job needs it: then it stays until it expires. Raises RequestError."""
        upload = self.find(client, identity)
        with self._lock:
            if not upload.jobs:
                self._drop(upload)

    def expire(self) -> None:
        """Remove uploads that have not been used for `Limits.idle_seconds`."""
        with self._lock:
            for upload in list(self._kept.values()):
                if not upload.jobs and self._clock() - upload.used > self._limits.idle_seconds:
                    self._drop(upload)

    def _drop_oldest(self, among: Iterable[Upload], count: int) -> None:
        """Remove the least recently used ones that no job needs."""
        uploads = sorted((each for each in among if not each.jobs), key=lambda each: each.used)
        for upload in uploads[: max(0, count)]:
            self._drop(upload)

    def _drop(self, upload: Upload) -> None:
        upload.path.unlink(missing_ok=True)
        self._kept.pop(upload.id, None)


def display_name(name: str) -> str:
    """A file's name as text that can be shown on one line and encoded in tables and JSON."""
    name = name.encode("utf-8", "replace").decode()
    return "".join(sign for sign in name if sign.isprintable())[:NAME_LENGTH].strip() or "picture"
