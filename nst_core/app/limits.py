"""What the app takes, at most."""

from __future__ import annotations

from dataclasses import dataclass

SIZES = (128, 192, 256, 384, 512, 768, 1024, 1536, 2048)
"""Sides that the page offers, in pixels, as far as `Limits.size` goes."""

SMALLEST = 32
"""Side at which a picture can be made, in pixels."""


@dataclass(frozen=True)
class Limits:
    """Bounds.

    Attributes:
        upload_bytes: of one uploaded file.
        pixels: of one image, uploaded or picked.
        size: largest side at which an image is made.
        queue: jobs that wait, of all people together.
        per_person: jobs of one person that wait or run.
        seconds: that one job may run.
        uploads: files of one person that are kept at a time; those that were used longest ago go first.
        uploads_of_all: the same, of all people together.
        arriving: files that are on their way at a time.
        arriving_seconds: that a file may take to arrive.
        idle_seconds: after which an upload that no job waits for is removed.
    """

    upload_bytes: int = 30_000_000
    pixels: int = 60_000_000
    size: int = 512
    queue: int = 20
    per_person: int = 5
    seconds: float = 300.0
    uploads: int = 20
    uploads_of_all: int = 200
    arriving: int = 16
    arriving_seconds: float = 300.0
    idle_seconds: float = 3600.0
