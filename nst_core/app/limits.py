"""What the app takes, at most."""

from __future__ import annotations

from dataclasses import dataclass

SIZES = (128, 192, 256, 384, 512, 768, 1024)
"""Longer sides that the page offers, in pixels, as far as `Limits.size` goes."""


@dataclass(frozen=True)
class Limits:
    """Bounds.

    Attributes:
        upload_bytes: of one uploaded file.
        pixels: of one image, uploaded or picked.
        size: longest side at which an image is made.
        queue: jobs that wait, of all people together.
        per_person: jobs of one person that wait or run.
        seconds: that one job may run.
        uploads: files of one person that are kept at a time; the oldest ones that no job waits for go first.
        idle_seconds: after which an upload that no job waits for is removed.
    """

    upload_bytes: int = 30_000_000
    pixels: int = 60_000_000
    size: int = 512
    queue: int = 20
    per_person: int = 5
    seconds: float = 300.0
    uploads: int = 20
    idle_seconds: float = 3600.0
