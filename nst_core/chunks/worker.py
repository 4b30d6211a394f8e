"""The worker: one chunk of a plan, from its input files to its images and result rows. Knows no Prefect."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace

import torch

from nst_core.chunks.batch_tensors import engine_batch, padded_size
from nst_core.chunks.decoding import BatchReader, DecodedPair, RefusedPair, row_strength
from nst_core.chunks.encoding import (
    OutputSettings,
    StylizedPair,
    stylized_pairs,
    working_pixels,
    write_content,
    write_pair,
    write_preview,
)
from nst_core.chunks.work import ChunkReport, ChunkWatch, Work
from nst_core.engine.method_session import OutOfMemory
from nst_core.engine.watch import Watch
from nst_core.errors import InputError, NstError, NumericalError, SkippedInput
from nst_core.networks.sessions import session_for
from nst_core.run_folder.chunk import Chunk
from nst_core.run_folder.chunk_rows import has_image, readable_rows, requested_ids, rows_file, write_rows
from nst_core.run_folder.plan_table import PlannedPair
from nst_core.run_folder.results import Result, Status, unfinished_result
from nst_core.storage.web_access import use_web_access

_POLL = 0.2
"""Seconds between two looks at the watch while a batch is decoded."""


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
    use_web_access(work.access)
    return ChunkRun(chunk, work, watch or ChunkWatch(), attempt).run()


class ChunkRun:
    """One try of a chunk: a batch is optimised while the next one is decoded and the last one is encoded."""

    def __init__(self, chunk: Chunk, work: Work, watch: ChunkWatch, attempt: int) -> None:
        self._chunk = replace(chunk, rows=tuple(chunk.rows))  # a plan builds its rows anew at each access
        self._work, self._watch, self._attempt = work, watch, attempt
        self._file = rows_file(work.run_folder, chunk)
        self._earlier = readable_rows(self._file)
        self._wanted = {
            name for name in requested_ids(chunk) if not has_image(self._earlier.get(name), work.run_folder)
        }
        self._results: dict[str, Result] = {}
        self._session = session_for(work.recipe, torch.device(work.device), work.tiling)
        self._reader = BatchReader(self._session, work.content_limits, work.style_limits)
        made_by = self._session.features, work.weights_sha256, work.device
        self._output = OutputSettings(work.run_folder, work.output, work.recipe, *made_by, work.content_limits)
        self._spent = self._output.spent
        self._decoder, self._encoder = ThreadPoolExecutor(1, "decode"), ThreadPoolExecutor(1, "encode")

    def run(self) -> ChunkReport:
        """Make the chunk, once. Raises as `stylize_chunk`."""
        try:
            with self._encoder:
                self._run_batches()
        except BaseException:
            # Keep the images, if the disk lets us, and drop the other rows, whose pairs are tried again.
            self._results = {name: row for name, row in self._results.items() if row.status == "success"}
            with contextlib.suppress(Exception):  # the error that ended the try is the one to report
                self._write_rows()
            raise
        finally:
            self._decoder.shutdown(wait=False, cancel_futures=True)  # a try that is over waits for no slow picture
        rows = self._write_rows()
        return ChunkReport(Counter(rows[name].status for name in requested_ids(self._chunk)), self._spent)

    def _run_batches(self) -> None:
        batches = self._batches()
        upcoming = self._decode_next(batches)
        writes: list[Future[None]] = []
        try:
            while upcoming is not None:
                decoded = self._decoded(upcoming)
                upcoming = self._decode_next(batches)
                new_writes = self._stylize_batch(decoded)
                self._wait_for(writes)  # a full disk stops the chunk here, and images do not pile up in memory
                writes = new_writes
        finally:
            self._wait_for(writes)

    def _decoded(self, batch: Future[list[DecodedPair | RefusedPair]]) -> list[DecodedPair | RefusedPair]:
        """Wait for a batch, with an eye on the watch. Raises Interrupted, ChunkTimeout."""
        with self._spent.on("wait"):
            while True:
                self._watch.poll()
                if wait([batch], _POLL).done:
                    return batch.result()

    def _batches(self) -> Iterator[list[PlannedPair]]:
        """The batches in which a pair is wanted: whole as planned, unless a pair that kills its process is searched."""
        only = self._chunk.only
        for _, rows in itertools.groupby(self._chunk.rows, key=lambda row: row.batch):
            batch = [row for row in rows if only is None or row.pair_id in only]
            if any(row.pair_id in self._wanted for row in batch):
                yield batch

    def _decode_next(self, batches: Iterator[list[PlannedPair]]) -> Future[list[DecodedPair | RefusedPair]] | None:
        """Begin to decode the next batch, if there is one."""
        batch = next(batches, None)
        return None if batch is None else self._decoder.submit(self._decode, batch)

    def _decode(self, batch: Sequence[PlannedPair]) -> list[DecodedPair | RefusedPair]:
        with self._spent.on("decode"):
            return self._reader.batch(batch)

    def _wait_for(self, writes: Sequence[Future[None]]) -> None:
        with self._spent.on("wait"):
            for future in writes:
                future.result()

    def _stylize_batch(self, decoded: Sequence[DecodedPair | RefusedPair]) -> list[Future[None]]:
        """Quarantine bad inputs, optimise the rest by shape (one, unless files changed), and begin to write images."""
        by_shape: dict[tuple[int, int], list[DecodedPair]] = {}
        writes = []
        for pair in decoded:
            if isinstance(pair, RefusedPair):
                self._refuse(pair)
            elif pair.styles and row_strength(pair.row, self._work.recipe) != 0:
                by_shape.setdefault(padded_size(pair.content.pixels, self._work.recipe), []).append(pair)
            elif pair.row.pair_id in self._wanted:
                writes.append(self._encoder.submit(self._write_content, pair))
        for pairs in by_shape.values():
            for pair, stylized in self._stylize(pairs):
                if pair.row.pair_id in self._wanted:
                    writes.append(self._encoder.submit(self._write, pair, stylized))
        return writes

    def _stylize(self, pairs: Sequence[DecodedPair]) -> list[tuple[DecodedPair, StylizedPair]]:
        """Optimise pairs of one padded shape; where not even one fits into memory, none, and rows that say so."""
        started = time.perf_counter()
        try:
            with self._spent.on("compute"):
                batch = engine_batch(pairs, self._session)
                stylized = self._session.stylize(batch, self._engine_watch(pairs), self._work.evaluation)
        except OutOfMemory as error:
            for pair in pairs:
                self._add_unfinished(pair.row, "failed", error)
            return []
        return list(zip(pairs, stylized_pairs(stylized, time.perf_counter() - started), strict=True))

    def _engine_watch(self, pairs: Sequence[DecodedPair]) -> Watch:
        watch, reported = self._watch, 0

        def progress(evaluation: int, total: float) -> None:
            nonlocal reported
            watch.losses(evaluation, total)
            watch.evaluations((max(reported, evaluation) - reported) * len(pairs))  # memory ran out: it starts again
            reported = max(reported, evaluation)

        def preview(evaluation: int, index: int, image: torch.Tensor) -> None:
            pair = pairs[index]
            if pair.row.pair_id not in self._wanted:
                return
            if self._work.output.previews:
                write_preview(pair, image, evaluation, self._output)
            elif watch.preview:
                watch.preview(pair.row, working_pixels(image, pair.content))

        every = self._work.output.previews or (watch.preview_every if watch.preview else None)
        return Watch(self._work.report_every, progress, watch.should_stop, watch.past_deadline, every, preview)

    def _write(self, pair: DecodedPair, stylized: StylizedPair) -> None:
        """Write an image and add its row: the earlier one, if the image came out the same."""
        earlier = self._earlier.get(pair.row.pair_id)
        try:
            result = write_pair(pair, stylized, self._output, self._attempts(pair.row))
        except NumericalError as error:
            self._add_unfinished(pair.row, "failed", error)
            return
        except InputError as error:  # the content went before what is kept of it was read at its own size
            self._add_unfinished(pair.row, "quarantined", error)
            return
        if earlier and earlier.status == "success" and earlier.output_sha256 == result.output_sha256:
            result = earlier
        self._results[pair.row.pair_id] = result

    def _write_content(self, pair: DecodedPair) -> None:
        try:
            self._results[pair.row.pair_id] = write_content(pair, self._output, self._attempts(pair.row))
        except InputError as error:  # the file went while it was read for the second time
            self._add_unfinished(pair.row, "quarantined", error)

    def _refuse(self, pair: RefusedPair) -> None:
        """Quarantine a pair with a bad input; skip one that is left out on purpose."""
        columns = {"content_sha256": pair.content_sha256, "style_sha256": pair.style_sha256}
        if isinstance(pair.error, SkippedInput):
            self._add_unfinished(pair.row, "skipped", pair.error, error_class=pair.row.error_class, **columns)
        else:
            self._add_unfinished(pair.row, "quarantined", pair.error, **columns)

    def _add_unfinished(self, row: PlannedPair, status: Status, error: NstError, **columns: str | None) -> None:
        """Add the row of a pair that got no image, if it is wanted; `columns` replace the plan's."""
        if row.pair_id in self._wanted:
            result = unfinished_result(row, status, self._attempts(row), type(error).__name__, str(error))
            self._results[row.pair_id] = replace(result, **columns)  # type: ignore[arg-type]

    def _attempts(self, row: PlannedPair) -> int:
        earlier = self._earlier.get(row.pair_id)
        return self._attempt + (earlier.attempts if earlier else 0)

    def _write_rows(self) -> dict[str, Result]:
        """Write the chunk's rows, if any is new, and return them; a pair that was not reached keeps its earlier row."""
        rows = self._earlier | self._results
        if rows != self._earlier:
            with self._spent.on("write"):
                write_rows(self._chunk, rows, self._file)
        return rows
