"""The app's run folder: each job becomes a planned pair, a chunk, an image and a row in it, by a method of its own."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from nst_core.app.kept_inputs import KeptInputs
from nst_core.app.recipes import style_weight
from nst_core.chunks.work import ChunkWatch, Work, work_of
from nst_core.chunks.worker import stylize_chunk
from nst_core.config.devices import Fleet
from nst_core.config.method import ResolvedMethod, resolve_method
from nst_core.config.run_config import Method, RunConfig
from nst_core.errors import Cancelled, DiskFull, Interrupted, NstError, RunFolderError
from nst_core.manifest.pairing import Pair, style_shares
from nst_core.manifest.row import Overrides
from nst_core.plan.columns import tables
from nst_core.plan.draft import draft_of, pair_id
from nst_core.plan.grouping import Grouping
from nst_core.plan.part import EXTENSIONS, plan_part
from nst_core.plan.shapes import PlanContext
from nst_core.plan.wanted import facts_of
from nst_core.run_folder.artists import record_artist_facts
from nst_core.run_folder.card import write_card
from nst_core.run_folder.chunk import Chunk
from nst_core.run_folder.chunk_rows import readable_rows, rows_file, write_unfinished
from nst_core.run_folder.folder import METHODS, RunFolder
from nst_core.run_folder.plan_table import Plan, PlannedPair, concat_plans
from nst_core.run_folder.results import Result, Status
from nst_core.run_folder.run_yaml import run_file
from nst_core.run_folder.summary import summarize, write_summary
from nst_core.sources.base import Item
from nst_core.sources.index.inputs import inspect_input
from nst_core.storage.machine import cores

MOST_PARTS = 99_999
"""Parts that a plan can have; here each job is one."""

STOPPED = "The app was stopped while it made this picture: ask for it again."

OF_ONE_METHOD = ("fingerprint", "method_fingerprint", "method_fingerprint_data", "weights_sha256")
"""Keys of run.yaml that a folder of many methods has none of."""


@dataclass(frozen=True)
class Order:
    """What is to be made.

    Attributes:
        strength: 0 to 100; 50 is the recipe's own.
        names: what people call the two pictures, by column: `content_name`, `style_name`.
    """

    content: Item
    style: Item
    method: Method
    strength: float
    names: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Piece:
    """A planned job: what a worker needs to make it."""

    chunk: Chunk
    work: Work

    @property
    def pair_id(self) -> str:
        return self.chunk.rows[0].pair_id


class Workshop:
    """Plans, makes and notes jobs in a run folder that this process holds. For several threads.

    Args:
        config: the run file, whose `method` is only the first of many here.

    Attributes:
        planning: held while uploads are taken in and planned, so that none goes in between.
    """

    def __init__(self, config: RunConfig, fleet: Fleet) -> None:
        self.config, self.folder, self._fleet = config, RunFolder(config.run_folder), fleet
        self.inputs, self.planning = KeptInputs(self.folder.root), threading.RLock()
        auto = config.execution.threads == "auto"
        self._threads = cores() if auto else int(config.execution.threads)
        self._plan = Plan.of([])
        self._ids: set[str] = set()
        self._told: set[str] = set()
        self._at_work: set[str] = set()
        self._torn = False

    @contextlib.contextmanager
    def opened(self, say: Callable[[str], object]) -> Iterator[None]:
        """Hold the run folder while the block runs; what a killed server left undone gets its rows first.

        Raises:
            RunFolderError: another process works there, it belongs to a run or to something else, or it cannot be
                written.
            ConfigError, WeightsError: the method is not to be had.
        """
        self.folder.check_writable()
        self._check_ours()
        with self.folder.locked(say=say):
            self._tell_method(resolve_method(self.config, self._fleet), self.config.method)
            self._plan = self.folder.read_plan()
            self._ids = set(self._plan.column("pair_id"))
            self.inputs.remove_unplanned(self._plan)
            self._mend()
            yield

    def planned(self, order: Order) -> Piece:
        """Plan a job. Each is a row of its own: what was made before is made again, as another replicate.

        Raises:
            UsageError: its recipe asks for what is not to be had.
            DiskFull: no space is left.
        """
        config = self.config.model_copy(update={"method": order.method})
        method = resolve_method(config, self._fleet)
        with self.planning:
            self._tell_method(method, order.method)
            record_artist_facts(self.folder.root, facts_of([order.style], [order.style.artist]))
            row = self._append(self._new_pair(order, method), order, method)
        work = replace(work_of(config, method), threads=self._threads)
        return Piece(_chunk(row), work)

    def make(
        self, piece: Piece, watch: ChunkWatch, device: str, report_every: int, cancelled: Callable[[], bool]
    ) -> Result:
        """Make a job; its row, whatever became of it.

        Args:
            cancelled: whether it was taken back by who asked for it, where the watch stopped it.

        Raises:
            DiskFull: no space is left.
        """
        work = replace(piece.work, device=device, report_every=report_every)
        try:
            stylize_chunk(piece.chunk, work, watch)
        except Interrupted:
            if cancelled():
                self._note(piece, "skipped", Cancelled())  # left out on purpose, not to be tried again
            else:
                self._note(piece, "failed", Interrupted(STOPPED))
        except DiskFull:
            self._torn = True  # it has no row; once there is room again, `tidy` writes one
            raise
        except (NstError, OSError, RuntimeError, MemoryError, ValueError) as error:
            self._note(piece, "failed", error)
        finally:
            self._at_work.discard(piece.pair_id)
        return readable_rows(rows_file(work.run_folder, piece.chunk))[piece.pair_id]

    def forget_unplanned(self) -> None:
        """Remove kept inputs of what could not be planned."""
        with self.planning:
            self.inputs.remove_unplanned(self._plan)

    def tidy(self) -> None:
        """Summary, quarantine list, card and gallery, of what there is now."""
        from nst_core.views.gallery import build_gallery

        with self.planning:
            if self._torn:
                self._mend()
            plan = self._plan
        summary = summarize(self.folder.root, plan)
        if self.config.output.gallery and len(plan):
            build_gallery(self.folder.root)
        write_card(self.folder.root, summary, self.folder.read_run_file())
        write_summary(self.folder.root, summary)

    def _check_ours(self) -> None:
        """Raises RunFolderError where the folder holds what is not the app's: it clears up behind itself."""
        root = self.folder.root
        if METHODS in self.folder.read_run_file():
            return
        if self.folder.exists():
            raise RunFolderError(
                f"{root} is the folder of a run, whose images have one method: give --output another one."
            )
        if root.is_dir() and any(not path.name.startswith(".lock") for path in root.iterdir()):
            raise RunFolderError(
                f"{root} holds files that are not the app's: give --output an empty folder or a new one."
            )

    def _tell_method(self, method: ResolvedMethod, section: Method) -> None:
        """Say in run.yaml what this method's fingerprint stands for."""
        prints = method.fingerprints
        if prints.method in self._told:
            return
        told = {key: value for key, value in run_file(self.config, method).items() if key not in OF_ONE_METHOD}
        methods = self.folder.read_run_file().get(METHODS) or {}
        known = methods | {prints.method: {"recipe": section.recipe, **prints.method_data}}
        self.folder.write_run_file(told | {METHODS: known})
        self._told |= known.keys()

    def _append(self, pair: Pair, order: Order, method: ResolvedMethod) -> PlannedPair:
        """The pair as a plan part of its own."""
        number = self.folder.next_part()
        if number > MOST_PARTS:
            raise RunFolderError(f"{self.folder.root} is full: start the app again with another --output.")
        draft, context = draft_of([pair], method.fingerprints.method), self._context(order, method)
        self.folder.append_plan(number, tables(plan_part(number, draft, self._plan, context, Grouping(1, 1))))
        rows = self.folder.read_part(number)
        self._plan = concat_plans([self._plan, rows]) if len(self._plan) else rows  # both as they are read from disk
        self._ids.add(rows[0].pair_id)
        self._at_work.add(rows[0].pair_id)
        return rows[0]

    def _new_pair(self, order: Order, method: ResolvedMethod) -> Pair:
        content, style = order.content, order.style
        weight = Overrides(style_weight=style_weight(method.recipe, order.strength))
        extras = {"strength": f"{order.strength:g}", **dict(order.names)}
        pair = Pair(content, style_shares([style]), style.artist, content.label, content.split, weight, extras=extras)
        while pair_id(pair, method.fingerprints.method) in self._ids:
            pair = replace(pair, replicate=pair.replicate + 1)
        return pair

    def _context(self, order: Order, method: ResolvedMethod) -> PlanContext:
        limits = {order.style.path: self.config.style.limits(), order.content.path: self.config.content.limits()}
        return PlanContext(
            recipe=method.recipe,
            fingerprints=method.fingerprints,
            min_side=method.min_side,
            min_style_side=method.min_style_side,
            extension=EXTENSIONS[self.config.output.format],
            inputs={path: inspect_input(path, limit) for path, limit in limits.items()},
        )

    def _mend(self) -> None:
        """Jobs without a row that nobody works on (a server was killed, a disk full) have failed: now they get one."""
        at_work = set(self._at_work)  # first: what ends meanwhile is then in one of the two
        done = self.folder.outcomes().keys() | at_work
        for row in self._plan:
            if row.pair_id not in done:
                (self.folder.root / row.file_name).unlink(missing_ok=True)
                write_unfinished(_chunk(row), self.folder.root, "failed", Interrupted(STOPPED))
        self._torn = False

    def _note(self, piece: Piece, status: Status, error: BaseException) -> None:
        try:
            write_unfinished(piece.chunk, self.folder.root, status, error)
        except DiskFull:
            self._torn = True
            raise


def _chunk(row: PlannedPair) -> Chunk:
    return Chunk(row.chunk_id, row.artist_slug, (row,), frozenset([row.pair_id]))


def gallery_address(row: PlannedPair) -> str:
    """Where the gallery shows a pair, once it has been brought up to date."""
    return f"/gallery/{row.artist_slug}/index.html#pair-{row.pair_id}"
