"""A job: what somebody asked for, and how far it is."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from nst_core.app.recipes import Offer
from nst_core.app.shelves import address_of, key_of, name_of
from nst_core.app.uploads import Upload
from nst_core.sources.base import Item

JobState = Literal["queued", "running", "done", "failed", "cancelled"]
FINAL = ("done", "failed", "cancelled")


@dataclass(frozen=True)
class Side:
    """One of the two pictures of a job: brought, or picked.

    Attributes:
        role: `contents` or `styles`.
        size: (width, height).
    """

    picture: Upload | Item
    role: str
    size: tuple[int, int]

    @property
    def name(self) -> str:
        return self.picture.name if isinstance(self.picture, Upload) else name_of(self.picture)

    @property
    def artist(self) -> str | None:
        return None if isinstance(self.picture, Upload) else self.picture.artist


@dataclass
class Job:
    """What a person asked for.

    Attributes:
        cancelled: set when it is taken back; `changed`: counts what happened to it, for those who follow it.
        preview: the newest JPEG file of it on its way, and how many there were.
        result: where its image is, relative to the run folder, and `gallery` its place there.
    """

    person: str
    content: Side
    style: Side
    offer: Offer
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
    changed: int = 0
    cancelled: threading.Event = field(default_factory=threading.Event)

    def change(self, **values: Any) -> None:
        """Set some of it, and say so to those who follow it."""
        for name, value in values.items():
            setattr(self, name, value)
        self.changed += 1

    def seconds_left(self) -> float | None:
        """While it runs, by its own pace."""
        if self.state != "running" or self.started is None or not self.evaluations:
            return None
        pace = (time.monotonic() - self.started) / self.evaluations
        return max(0.0, pace * (self.offer.evaluations - self.evaluations))

    def as_json(self, position: int | None, wait_seconds: float | None) -> dict[str, Any]:
        """The job as the API tells it, with its place among those who wait (0: the next) and how long that takes."""
        here = f"/api/jobs/{self.id}"
        left = self.seconds_left()
        return {
            "id": self.id,
            "state": self.state,
            "position": position,
            "wait_seconds": None if wait_seconds is None else round(wait_seconds, 1),
            "evaluations": self.evaluations,
            "total": self.offer.evaluations,
            "seconds_left": None if left is None else round(left, 1),
            "preview": f"{here}/preview?v={self.preview[0]}" if self.preview else None,
            "trace": self.trace,
            "error": self.error,
            "result": f"{here}/result" if self.result else None,
            "content": self._side(self.content, "content"),
            "style": self._side(self.style, "style") | {"artist": self.style.artist},
            "recipe": self.offer.name,
            "size": self.size,
            "strength": self.strength,
            "pair_id": self.pair_id,
            "gallery": self.gallery,
            "created": self.created.isoformat(timespec="seconds"),
        }

    def _side(self, side: Side, which: str) -> dict[str, Any]:
        image, source = f"/api/jobs/{self.id}/{which}", {"upload": side.picture.id}
        if not isinstance(side.picture, Upload):
            image, source = address_of(side.picture, side.role), {"id": key_of(side.picture)}
        return {"name": side.name, "image": image, "width": side.size[0], "height": side.size[1], "source": source}
