"""The threads that do the work: one per device stylizes jobs, another keeps gallery and summary up to date."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Sequence

import torch

from nst_core.app.job_queue import JobQueue
from nst_core.app.job_run_folder import JobRunFolder, JobSpec, PlannedJob, gallery_url
from nst_core.app.jobs import Job, JobPicture, JobState
from nst_core.app.limits import Limits
from nst_core.app.uploads import Upload, Uploads
from nst_core.chunks.work import ChunkWatch
from nst_core.engine.images.pixels import Pixels, encode_image
from nst_core.errors import Cancelled, ChunkTimeout, DiskFull, NstError
from nst_core.run_folder.plan_table import PlannedPair
from nst_core.run_folder.results import Result
from nst_core.run_folder.without_folders import without_folders
from nst_core.sources.base import Item

PREVIEWS = 60
"""Approximate number of reports and previews per job."""

PREVIEW_SECONDS = 0.25
"""Least time between two previews of a job."""

PREVIEW_QUALITY = 85

GALLERY_DELAY = 1.0
"""Seconds between the end of a job and the update of the gallery: jobs that end together share one."""

GALLERY_PAUSE = 5
"""The pause after an update of the gallery, as a multiple of the time that the update took."""

EXPIRE_SECONDS = 60.0
"""Time between two removals of unused uploads."""

log = logging.getLogger("nst")


class DeviceWorkers:
    """Stylizes the jobs of a queue on all devices until the queue is closed."""

    def __init__(
        self,
        queue: JobQueue,
        job_folder: JobRunFolder,
        uploads: Uploads,
        limits: Limits,
        devices: Sequence[torch.device],
    ) -> None:
        self._queue, self._job_folder, self._uploads, self._limits = queue, job_folder, uploads, limits
        self._gallery_outdated, self._closing = threading.Event(), threading.Event()
        self._workers = [
            threading.Thread(target=self._work, args=(str(device),), name=f"app {device}") for device in devices
        ]
        self._updater = threading.Thread(target=self._keep_up_to_date, name="app gallery")

    def start(self) -> None:
        """Start the threads; the first thing is to update the gallery."""
        self._gallery_outdated.set()
        for thread in (*self._workers, self._updater):
            thread.start()

    def join(self) -> None:
        """Wait until the jobs and the last update of the gallery are done; the queue must be closed before."""
        for thread in self._workers:
            thread.join()
        self._closing.set()
        self._updater.join()

    def _work(self, device: str) -> None:
        while (job := self._queue.take()) is not None:
            job.started = time.monotonic()
            state, error = self._run(job, device)
            self._queue.finish(job, state, error, time.monotonic() - job.started)
            self._gallery_outdated.set()

    def _run(self, job: Job, device: str) -> tuple[JobState, str | None]:
        """Run a job and handle all its errors: its final state, and why it failed."""
        try:
            return self._stylize(job, device)
        except DiskFull as error:
            log.error("%s", error)
            return "failed", "The server's disk is full: tell whoever runs it."
        except NstError as error:
            log.error("%s", error)
            return "failed", f"The recipe {job.recipe.name} cannot run here: the server's log says why."
        except Exception:
            log.exception("A picture of the app could not be made")
            return "failed", "Something went wrong here that should not: the server's log says what."

    def _stylize(self, job: Job, device: str) -> tuple[JobState, str | None]:
        planned = self._plan(job)
        job.update(pair_id=planned.pair_id)
        every = max(1, job.recipe.evaluations // PREVIEWS)
        row = self._job_folder.stylize(planned, self._watch(job, every), device, every, job.cancelled.is_set)
        if row.status == "success":
            self._set_result(job, planned, row)
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

    def _plan(self, job: Job) -> PlannedJob:
        names = ("content_name", job.content.name), ("style_name", job.style.name)
        with self._job_folder.planning:
            try:
                content, style = self._item(job.content), self._item(job.style)
                return self._job_folder.plan(JobSpec(content, style, job.recipe.sized(job.size), job.strength, names))
            except BaseException:
                self._job_folder.remove_unplanned_inputs()
                raise

    def _item(self, picture: JobPicture) -> Item:
        if isinstance(picture.source, Upload):
            return self._job_folder.inputs.keep(picture.source.path, picture.name)
        return picture.source

    def _watch(self, job: Job, every: int) -> ChunkWatch:
        last, deadline = 0.0, time.monotonic() + self._limits.seconds

        def losses(evaluation: int, total: float) -> None:
            if math.isfinite(total):
                job.trace.append((evaluation, total))
            job.update(evaluations=evaluation)

        def preview(_row: PlannedPair, pixels: Pixels) -> None:
            nonlocal last
            if time.monotonic() - last < PREVIEW_SECONDS:
                return
            last = time.monotonic()
            count = job.preview[0] + 1 if job.preview else 1
            job.update(preview=(count, encode_image(pixels, "jpeg", PREVIEW_QUALITY)))

        return ChunkWatch(
            losses=losses,
            preview=preview,
            preview_every=every,
            should_stop=lambda: job.cancelled.is_set() or self._queue.closing,
            past_deadline=lambda: time.monotonic() > deadline,
        )

    def _set_result(self, job: Job, planned: PlannedJob, row: Result) -> None:
        points = [(point.iteration, point.total) for point in row.loss_trace or ()]
        job.update(
            evaluations=row.evaluations,
            trace=[point for point in points if math.isfinite(point[1])],
            result=row.file_name,
            gallery=gallery_url(planned.chunk.rows[0]) if self._job_folder.config.output.gallery else None,
        )

    def _keep_up_to_date(self) -> None:
        expires = time.monotonic() + EXPIRE_SECONDS
        while not self._closing.is_set() or self._gallery_outdated.is_set():
            if self._gallery_outdated.wait(0.5):
                self._closing.wait(GALLERY_DELAY)
                self._update_gallery()
            if time.monotonic() > expires:
                self._uploads.expire()
                expires = time.monotonic() + EXPIRE_SECONDS

    def _update_gallery(self) -> None:
        self._gallery_outdated.clear()
        started = time.monotonic()
        try:
            self._job_folder.update_views()
        except Exception:  # the images are there; the end of the next job brings another try
            log.exception("The gallery could not be brought up to date")
        self._closing.wait((time.monotonic() - started) * GALLERY_PAUSE)
