"""One chunk of a plan: read its images, optimise them, write results. Knows no Prefect."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from nst_core.chunks.decoding import BatchReader, DecodedPair, RefusedPair, batch_of, padded_size
from nst_core.chunks.encoding import (
    OutputSettings,
    StylizedPair,
    stylized_pairs,
    working_pixels,
    write_pair,
    write_preview,
    write_unstylized,
)
from nst_core.chunks.work import ChunkReport, ChunkWatch, Work
from nst_core.engine.optimisation import Watch
from nst_core.engine.session import OutOfMemory, Session, session_for
from nst_core.errors import InputError, NstError, NumericalError, SkippedInput
from nst_core.run_folder.chunk import Chunk
from nst_core.run_folder.chunk_rows import has_image, readable_rows, requested_ids, rows_file, write_rows
from nst_core.run_folder.plan_table import PlannedPair
from nst_core.run_folder.results import Result, Status, unfinished_result
from nst_core.run_folder.time_spent import TimeSpent


@dataclass
class _ChunkRun:
    """The state of one chunk while it is worked on."""

    chunk: Chunk
    work: Work
    watch: ChunkWatch
    attempt: int
    session: Session
    reader: BatchReader
    delivery: OutputSettings
    previous: dict[str, Result]
    results: dict[str, Result]

    @property
    def spent(self) -> TimeSpent:
        return self.delivery.spent


def stylize_chunk(chunk: Chunk, work: Work, watch: ChunkWatch | None = None, attempt: int = 1) -> ChunkReport:
    """Make the wanted pairs of a chunk and write its results file.

    Batches are computed whole, as planned, so that an image that is made again comes out the same; what is there
    already, with the same bytes, is left untouched. Pairs with a bad input are quarantined, the others go on.

    Args:
        attempt: which try of this chunk it is since its rows were last written; earlier attempts are added.

    Raises:
        Interrupted, ChunkTimeout: asked to stop, or too slow; the batches that were finished are kept.
        DiskFull: no space is left.
        OSError, RuntimeError: may pass; try the chunk again.
    """
    torch.set_num_threads(work.threads)
    path = rows_file(work.run_folder, chunk)
    run = _chunk_run(chunk, work, watch or ChunkWatch(), attempt, readable_rows(path))
    try:
        with ThreadPoolExecutor(1, "decode") as decoding, ThreadPoolExecutor(1, "encode") as encoding:
            _run_batches(run, decoding, encoding)
    except BaseException:
        # What is made is kept, if the disk lets us; the error is what counts. What nothing came of is looked at again.
        run.results = {name: row for name, row in run.results.items() if row.status == "success"}
        with contextlib.suppress(Exception):
            _write(run, path)
        raise
    _write(run, path)
    return ChunkReport(Counter(run.results[name].status for name in requested_ids(chunk)), run.spent)


def _chunk_run(chunk: Chunk, work: Work, watch: ChunkWatch, attempt: int, previous: dict[str, Result]) -> _ChunkRun:
    """A chunk ready to be worked on: what is made already is not wanted any more."""
    chunk = replace(chunk, rows=tuple(chunk.rows))  # made once: in a plan, rows are made whenever they are asked for
    session = session_for(work.recipe, torch.device(work.device))
    reader = BatchReader(session, work.content_limits, work.style_limits)
    delivery = OutputSettings(
        work.run_folder, work.output, work.recipe, work.weights_sha256, work.device, work.content_limits
    )
    left = frozenset(name for name in requested_ids(chunk) if not has_image(previous.get(name), work.run_folder))
    done = {name: row for name, row in previous.items() if name not in left}
    return _ChunkRun(replace(chunk, wanted=left), work, watch, attempt, session, reader, delivery, previous, done)


def _run_batches(run: _ChunkRun, decoding: ThreadPoolExecutor, encoding: ThreadPoolExecutor) -> None:
    """Optimise batch after batch, while the next is decoded and the last is encoded."""
    batches = [batch for batch in _batches(run.chunk) if any(row.pair_id in run.chunk.wanted for row in batch)]
    if not batches:
        return
    upcoming = decoding.submit(_decoded, run, batches[0])
    written: list[Future[None]] = []
    try:
        for index in range(len(batches)):
            run.watch.poll()
            with run.spent.on("wait"):
                decoded = upcoming.result()
            if index + 1 < len(batches):
                upcoming = decoding.submit(_decoded, run, batches[index + 1])
            made = _stylize_decoded(run, decoded, encoding)
            _wait(run, written)  # for the batch before: a full disk stops the chunk here, and images do not pile up
            written = made
    finally:
        _wait(run, written)


def _decoded(run: _ChunkRun, batch: Sequence[PlannedPair]) -> list[DecodedPair | RefusedPair]:
    with run.spent.on("decode"):
        return run.reader.batch(batch)


def _wait(run: _ChunkRun, written: Sequence[Future[None]]) -> None:
    with run.spent.on("wait"):
        for future in written:
            future.result()


def _batches(chunk: Chunk) -> Iterator[list[PlannedPair]]:
    """The batches, whole as planned, unless a pair that kills its process is searched for."""
    for _, rows in itertools.groupby(chunk.rows, key=lambda row: row.batch):
        yield [row for row in rows if chunk.only is None or row.pair_id in chunk.only]


def _stylize_decoded(
    run: _ChunkRun, decoded: Sequence[DecodedPair | RefusedPair], encoding: ThreadPoolExecutor
) -> list[Future[None]]:
    """Quarantine what is bad, optimise the rest by shape (one, unless files changed), hand over to the encoder."""
    by_shape: dict[tuple[int, ...], list[DecodedPair]] = {}
    for job in decoded:
        if isinstance(job, DecodedPair) and not job.styles:
            continue
        if isinstance(job, DecodedPair):
            by_shape.setdefault(padded_size(job.content.pixels, run.work.recipe), []).append(job)
        else:
            _refuse(run, job)
    written = [encoding.submit(_copy, run, job) for job in decoded if isinstance(job, DecodedPair) and not job.styles]
    for jobs in by_shape.values():
        for job, made in zip(jobs, _stylize(run, jobs), strict=False):  # none is made of jobs that do not fit
            if job.row.pair_id in run.chunk.wanted:
                written.append(encoding.submit(_finish, run, job, made))
    return written


def _stylize(run: _ChunkRun, jobs: Sequence[DecodedPair]) -> list[StylizedPair]:
    """What the engine makes of jobs of one padded shape; nothing, and rows that say so, if not even one fits."""
    started = time.perf_counter()
    try:
        with run.spent.on("compute"):
            stylized = run.session.stylize(batch_of(jobs, run.session), _watch(run, jobs), run.work.evaluation)
    except OutOfMemory as error:
        for job in jobs:
            _note(run, job.row, "failed", error)
        return []
    return stylized_pairs(stylized, time.perf_counter() - started)


def _watch(run: _ChunkRun, jobs: Sequence[DecodedPair]) -> Watch:
    seen = 0

    def progress(evaluation: int, total: float) -> None:
        nonlocal seen
        run.watch.losses(evaluation, total)
        run.watch.evaluations((max(seen, evaluation) - seen) * len(jobs))  # it goes back where memory ran out
        seen = max(seen, evaluation)

    def preview(evaluation: int, row: int, image: torch.Tensor) -> None:
        job = jobs[row]
        if job.row.pair_id not in run.chunk.wanted:
            return
        if run.work.output.previews:
            write_preview(job, image, evaluation, run.delivery)
        elif run.watch.preview:
            run.watch.preview(job.row, working_pixels(image, job.content))

    watch = run.watch
    every = run.work.output.previews or (watch.preview_every if watch.preview else None)
    return Watch(run.work.report_every, progress, watch.should_stop, watch.past_deadline, every, preview)


def _finish(run: _ChunkRun, job: DecodedPair, made: StylizedPair) -> None:
    """Deliver one image and note its row; the row that it had, if its image came out the same."""
    row, before = job.row, run.previous.get(job.row.pair_id)
    try:
        result = write_pair(job, made, run.delivery, _attempts(run, row))
    except NumericalError as error:
        _note(run, row, "failed", error)
        return
    unchanged = before is not None and before.status == "success" and before.output_sha256 == result.output_sha256
    run.results[row.pair_id] = before if before is not None and unchanged else result


def _copy(run: _ChunkRun, job: DecodedPair) -> None:
    """Deliver a content that is to stay unstylized."""
    if job.row.pair_id not in run.chunk.wanted:
        return
    try:
        run.results[job.row.pair_id] = write_unstylized(job, run.delivery, _attempts(run, job.row))
    except InputError as error:  # the file went while it was read for the second time
        _note(run, job.row, "quarantined", error)


def _refuse(run: _ChunkRun, refused: RefusedPair) -> None:
    """Quarantine a bad input; skip what is left out on purpose."""
    found: dict[str, str | None] = {"content_sha256": refused.content_sha256, "style_sha256": refused.style_sha256}
    if isinstance(refused.error, SkippedInput):
        _note(run, refused.row, "skipped", refused.error, error_class=refused.row.error_class, **found)
    else:
        _note(run, refused.row, "quarantined", refused.error, **found)


def _note(run: _ChunkRun, row: PlannedPair, status: Status, error: NstError, **columns: str | None) -> None:
    """The row of a pair of which nothing came, if this chunk was asked for it."""
    if row.pair_id in run.chunk.wanted:
        result = unfinished_result(row, status, _attempts(run, row), type(error).__name__, str(error))
        run.results[row.pair_id] = replace(result, **columns)  # type: ignore[arg-type]


def _attempts(run: _ChunkRun, row: PlannedPair) -> int:
    before = run.previous.get(row.pair_id)
    return run.attempt + (before.attempts if before else 0)


def _write(run: _ChunkRun, path: Path) -> None:
    """Write the chunk's rows, if there is anything new; what was not reached keeps the row that it had."""
    latest = run.previous | run.results
    if latest != run.previous:
        with run.spent.on("write"):
            write_rows(run.chunk, latest, path)
