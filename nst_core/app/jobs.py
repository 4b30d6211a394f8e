"""A job: two pictures, a recipe and its settings, and how far the work is."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from nst_core.app.picture_collections import item_key, item_name, thumbnail_url
from nst_core.app.recipe_options import RecipeOption
from nst_core.app.uploads import Upload
from nst_core.sources.base import Item

JobState = Literal["queued", "running", "done", "failed", "cancelled"]
FINAL = ("done", "failed", "cancelled")


@dataclass(frozen=True)
class JobPicture:
    """One of the two pictures of a job.

    Attributes:
        source: an upload, or an item of a collection.
        role: `contents` or `styles`.
        size: (width, height) in pixels.
    """

    source: Upload | Item
    role: str
    size: tuple[int, int]

    @property
    def name(self) -> str:
        return self.source.name if isinstance(self.source, Upload) else item_name(self.source)

    @property
    def artist(self) -> str | None:
        return None if isinstance(self.source, Upload) else self.source.artist


@dataclass
class Job:
    """A picture that a client asked for.

    Attributes:
        client: name of the client; `address`: the address that it asked from.
        started: when it began to run, in seconds of `time.monotonic`.
        trace: (evaluation, total loss) points so far.
        preview: number of previews so far, and the newest one as a JPEG file.
        result: path of its image relative to the run folder; `gallery`: URL of its place in the gallery.
        version: number of updates so far, for those who follow it.
        cancelled: set when the client cancels it.
    """

    client: str
    content: JobPicture
    style: JobPicture
    recipe: RecipeOption
    size: int
    strength: float
    id: str = field(default_factory=lambda: secrets.token_hex(12))
    state: JobState = "queued"
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    started: float | None = None
    evaluations: int = 0
    trace: list[tuple[int, float]] = field(default_factory=list)
    preview: tuple[int, bytes] | None = None
    error: str | None = None
    pair_id: str | None = None
    result: str | None = None
    gallery: str | None = None
    version: int = 0
    cancelled: threading.Event = field(default_factory=threading.Event)
    address: str = ""

    def update(self, **values: Any) -> None:
        """Set attributes, and count the update."""
        for name, value in values.items():
            setattr(self, name, value)
        self.version += 1

    def seconds_left(self) -> float | None:
        """Expected seconds until a running job is done, by its own pace; None where that is not known."""
        if self.state != "running" or self.started is None or not self.evaluations:
            return None
        done, all_of_them = self.recipe.work(self.evaluations), self.recipe.work(self.recipe.evaluations)
        return max(0.0, (time.monotonic() - self.started) / done * (all_of_them - done))

    def as_json(self, position: int | None, wait_seconds: float | None) -> dict[str, Any]:
        """The job as the API shows it, with its position in the queue (0: the next) and the expected wait."""
        url = f"/api/jobs/{self.id}"
        left = self.seconds_left()
        return {
            "id": self.id,
            "state": self.state,
            "position": position,
            "wait_seconds": None if wait_seconds is None else round(wait_seconds, 1),
            "evaluations": self.evaluations,
            "total": self.recipe.evaluations,
            "seconds_left": None if left is None else round(left, 1),
            "preview": f"{url}/preview?v={self.preview[0]}" if self.preview else None,
            "trace": self.trace,
            "error": self.error,
            "result": f"{url}/result" if self.result else None,
            "content": _picture_json(self.content, f"{url}/content"),
            "style": _picture_json(self.style, f"{url}/style") | {"artist": self.style.artist},
            "recipe": self.recipe.name,
            "size": self.size,
            "strength": self.strength,
            "pair_id": self.pair_id,
            "gallery": self.gallery,
            "created": self.created.isoformat(timespec="seconds"),
        }


def _picture_json(picture: JobPicture, upload_url: str) -> dict[str, Any]:
    image, source = upload_url, {"upload": picture.source.id}
    if not isinstance(picture.source, Upload):
        image, source = thumbnail_url(picture.source, picture.role), {"id": item_key(picture.source)}
    return {
        "name": picture.name,
        "image": image,
        "width": picture.size[0],
        "height": picture.size[1],
        "source": source,
    }
