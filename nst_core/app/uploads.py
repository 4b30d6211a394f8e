"""What people bring: looked at before it is kept, kept in the run folder's own corner, gone when nobody needs it."""

from __future__ import annotations

import io
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from nst_core.app.limits import Limits
from nst_core.app.refusals import Refusal
from nst_core.engine.images import decode_image
from nst_core.engine.limits import ImageLimits
from nst_core.errors import ImageTooLarge, ImageTooSmall, InputError

FOLDER = ".uploads"
THUMBNAIL = 640
_DECODING = threading.BoundedSemaphore(2)
"""Pictures that are decoded at a time: each may take some hundred megabytes."""

EXTENSIONS = {"JPEG": "jpg", "MPO": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "TIFF": "tif", "BMP": "bmp"}


@dataclass
class Upload:
    """A picture that somebody brought.

    Attributes:
        name: as that person calls it; never part of a path.
        used: when somebody last asked for it, on the monotonic clock.
        held: jobs that wait for it.
    """

    id: str
    person: str
    name: str
    path: Path
    width: int
    height: int
    thumbnail: bytes
    used: float = field(default_factory=time.monotonic)
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
        name = name[:200] or "picture"
        picture, extension = decoded(name, data, self._limits.pixels)
        identity = secrets.token_hex(12)
        path = self._folder / f"{identity}.{extension}"
        path.write_bytes(data)
        upload = Upload(identity, person, name, path, *picture.size, thumbnail(picture, THUMBNAIL), self._clock())
        with self._lock:
            self._make_room(person)
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

    def hold(self, upload: Upload) -> None:
        """A job waits for it: it stays."""
        with self._lock:
            upload.held += 1

    def release(self, upload: Upload) -> None:
        with self._lock:
            upload.held -= 1
            upload.used = self._clock()

    def remove(self, person: str, identity: str) -> None:
        """Forget an upload; one that a job waits for stays until then. Raises Refusal."""
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

    def _make_room(self, person: str) -> None:
        own = sorted((one for one in self._kept.values() if one.person == person), key=lambda one: one.used)
        for upload in [one for one in own if not one.held][: max(0, len(own) + 1 - self._limits.uploads)]:
            self._drop(upload)

    def _drop(self, upload: Upload) -> None:
        upload.path.unlink(missing_ok=True)
        self._kept.pop(upload.id, None)


def decoded(name: str, data: bytes, most_pixels: int) -> tuple[Image.Image, str]:
    """A file's picture, upright, in sRGB, and the extension that fits it. Raises Refusal."""
    with _DECODING:
        try:
            made = decode_image(Path(name), ImageLimits(max_pixels=most_pixels), data)
        except ImageTooLarge as error:
            raise Refusal(413, too_many_pixels(name, data, most_pixels)) from error
        except ImageTooSmall as error:
            raise Refusal(422, f"{name}: {error.reason.partition(',')[0]}: choose a larger one.") from error
        except InputError as error:
            raise Refusal(422, f"{name} cannot be used: {error.reason.removesuffix('.')}.") from error
    return Image.fromarray(made.pixels), EXTENSIONS.get(made.info.format, made.info.format.lower())


def too_many_pixels(name: str, data: bytes, most: int) -> str:
    """The sentence for a picture whose header alone says that it is too large."""
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with Image.open(io.BytesIO(data)) as image:
            told = f"has {image.width * image.height / 1e6:.0f} megapixels"
    except Exception:  # the size is told for courtesy only
        told = "is too large"
    finally:
        Image.MAX_IMAGE_PIXELS = before
    return f"{name} {told}, and {most / 1e6:.0f} megapixels are taken: make it smaller first."


def thumbnail(picture: Image.Image, side: int) -> bytes:
    """A WebP file of the picture with `side` as its longer side, at most."""
    small, buffer = picture.copy(), io.BytesIO()
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    small.save(buffer, "WEBP", quality=82, method=4)
    return buffer.getvalue()
