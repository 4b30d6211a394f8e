"""Where the work is done: one thread per device takes job after job; another keeps gallery and summary up to date."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from nst_core.app.desk import Desk
from nst_core.app.jobs import Job, Side
from nst_core.app.limits import Limits
from nst_core.app.uploads import Upload, Uploads
from nst_core.app.workshop import Order, Piece, Workshop, upload_item
from nst_core.engine.images import Pixels, encode_image
from nst_core.errors import NstError
from nst_core.plan import PlannedPair
from nst_core.results import Result
from nst_core.sources.base import Item
from nst_core.worker import ChunkWatch

PREVIEWS = 60
"""Looks at a job on its way, about."""

PREVIEW_SECONDS = 0.25
"""At least between two previews that are shown."""

PREVIEW_QUALITY = 85

TIDY_SECONDS = 1.0
"""Between the end of a job and the next gallery: jobs that end together are put in together."""

EXPIRE_SECONDS = 60.0

log = logging.getLogger("nst")


class Studio:
    """Makes the jobs of a desk until it closes."""

    def __init__(
        self, desk: Desk, workshop: Workshop, uploads: Uploads, limits: Limits, devices: Sequence[torch.device]
    ) -> None:
        self._desk, self._workshop, self._uploads, self._limits = desk, workshop, uploads, limits
        self._new, self._closing = threading.Event(), threading.Event()
        self._hands = [
            threading.Thread(target=self._work, args=(str(device),), name=f"studio {device}") for device in devices
        ]
        self._tidier = threading.Thread(target=self._keep_tidy, name="studio tidier")

    def open(self) -> None:
        for thread in (*self._hands, self._tidier):
            thread.start()

    def close(self) -> None:
        """Wait for the hands to stop; the desk must have been closed before."""
        for thread in self._hands:
            thread.join()
        self._closing.set()
        self._tidier.join()

    def _work(self, device: str) -> None:
        while (job := self._desk.take()) is not None:
            started = time.monotonic()
            job.started = started
            try:
                state, error = self._made(job, device)
            except NstError as refused:
                state, error = "failed", str(refused)
            except Exception:
                log.exception("A picture of the app could not be made")
                state, error = "failed", "Something went wrong here that should not: the server's log says what."
            self._desk.end(job, state, error, time.monotonic() - started)  # type: ignore[arg-type]
            self._new.set()

    def _made(self, job: Job, device: str) -> tuple[str, str | None]:
        """Make a job: its final state, and why it failed."""
        with self._workshop.planning:
            content, style = self._item(job.content), self._item(job.style)
            piece = self._workshop.planned(
                Order(content, style, job.style.artist, job.offer.sized(job.size), job.strength)
            )
        job.change(pair_id=piece.pair_id)
        every = max(1, job.offer.evaluations // PREVIEWS)
        row = self._workshop.make(piece, self._watch(job, every), device, every)
        if row.status == "success":
            self._deliver(job, piece, row)
            return "done", None
        if job.cancelled.is_set():
            return "cancelled", None
        if row.error_class == "ChunkTimeout":
            return "failed", (
                f"It took longer than {self._limits.seconds:.0f} seconds: choose a smaller size, or a quicker recipe."
            )
        return "failed", shown(row.error_message or str(row.error_class), row)

    def _item(self, side: Side) -> Item:
        if not isinstance(side.picture, Upload):
            return side.picture
        return upload_item(self._workshop.taken_in(side.picture.path, side.name), self._workshop.folder.root)

    def _watch(self, job: Job, every: int) -> ChunkWatch:
        last, ends = 0.0, time.monotonic() + self._limits.seconds

        def losses(evaluation: int, total: float) -> None:
            job.trace.append((evaluation, total))
            job.change(evaluations=evaluation)

        def preview(_row: PlannedPair, pixels: Pixels) -> None:
            nonlocal last
            if time.monotonic() - last < PREVIEW_SECONDS:
                return
            last = time.monotonic()
            count = job.preview[0] + 1 if job.preview else 1
            job.change(preview=(count, encode_image(pixels, "jpeg", PREVIEW_QUALITY)))

        return ChunkWatch(
            losses=losses,
            preview=preview,
            preview_every=every,
            should_stop=job.cancelled.is_set,
            past_deadline=lambda: time.monotonic() > ends,
        )

    def _deliver(self, job: Job, piece: Piece, row: Result) -> None:
        trace = [(point.iteration, point.total) for point in row.loss_trace or ()]
        gallery = f"/gallery/{piece.chunk.artist_slug}/index.html#pair-{piece.pair_id}"
        job.change(
            evaluations=row.evaluations,
            trace=trace,
            result=row.file_name,
            gallery=gallery if self._workshop.config.output.gallery else None,
        )

    def _keep_tidy(self) -> None:
        expired = time.monotonic()
        while not self._closing.is_set():
            if self._new.wait(0.5):
                self._closing.wait(TIDY_SECONDS)
                self._new.clear()
                try:
                    self._workshop.tidy()
                except Exception:  # the pictures are made; the next end of a job brings another try
                    log.exception("The gallery could not be brought up to date")
            if time.monotonic() - expired > EXPIRE_SECONDS:
                self._uploads.expire()
                expired = time.monotonic()


def shown(message: str, row: Result) -> str:
    """An error without the paths of this machine."""
    for path in (row.content_path, row.style_path):
        message = message.replace(path, Path(path).name)
    return message
