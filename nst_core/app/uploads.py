"""What people bring: looked at before it is kept, kept in the run folder's own corner, gone when nobody needs it."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nst_core.app.limits import Limits
from nst_core.app.pictures import brought, extension, small
from nst_core.app.refusals import Refusal

FOLDER = ".uploads"
NAME_LENGTH = 200


@dataclass
class Upload:
    """A picture that somebody brought.

    Attributes:
        name: as that person calls it; never part of a path.
        size: (width, height) in pixels, upright.
        thumbnail: a WebP file.
        used: when somebody last asked for it, in seconds on the clock of `Uploads`.
        held: jobs that wait for it.
    """

    id: str
    person: str
    name: str
    path: Path
    size: tuple[int, int]
    thumbnail: bytes
    used: float
    held: int = 0


class Uploads:
    """The uploads of all people. For several threads."""

    def __init__(self, root: Path, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder, self._limits, self._clock = root / FOLDER, limits, clock
        self._kept: dict[str, Upload] = {}
        self._lock = threading.Lock()

    def open(self) -> None:
        """Begin with nothing: what a killed server left is removed."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def add(self, person: str, name: str, data: bytes) -> Upload:
        """Look at a file and keep it. Raises Refusal; then nothing of it remains."""
        name = shown_name(name)
        image = brought(name, data, self._limits.pixels)
        identity = secrets.token_hex(12)
        path = self._folder / f"{identity}.{extension(image)}"
        try:
            path.write_bytes(data)
        except OSError as error:
            path.unlink(missing_ok=True)
            raise Refusal(507, "The server's disk is full: tell whoever runs it.") from error
        size = (image.info.width, image.info.height)
        upload = Upload(identity, person, name, path, size, small(image), self._clock())
        with self._lock:
            self._make_room([one for one in self._kept.values() if one.person == person], self._limits.uploads)
            self._make_room(self._kept.values(), self._limits.uploads_of_all)
            self._kept[identity] = upload
        return upload

    def find(self, person: str, identity: str) -> Upload:
        """An upload of that person. Raises Refusal."""
        with self._lock:
            upload = self._kept.get(identity)
            if upload is None or upload.person != person:
                raise Refusal(404, "That upload is not here any more: upload the picture again.")
            upload.used = self._clock()
            return upload

    def hold(self, uploads: Sequence[Upload]) -> None:
        """A job waits for them: they stay. Raises Refusal where one is gone already."""
        with self._lock:
            if any(upload.id not in self._kept for upload in uploads):
                raise Refusal(404, "That upload is not here any more: upload the picture again.")
            for upload in uploads:
                upload.held += 1

    def release(self, uploads: Sequence[Upload]) -> None:
        """The job is over."""
        with self._lock:
            for upload in uploads:
                upload.held -= 1
                upload.used = self._clock()

    def remove(self, person: str, identity: str) -> None:
        """Forget an upload; one that a job waits for stays until it expires. Raises Refusal."""
        upload = self.find(person, identity)
        with self._lock:
            if not upload.held:
                self._drop(upload)

    def expire(self) -> None:
        """Remove what nobody has asked for in a long time."""
        with self._lock:
            for upload in list(self._kept.values()):
                if not upload.held and self._clock() - upload.used > self._limits.idle_seconds:
                    self._drop(upload)

    def _make_room(self, among: Iterable[Upload], most: int) -> None:
        """Drop those that were used longest ago and that no job waits for, until one more may come."""
        uploads = sorted(among, key=lambda one: one.used)
        for upload in [one for one in uploads if not one.held][: max(0, len(uploads) + 1 - most)]:
            self._drop(upload)

    def _drop(self, upload: Upload) -> None:
        upload.path.unlink(missing_ok=True)
        self._kept.pop(upload.id, None)


def shown_name(name: str) -> str:
    """What a file is called, as text that can be shown on a line, kept in a table and told in JSON."""
    name = name.encode("utf-8", "replace").decode()
    return "".join(sign for sign in name if sign.isprintable())[:NAME_LENGTH].strip() or "picture"
