"""Where the work is done: one thread per device takes job after job; another keeps gallery and summary up to date."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Sequence

import torch

from nst_core.app.desk import Desk
from nst_core.app.jobs import Job, JobState, Side
from nst_core.app.limits import Limits
from nst_core.app.uploads import Upload, Uploads
from nst_core.app.workshop import Order, Piece, Workshop, gallery_address
from nst_core.chunks.work import ChunkWatch
from nst_core.engine.images.pixels import Pixels, encode_image
from nst_core.errors import Cancelled, ChunkTimeout, DiskFull, NstError
from nst_core.run_folder.plan_table import PlannedPair
from nst_core.run_folder.results import Result
from nst_core.run_folder.without_folders import without_folders
from nst_core.sources.base import Item

PREVIEWS = 60
"""Looks at a job on its way, about."""

PREVIEW_SECONDS = 0.25
"""At least between two previews that are shown."""

PREVIEW_QUALITY = 85

TIDY_SECONDS = 1.0
"""Between the end of a job and the next gallery: jobs that end together are put in together."""

TIDY_SHARE = 5
"""A large gallery takes its time: the next is made after so many times that, at the earliest."""

EXPIRE_SECONDS = 60.0

log = logging.getLogger("nst")


class Studio:
    """Makes the jobs of a desk until it closes."""

    def __init__(
        self, desk: Desk, workshop: Workshop, uploads: Uploads, limits: Limits, devices: Sequence[torch.device]
    ) -> None:
        self._desk, self._workshop, self._uploads, self._limits = desk, workshop, uploads, limits
        self._untidy, self._closing = threading.Event(), threading.Event()
        self._hands = [
            threading.Thread(target=self._work, args=(str(device),), name=f"studio {device}") for device in devices
        ]
        self._tidier = threading.Thread(target=self._keep_tidy, name="studio tidier")

    def open(self) -> None:
        """Begin; what was mended in the run folder is tidied up first."""
        self._untidy.set()
        for thread in (*self._hands, self._tidier):
            thread.start()

    def close(self) -> None:
        """Wait until all is made and tidied up; the desk must have been closed before."""
        for thread in self._hands:
            thread.join()
        self._closing.set()
        self._tidier.join()

    def _work(self, device: str) -> None:
        while (job := self._desk.take()) is not None:
            job.started = time.monotonic()
            state, error = self._ended(job, device)
            self._desk.end(job, state, error, time.monotonic() - job.started)
            self._untidy.set()

    def _ended(self, job: Job, device: str) -> tuple[JobState, str | None]:
        """Make a job, whatever happens: its final state, and why it failed."""
        try:
            return self._made(job, device)
        except DiskFull as error:
            log.error("%s", error)
            return "failed", "The server's disk is full: tell whoever runs it."
        except NstError as error:
            log.error("%s", error)
            return "failed", f"The recipe {job.offer.name} cannot run here: the server's log says why."
        except Exception:
            log.exception("A picture of the app could not be made")
            return "failed", "Something went wrong here that should not: the server's log says what."

    def _made(self, job: Job, device: str) -> tuple[JobState, str | None]:
        piece = self._planned(job)
        job.change(pair_id=piece.pair_id)
        every = max(1, job.offer.evaluations // PREVIEWS)
        row = self._workshop.make(piece, self._watch(job, every), device, every, job.cancelled.is_set)
        if row.status == "success":
            self._deliver(job, piece, row)
            return "done", None
        if row.error_class == Cancelled.__name__:
            return "cancelled", None
        if row.error_class == ChunkTimeout.__name__:
            return "failed", (
                f"It took longer than {self._limits.seconds:.0f} seconds: choose a smaller size, or a quicker recipe."
            )
        return "failed", without_folders(
            row.error_message or str(row.error_class), [row.content_path, *(row.style_paths or ())]
        )

    def _planned(self, job: Job) -> Piece:
        names = ("content_name", job.content.name), ("style_name", job.style.name)
        with self._workshop.planning:
            try:
                content, style = self._item(job.content), self._item(job.style)
                return self._workshop.planned(Order(content, style, job.offer.sized(job.size), job.strength, names))
            except BaseException:
                self._workshop.forget_unplanned()
                raise

    def _item(self, side: Side) -> Item:
        if isinstance(side.picture, Upload):
            return self._workshop.inputs.keep(side.picture.path, side.name)
        return side.picture

    def _watch(self, job: Job, every: int) -> ChunkWatch:
        last, ends = 0.0, time.monotonic() + self._limits.seconds

        def losses(evaluation: int, total: float) -> None:
            if math.isfinite(total):
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
            should_stop=lambda: job.cancelled.is_set() or self._desk.closing,
            past_deadline=lambda: time.monotonic() > ends,
        )

    def _deliver(self, job: Job, piece: Piece, row: Result) -> None:
        points = [(point.iteration, point.total) for point in row.loss_trace or ()]
        shown_in = gallery_address(piece.chunk.rows[0]) if self._workshop.config.output.gallery else None
        job.change(
            evaluations=row.evaluations,
            trace=[point for point in points if math.isfinite(point[1])],
            result=row.file_name,
            gallery=shown_in,
        )

    def _keep_tidy(self) -> None:
        expires = time.monotonic() + EXPIRE_SECONDS
        while not self._closing.is_set() or self._untidy.is_set():
            if self._untidy.wait(0.5):
                self._closing.wait(TIDY_SECONDS)
                self._tidy()
            if time.monotonic() > expires:
                self._uploads.expire()
                expires = time.monotonic() + EXPIRE_SECONDS

    def _tidy(self) -> None:
        self._untidy.clear()
        started = time.monotonic()
        try:
            self._workshop.tidy()
        except Exception:  # the pictures are made; the next end of a job brings another try
            log.exception("The gallery could not be brought up to date")
        self._closing.wait((time.monotonic() - started) * TIDY_SHARE)
