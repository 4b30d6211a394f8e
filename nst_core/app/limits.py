"""The app's upper bounds on uploads, sizes, jobs and time."""

from __future__ import annotations

from dataclasses import dataclass

from nst_core.config.run_config import RunConfig

SIZES = (128, 192, 256, 384, 512, 768, 1024, 1536, 2048)
"""Sides that the page offers, in pixels, as far as `Limits.size` goes."""

SMALLEST = 32
"""The smallest side that a job may have, in pixels."""


@dataclass(frozen=True)
class Limits:
    """Upper bounds.

    Attributes:
        upload_bytes: size of an uploaded file.
        pixels: number of pixels of an image, uploaded or picked.
        size: side of a job's image, in pixels.
        queue: number of waiting jobs of all clients together.
        per_person: number of waiting and running jobs of one client.
        per_address: number of waiting and running jobs of one address, whatever names its clients have.
        seconds: running time of a job.
        uploads: number of kept files of one client; the least recently used are removed first.
        total_uploads: number of kept files of all clients together; of the address with the most, some are removed.
        concurrent_uploads: number of files received at a time.
        address_uploads: number of those of one address.
        upload_seconds: time to receive a file.
        decode_seconds: time to decode an image that could take longer than usual.
        idle_seconds: time for which an unused upload is kept.
    """

    upload_bytes: int = 30_000_000
    pixels: int = 60_000_000
    size: int = 512
    queue: int = 20
    per_person: int = 5
    per_address: int = 10
    seconds: float = 300.0
    uploads: int = 20
    total_uploads: int = 200
    concurrent_uploads: int = 16
    address_uploads: int = 8
    upload_seconds: float = 300.0
    decode_seconds: float = 20.0
    idle_seconds: float = 3600.0


def with_limits(config: RunConfig, limits: Limits) -> RunConfig:
    """The run file with the app's limits on images, where those are the lower ones, and without preview files."""
    sections = {
        role: section.model_copy(
            update={
                "max_pixels": min(section.max_pixels, limits.pixels),
                "decode_seconds": min(section.decode_seconds, limits.decode_seconds),
            }
        )
        for role, section in (("content", config.content), ("style", config.style))
    }
    output = config.output.model_copy(update={"previews": None})
    return config.model_copy(update={**sections, "output": output})
