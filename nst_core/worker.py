"""One chunk of a plan: read its images, optimise them, write results. Knows no Prefect."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
import torch

import nst_core
from nst_core.atomic import write_if_changed
from nst_core.config import Output
from nst_core.engine.images import (
    Pixels,
    decode_image,
    encode_image,
    resize_pixels,
    to_pixels,
    to_tensor,
    working_size,
)
from nst_core.engine.limits import ImageLimits
from nst_core.engine.objective import StyleTarget, blend_targets, style_target
from nst_core.engine.optimisation import Pairs, Stylized, Watch
from nst_core.engine.recipe import Recipe
from nst_core.engine.session import OutOfMemory, Session, session_for
from nst_core.errors import InputError, NstError, NumericalError, UnreadableName
from nst_core.fingerprint import FINGERPRINT_VERSION
from nst_core.inputs import present_hash
from nst_core.plan import PlannedPair, too_narrow
from nst_core.results import (
    Result,
    Status,
    chunk_file,
    joined_hashes,
    planned_columns,
    read_chunk,
    unfinished_result,
    write_results,
)
from nst_core.run_folder import Chunk


@dataclass(frozen=True)
class Work:
    """What all chunks of a run have in common; can be pickled.

    Attributes:
        recipe: with its precision resolved.
        threads: CPU threads of this worker.
    """

    run_folder: Path
    recipe: Recipe
    weights_sha256: str | None
    output: Output
    content_limits: ImageLimits
    style_limits: ImageLimits
    device: str
    threads: int = 1
    report_every: int = 10


@dataclass(frozen=True)
class ChunkWatch:
    """How the outside looks into a chunk.

    Attributes:
        evaluations: called with the number of pair-evaluations done since the last call.
        should_stop: polled; true ends the chunk with `Interrupted`.
    """

    evaluations: Callable[[int], None] = lambda count: None
    should_stop: Callable[[], bool] = lambda: False


@dataclass(frozen=True)
class _Scaled:
    """A decoded image at its working size, with what the result row needs of the original."""

    pixels: Pixels
    width: int
    height: int
    sha256: str


@dataclass(frozen=True)
class _Job:
    """One pair on its way through a chunk."""

    row: PlannedPair
    content: _Scaled
    styles: Sequence[_Scaled]


@dataclass(frozen=True)
class _Refused:
    """A pair with a bad input, and the columns that say what bytes were found."""

    row: PlannedPair
    error: InputError
    hashes: Mapping[str, str | None]


@dataclass
class _ChunkRun:
    """The state of one chunk while it is worked on."""

    chunk: Chunk
    work: Work
    watch: ChunkWatch
    attempt: int
    session: Session
    previous: dict[str, Result]
    results: dict[str, Result] = field(default_factory=dict)


def stylize_chunk(chunk: Chunk, work: Work, watch: ChunkWatch | None = None, attempt: int = 1) -> Counter[str]:
    """Make the wanted pairs of a chunk and write its results file; returns how many of them have which status.

    Batches are computed whole, as planned, so that an image that is made again comes out the same; what is there
    already, with the same bytes, is left untouched. Pairs with a bad input are quarantined, the others go on.

    Args:
        attempt: which try of this chunk it is within the run; earlier runs' attempts are added.

    Raises:
        Interrupted: asked to stop; the batches that were finished are kept.
        DiskFull: no space is left.
        OSError, RuntimeError: may pass; try the chunk again.
    """
    torch.set_num_threads(work.threads)
    session = session_for(work.recipe, torch.device(work.device))
    path = chunk_file(work.run_folder, chunk.artist_slug, chunk.chunk_id)
    previous = _readable(path)
    left = frozenset(name for name in chunk.wanted if not _is_made(previous.get(name), work.run_folder))
    run = _ChunkRun(replace(chunk, wanted=left), work, watch or ChunkWatch(), attempt, session, previous)
    run.results = {name: row for name, row in previous.items() if name not in left}
    try:
        with ThreadPoolExecutor(1, thread_name_prefix="decode") as reader, ThreadPoolExecutor(1, "encode") as writer:
            _run_batches(run, reader, writer)
    except BaseException:
        with contextlib.suppress(Exception):  # what is finished is kept, if the disk lets us; the error is what counts
            _write(run, path)
        raise
    _write(run, path)
    return Counter(run.results[name].status for name in chunk.wanted)


def failed_chunk(chunk: Chunk, work: Work, error: BaseException, attempts: int) -> Counter[str]:
    """Write what became of a chunk that could not be finished: its wanted pairs have failed, but for those made."""
    path = chunk_file(work.run_folder, chunk.artist_slug, chunk.chunk_id)
    results = _readable(path)
    for row in chunk.rows:
        before = results.get(row.pair_id)
        if row.pair_id in chunk.wanted and not _is_made(before, work.run_folder):
            tries, message = attempts + (before.attempts if before else 0), str(error) or type(error).__name__
            results[row.pair_id] = unfinished_result(row, "failed", tries, type(error).__name__, message)
    write_results([results[row.pair_id] for row in chunk.rows if row.pair_id in results], path)
    return Counter(results[name].status for name in chunk.wanted)


def _is_made(result: Result | None, run_folder: Path) -> bool:
    """Whether a pair has its image: an earlier try of the chunk may have got that far."""
    return result is not None and result.status == "success" and (run_folder / str(result.file_name)).is_file()


def _run_batches(run: _ChunkRun, reader: ThreadPoolExecutor, writer: ThreadPoolExecutor) -> None:
    """Optimise batch after batch, while the next is decoded and the last is encoded."""
    batches = [batch for batch in _batches(run.chunk) if any(row.pair_id in run.chunk.wanted for row in batch)]
    if not batches:
        return
    upcoming = reader.submit(_decode_batch, run, batches[0])
    written: list[Future[None]] = []
    try:
        for index in range(len(batches)):
            decoded = upcoming.result()
            if index + 1 < len(batches):
                upcoming = reader.submit(_decode_batch, run, batches[index + 1])
            made = _stylize_decoded(run, decoded, writer)
            _wait(written)  # for the batch before: a full disk stops the chunk here, and images do not pile up
            written = made
    finally:
        _wait(written)


def _wait(written: Sequence[Future[None]]) -> None:
    for future in written:
        future.result()


def _batches(chunk: Chunk) -> Iterator[list[PlannedPair]]:
    for _, rows in itertools.groupby(chunk.rows, key=lambda row: row.batch):
        yield list(rows)


def _decode_batch(run: _ChunkRun, rows: Sequence[PlannedPair]) -> list[_Job | _Refused]:
    """Decode a batch to working sizes; each file once, if it is wanted at one size."""
    scaled: dict[tuple[object, ...], _Scaled | InputError] = {}

    def load(path: str, limits: ImageLimits, longer: int, needed: int) -> _Scaled:
        key = (path, limits, longer, needed)
        if key not in scaled:
            try:
                scaled[key] = _scaled(Path(path), limits, longer, needed, run.work.recipe.upscale)
            except InputError as error:
                scaled[key] = error
        image = scaled[key]
        if isinstance(image, InputError):
            raise image
        return image

    recipe, extractor = run.work.recipe, run.session.extractor
    needed = extractor.min_side(recipe.layer_names())
    needed_of_styles = extractor.min_side([name for name, _ in recipe.style.layers])
    jobs: list[_Job | _Refused] = []
    for row in rows:
        style_size = max(1, round(row.size * recipe.style_scale))
        try:
            _check_name(row)
            content = load(row.content_path, run.work.content_limits, row.size, needed)
            styles = [load(path, run.work.style_limits, style_size, needed_of_styles) for path in row.style_paths]
            jobs.append(_Job(row, content, styles))
        except InputError as error:
            jobs.append(_Refused(row, error, _present_hashes(row)))
    return jobs


def _scaled(path: Path, limits: ImageLimits, longer: int, needed: int, upscale: bool) -> _Scaled:
    """An image with its longer side scaled to `longer`. Raises ImageTooSmall if the shorter is then under `needed`."""
    image = decode_image(path, limits)
    height, width = image.pixels.shape[:2]
    working = working_size(width, height, longer, upscale)
    if min(working) < needed:
        raise too_narrow(path, working, longer, needed)
    return _Scaled(resize_pixels(image.pixels, *working), width, height, image.sha256)


def _present_hashes(row: PlannedPair) -> dict[str, str | None]:
    """The bytes that were found bad, so that a later run sees whether they have changed since."""
    return {
        "content_sha256": present_hash(row.content_path),
        "style_sha256": joined_hashes([present_hash(path) for path in row.style_paths]),
    }


def _check_name(row: PlannedPair) -> None:
    """Raises the one fault that no change of bytes can mend: the plan cannot even hold the file's true name."""
    if row.error_class == UnreadableName.__name__:
        raise UnreadableName((row.error_message or "").removesuffix(f": {UnreadableName.REASON}"))


