"""The app's upper bounds on uploads, sizes, jobs and time."""

from __future__ import annotations

from dataclasses import dataclass

SIZES = (128, 192, 256, 384, 512, 768, 1024, 1536, 2048)
"""Sides that the page offers, in pixels, as far as `Limits.size` goes."""

SMALLEST = 32
"""The smallest side that a job may have, in pixels."""


@dataclass(frozen=True)
class Limits:
    """Upper bounds.

    Attributes:
        upload_bytes: of one uploaded file.
        pixels: of one image, uploaded or picked.
        size: of a job, in pixels.
        queue: waiting jobs of all clients together.
        per_person: waiting and running jobs of one client.
        seconds: that one job may run.
        uploads: kept files of one client; those used longest ago are removed first.
        total_uploads: kept files of all clients together.
        concurrent_uploads: files that are being received at a time.
        upload_seconds: that receiving a file may take.
        idle_seconds: after which an upload that no job needs is removed.
    """

    upload_bytes: int = 30_000_000
    pixels: int = 60_000_000
    size: int = 512
    queue: int = 20
    per_person: int = 5
    seconds: float = 300.0
    uploads: int = 20
    total_uploads: int = 200
    concurrent_uploads: int = 16
    upload_seconds: float = 300.0
    idle_seconds: float = 3600.0
