"""The app's run folder: each job becomes a planned pair, a chunk, an image and a row in it, by a method of its own."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from nst_core.app.recipe_options import pair_strength
from nst_core.app.uploaded_inputs import UploadedInputs
from nst_core.chunks.work import ChunkWatch, Work, work_of
from nst_core.chunks.worker import stylize_chunk
from nst_core.config.devices import Fleet
from nst_core.config.method import Method
from nst_core.config.resolved_method import ResolvedMethod, resolve_method
from nst_core.config.run_config import RunConfig
from nst_core.errors import Cancelled, DiskFull, Interrupted, NstError, RunFolderError
from nst_core.manifest.pairing import Pair, style_shares
from nst_core.manifest.row import Overrides
from nst_core.plan.grouping import Grouping
from nst_core.plan.pair_table import pair_id, tabulate_pairs
from nst_core.plan.part import plan_part
from nst_core.plan.part_tables import part_tables
from nst_core.plan.shapes import PlanContext
from nst_core.plan.wanted import collect_artist_facts
from nst_core.run_folder.artists import record_artist_facts
from nst_core.run_folder.card import write_card
from nst_core.run_folder.chunk import Chunk
from nst_core.run_folder.chunk_rows import readable_rows, rows_file, write_unfinished
from nst_core.run_folder.folder import METHODS, RunFolder
from nst_core.run_folder.plan_table import Plan, PlannedPair, concat_plans
from nst_core.run_folder.results import Result, Status
from nst_core.run_folder.run_yaml import run_yaml_data
from nst_core.run_folder.summary import summarize, write_summary
from nst_core.sources.base import Item
from nst_core.sources.index.scan import inspect_input
from nst_core.storage.machine import cores

MAX_PARTS = 99_999
"""Largest number of parts of a plan; here each job is one."""

STOPPED = "The app was stopped while it made this picture: ask for it again."

SINGLE_METHOD_KEYS = ("fingerprint", "method_fingerprint", "method_fingerprint_data", "weights_sha256")
"""Keys of run.yaml that a folder of many methods does not have."""


@dataclass(frozen=True)
class JobSpec:
    """The inputs and settings of a job.

    Attributes:
        strength: 0 to 100; 50 is the recipe's own.
        names: display names of the two pictures, by column: `content_name`, `style_name`.
    """

    content: Item
    style: Item
    method: Method
    strength: float
    names: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class PlannedJob:
    """A job in the plan: its chunk of one pair, and the work order of it."""

    chunk: Chunk
    work: Work

    @property
    def pair_id(self) -> str:
        return self.chunk.rows[0].pair_id


class JobRunFolder:
    """Plans and stylizes jobs in a run folder that this process holds, and writes their rows. Thread-safe.

    Args:
        config: the run file, whose `method` is only the first of many here.

    Attributes:
        planning: a lock, held while uploads are copied and planned, so that no other job comes in between.
    """

    def __init__(self, config: RunConfig, fleet: Fleet) -> None:
        self.config, self.folder, self._fleet = config, RunFolder(config.run_folder), fleet
        self.inputs, self.planning = UploadedInputs(self.folder.root), threading.RLock()
        auto = config.execution.threads == "auto"
        self._threads = cores() if auto else int(config.execution.threads)
        self._plan = Plan.of([])
        self._pair_ids: set[str] = set()
        self._recorded_methods: set[str] = set()
        self._running: set[str] = set()
        self._rows_missing = False

    @contextlib.contextmanager
    def open(self, say: Callable[[str], object]) -> Iterator[None]:
        """Hold the run folder while the block runs; jobs that a killed server left unfinished get their rows first.

        Raises:
            RunFolderError: another process works there, it belongs to a run or to something else, or it cannot be
                written.
            ConfigError, WeightsError: the method asks for something that does not exist.
        """
        self.folder.check_writable()
        self._check_ours()
        with self.folder.locked(say=say):
            self._record_method(resolve_method(self.config, self._fleet), self.config.method)
            self._plan = self.folder.read_plan()
            self._pair_ids = set(self._plan.column("pair_id"))
            self.inputs.remove_unplanned(self._plan)
            self._add_missing_rows()
            yield

    def plan(self, spec: JobSpec) -> PlannedJob:
        """Plan a job as a row of its own: the same job again becomes another replicate.

        Raises:
            UsageError: the recipe asks for something that does not exist.
            DiskFull: no space is left.
        """
        config = self.config.model_copy(update={"method": spec.method})
        method = resolve_method(config, self._fleet)
        with self.planning:
            self._record_method(method, spec.method)
            record_artist_facts(self.folder.root, collect_artist_facts([spec.style], [spec.style.artist]))
            row = self._append(self._new_pair(spec, method), spec, method)
        work = replace(work_of(config, method), threads=self._threads)
        return PlannedJob(_chunk(row), work)

    def stylize(
        self, planned: PlannedJob, watch: ChunkWatch, device: str, report_every: int, cancelled: Callable[[], bool]
    ) -> Result:
        """Stylize a job and return its row, whatever became of it.

        Args:
            cancelled: tells whether the client has cancelled the job, where the watch stopped it.

        Raises:
            DiskFull: no space is left.
        """
        work = replace(planned.work, device=device, report_every=report_every)
        try:
            stylize_chunk(planned.chunk, work, watch)
        except Interrupted:
            if cancelled():
                self._write_row(planned, "skipped", Cancelled())  # left out on purpose, not to be tried again
            else:
                self._write_row(planned, "failed", Interrupted(STOPPED))
        except DiskFull:
            self._rows_missing = True  # `update_views` writes the row once there is room again
            raise
        except (NstError, OSError, RuntimeError, MemoryError, ValueError) as error:
            self._write_row(planned, "failed", error)
        finally:
            self._running.discard(planned.pair_id)
        return readable_rows(rows_file(work.run_folder, planned.chunk))[planned.pair_id]

    def remove_unplanned_inputs(self) -> None:
        """Remove kept inputs of jobs that could not be planned."""
        with self.planning:
            self.inputs.remove_unplanned(self._plan)

    def update_views(self) -> None:
        """Write summary, quarantine list, card and gallery anew."""
        from nst_core.views.gallery import build_gallery
        from nst_core.views.gallery.lock import hold_gallery

        with self.planning:
            if self._rows_missing:
                self._add_missing_rows()
            plan = self._plan
        summary = summarize(self.folder.root, plan)
        if self.config.output.gallery and len(plan):
            with hold_gallery(self.folder.root):
                build_gallery([self.folder.root])
        write_card(self.folder.root, summary, self.folder.read_run_yaml())
        write_summary(self.folder.root, summary)

    def _check_ours(self) -> None:
        """Raise RunFolderError where the folder was not made by the app, which removes files in its own."""
        root = self.folder.root
        if METHODS in self.folder.read_run_yaml():
            return
        if self.folder.exists():
            raise RunFolderError(
                f"{root} is the folder of a run, whose images have one method: give --output another one."
            )
        if root.is_dir() and any(not path.name.startswith(".lock") for path in root.iterdir()):
            raise RunFolderError(
                f"{root} holds files that are not the app's: give --output an empty folder or a new one."
            )

    def _record_method(self, method: ResolvedMethod, section: Method) -> None:
        """Write to run.yaml what this method's fingerprint stands for."""
        prints = method.fingerprints
        if prints.method in self._recorded_methods:
            return
        data = {
            key: value for key, value in run_yaml_data(self.config, method).items() if key not in SINGLE_METHOD_KEYS
        }
        methods = self.folder.read_run_yaml().get(METHODS) or {}
        methods = methods | {prints.method: {"recipe": section.recipe, **prints.method_data}}
        self.folder.write_run_yaml(data | {METHODS: methods})
        self._recorded_methods |= methods.keys()

    def _append(self, pair: Pair, spec: JobSpec, method: ResolvedMethod) -> PlannedPair:
        """Append the pair as a plan part of its own."""
        number = self.folder.next_part()
        if number > MAX_PARTS:
            raise RunFolderError(f"{self.folder.root} is full: start the app again with another --output.")
        table, context = tabulate_pairs([pair], method.fingerprints.method), self._context(spec, method)
        self.folder.append_plan(number, part_tables(plan_part(number, table, self._plan, context, Grouping(1, 1))))
        rows = self.folder.read_part(number)
        self._plan = concat_plans([self._plan, rows]) if len(self._plan) else rows  # both as they are read from disk
        self._pair_ids.add(rows[0].pair_id)
        self._running.add(rows[0].pair_id)
        return rows[0]

    def _new_pair(self, spec: JobSpec, method: ResolvedMethod) -> Pair:
        content, style = spec.content, spec.style
        own = Overrides(strength=pair_strength(spec.strength))
        extras = {"strength": f"{spec.strength:g}", **dict(spec.names)}
        pair = Pair(content, style_shares([style]), style.artist, content.label, content.split, own, extras=extras)
        while pair_id(pair, method.fingerprints.method) in self._pair_ids:
            pair = replace(pair, replicate=pair.replicate + 1)
        return pair

    def _context(self, spec: JobSpec, method: ResolvedMethod) -> PlanContext:
        limits = {spec.style.path: self.config.style.limits(), spec.content.path: self.config.content.limits()}
        inputs = {path: inspect_input(path, limit) for path, limit in limits.items()}
        return PlanContext.of(method, self.config.output, inputs)

    def _add_missing_rows(self) -> None:
        """Write a failed row for each job without one that is not running: the server was killed, or the disk full."""
        running = set(self._running)  # before the outcomes are read: a job that ends meanwhile is in one of the two
        done = self.folder.outcomes().keys() | running
        for row in self._plan:
            if row.pair_id not in done:
                (self.folder.root / row.file_name).unlink(missing_ok=True)
                write_unfinished(_chunk(row), self.folder.root, "failed", Interrupted(STOPPED))
        self._rows_missing = False

    def _write_row(self, planned: PlannedJob, status: Status, error: BaseException) -> None:
        try:
            write_unfinished(planned.chunk, self.folder.root, status, error)
        except DiskFull:
            self._rows_missing = True
            raise


def _chunk(row: PlannedPair) -> Chunk:
    return Chunk(row.chunk_id, row.artist_slug, (row,), frozenset([row.pair_id]))


def gallery_url(row: PlannedPair) -> str:
    """The path of the URL at which the gallery shows a pair, once it has been updated."""
    return f"/gallery/{row.artist_slug}/index.html#pair-{row.pair_id}"