def _stylize_decoded(
    run: _ChunkRun, decoded: Sequence[_Job | _Refused], writer: ThreadPoolExecutor
) -> list[Future[None]]:
    """Quarantine what is bad, optimise the rest by shape (one, unless files changed), hand over to the writer."""
    by_shape: dict[tuple[int, ...], list[_Job]] = {}
    for job in decoded:
        if isinstance(job, _Job):
            by_shape.setdefault(job.content.pixels.shape, []).append(job)
        else:
            _note(run, job.row, "quarantined", job.error, **job.hashes)
    written = []
    for jobs in by_shape.values():
        started = time.perf_counter()
        try:
            stylized = run.session.stylize(_pairs(run, jobs), _watch(run, len(jobs)))
        except OutOfMemory as error:
            for job in jobs:
                _note(run, job.row, "failed", error)
            continue
        seconds = (time.perf_counter() - started) / len(jobs)
        images = stylized.images.cpu()
        for index, job in enumerate(jobs):
            if job.row.pair_id in run.chunk.wanted:
                written.append(writer.submit(_finish, run, job, stylized, index, images[index], seconds))
    return written


def _note(run: _ChunkRun, row: PlannedPair, status: Status, error: NstError, **columns: str | None) -> None:
    """The row of a pair of which nothing came, if this chunk was asked for it."""
    if row.pair_id in run.chunk.wanted:
        result = unfinished_result(row, status, _attempts(run, row), type(error).__name__, str(error))
        run.results[row.pair_id] = replace(result, **columns)  # type: ignore[arg-type]


def _pairs(run: _ChunkRun, jobs: Sequence[_Job]) -> Pairs:
    recipe = run.work.recipe
    rows = [job.row for job in jobs]
    alpha = [recipe.alpha if row.content_weight is None else row.content_weight for row in rows]
    beta = [recipe.beta if row.style_weight is None else row.style_weight for row in rows]
    contents = torch.stack([to_tensor(job.content.pixels) for job in jobs]).to(run.session.device)
    return Pairs(contents, [_target(run, job) for job in jobs], [row.seed for row in rows], alpha, beta)


def _target(run: _ChunkRun, job: _Job) -> StyleTarget:
    """The (possibly blended) style target of a job, from the session's cache where it has it."""
    recipe, session = run.work.recipe, run.session

    def one(style: _Scaled) -> StyleTarget:
        return style_target(to_tensor(style.pixels).to(session.device), recipe, session.extractor)

    targets = [
        session.target((style.sha256, style.pixels.shape), functools.partial(one, style)) for style in job.styles
    ]
    return blend_targets(targets, job.row.style_shares)


def _watch(run: _ChunkRun, batch: int) -> Watch:
    seen = 0

    def progress(evaluation: int, _total: float) -> None:
        nonlocal seen
        run.watch.evaluations((evaluation - seen) * batch)
        seen = evaluation

    return Watch(run.work.report_every, progress, run.watch.should_stop)


def _finish(run: _ChunkRun, job: _Job, stylized: Stylized, index: int, image: torch.Tensor, seconds: float) -> None:
    """Encode and write one image and note its row."""
    row = job.row
    if stylized.failed[index]:
        _note(run, row, "failed", NumericalError())
        return
    pixels = to_pixels(image)
    if run.work.output.size == "original":
        pixels = resize_pixels(pixels, job.content.width, job.content.height)
    data = encode_image(pixels, run.work.output.format, run.work.output.quality)
    write_if_changed(run.work.run_folder / row.file_name, data)
    result = _success(run, job, stylized, index, pixels, hashlib.sha256(data).hexdigest(), seconds)
    before = run.previous.get(row.pair_id)
    unchanged = before is not None and before.status == "success" and before.output_sha256 == result.output_sha256
    run.results[row.pair_id] = before if before is not None and unchanged else result


def _success(
    run: _ChunkRun, job: _Job, stylized: Stylized, index: int, pixels: Pixels, output_sha256: str, seconds: float
) -> Result:
    recipe, row, trace = run.work.recipe, job.row, stylized.traces[index]
    planned = planned_columns(row) | {
        "content_sha256": job.content.sha256,
        "style_sha256": joined_hashes([style.sha256 for style in job.styles]),
    }
    return Result(
        pair_id=row.pair_id,
        chunk_id=row.chunk_id,
        status="success",
        attempts=_attempts(run, row),
        file_name=row.file_name,
        width=pixels.shape[1],
        height=pixels.shape[0],
        iterations=stylized.iterations,
        evaluations=stylized.evaluations,
        alpha=recipe.alpha if row.content_weight is None else row.content_weight,
        beta=recipe.beta if row.style_weight is None else row.style_weight,
        tv_weight=recipe.tv_weight,
        content_loss=trace[-1].content,
        style_loss=trace[-1].style,
        tv_loss=trace[-1].tv,
        total_loss=trace[-1].total,
        loss_trace=trace,
        seconds=seconds,
        device=run.work.device,
        precision=recipe.precision,
        peak_mem_mb=_peak_memory(run.session.device),
        method=recipe.name,
        features=recipe.features,
        weights_sha256=run.work.weights_sha256,
        fingerprint_version=FINGERPRINT_VERSION,
        code_version=nst_core.__version__,
        output_sha256=output_sha256,
        **planned,
    )


def _attempts(run: _ChunkRun, row: PlannedPair) -> int:
    before = run.previous.get(row.pair_id)
    return run.attempt + (before.attempts if before else 0)


def _peak_memory(device: torch.device) -> float:
    """Peak memory in MiB: allocated on a GPU, resident of this process on the CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _readable(path: Path) -> dict[str, Result]:
    """The rows of an earlier results file; a damaged one is as good as none, and is replaced."""
    try:
        return read_chunk(path)
    except (pa.ArrowException, OSError, KeyError):
        return {}


def _write(run: _ChunkRun, path: Path) -> None:
    """Write the chunk's rows; what was not reached keeps the row that it had."""
    latest = run.previous | run.results
    rows = [latest[row.pair_id] for row in run.chunk.rows if row.pair_id in latest]
    if rows and rows != [run.previous.get(row.pair_id) for row in rows]:
        write_results(rows, path)
