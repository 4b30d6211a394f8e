"""The app's run folder: each job becomes a planned pair, a chunk, an image and a row in it, by a method of its own."""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import file_digest
from pathlib import Path, PurePath

from nst_core.app.recipes import style_weight
from nst_core.card import write_card
from nst_core.chunk_rows import note_unfinished, readable_rows, rows_file
from nst_core.config import Method as MethodSection
from nst_core.config import RunConfig
from nst_core.cores import cores
from nst_core.devices import Fleet
from nst_core.drafting import draft_of, pair_id
from nst_core.errors import Cancelled, ChunkTimeout, Interrupted, RunFolderError
from nst_core.inputs import inspect_input
from nst_core.looks import PlanContext
from nst_core.manifest_rows import Overrides
from nst_core.pairing import Pair, style_shares
from nst_core.plan import Plan, joined
from nst_core.planning import EXTENSIONS, Grouping, plan_part
from nst_core.preparation import Method, resolve_method, run_file, work_of
from nst_core.results import Result
from nst_core.run_folder import MANY_METHODS, Chunk, RunFolder
from nst_core.slugs import slugify
from nst_core.sources.base import Item, path_text
from nst_core.summary import summarize, write_summary
from nst_core.worker import ChunkWatch, Work, stylize_chunk

INPUTS = "inputs"
MOST_PARTS = 99_999
"""Parts that a plan can have; here each job is one."""


@dataclass(frozen=True)
class Order:
    """What is to be made.

    Attributes:
        artist: in whose gallery it belongs; None where nobody knows.
        strength: 0 to 100; 50 is the recipe's own.
    """

    content: Item
    style: Item
    artist: str | None
    method: MethodSection
    strength: float


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
        threads: of a CPU worker.
    """

    def __init__(self, config: RunConfig, fleet: Fleet) -> None:
        self.config, self.folder, self._fleet = config, RunFolder(config.run_folder), fleet
        auto = config.execution.threads == "auto"
        self._threads = cores() if auto else int(config.execution.threads)
        self._plan = Plan.of([])
        self._made_ids: set[str] = set()
        self._used: Counter[str] = Counter()
        self.planning = threading.RLock()
        """Held while uploads are taken in and planned, so that none goes in between."""

    @contextlib.contextmanager
    def opened(self, say: Callable[[str], object]) -> Iterator[None]:
        """Hold the run folder while the block runs; what a killed server left undone gets its rows first.

        Raises:
            RunFolderError: another process works there, it belongs to a run, or it cannot be written.
        """
        stored = self.folder.read_run_file()
        if (stored or self.folder.exists()) and not stored.get(MANY_METHODS):
            raise RunFolderError(
                f"{self.folder.root} is the folder of a run, whose images have one method: give --output another one."
            )
        with self.folder.locked(say=say):
            method = resolve_method(self.config, self._fleet)
            self.folder.write_run_file(run_file(self.config, method) | {MANY_METHODS: True})
            self._plan = self.folder.read_plan()
            self._made_ids = set(self._plan.column("pair_id"))
            self._mend()
            yield
            self.tidy()

    def planned(self, order: Order) -> Piece:
        """Plan a job. Each is a row of its own: what was made before is made again, as another replicate.

        Raises:
            UsageError: its recipe asks for what is not to be had.
        """
        config = self.config.model_copy(update={"method": order.method})
        method = resolve_method(config, self._fleet)
        overrides = Overrides(style_weight=style_weight(method.recipe, order.strength))
        with self.planning:
            pair = self._new_pair(order, overrides, method)
            number = self.folder.next_part()
            if number > MOST_PARTS:
                raise RunFolderError(f"{self.folder.root} is full: start the app again with another --output.")
            part = plan_part(number, draft_of([pair], method.fingerprints.method), self._plan,
                             self._context(order, method), Grouping(1, 1))  # fmt: skip
            tables = list(part.tables())
            self.folder.append_plan(number, tables)
            rows = Plan(tables[0])
            self._plan = joined([self._plan, rows])
            row = rows[0]
            self._made_ids.add(row.pair_id)
            self._used.update((row.content_path, *row.style_paths))
        chunk = Chunk(row.chunk_id, row.artist_slug, (row,), frozenset([row.pair_id]))
        work = replace(work_of(config, method), threads=self._threads)
        return Piece(chunk, work)

    def make(self, piece: Piece, watch: ChunkWatch, device: str, report_every: int) -> Result:
        """Make a job; its row, whatever became of it.

        Raises:
            DiskFull: no space is left.
        """
        work = replace(piece.work, device=device, report_every=report_every)
        try:
            stylize_chunk(piece.chunk, work, watch)
        except Interrupted:
            note_unfinished(piece.chunk, work.run_folder, "skipped", Cancelled())
        except (ChunkTimeout, OSError, RuntimeError) as error:
            note_unfinished(piece.chunk, work.run_folder, "failed", error)
        row = readable_rows(rows_file(work.run_folder, piece.chunk))[piece.pair_id]
        if row.status != "success":
            self._forget_inputs(piece)
        return row

    def taken_in(self, path: Path, name: str) -> Path:
        """An upload becomes an input that stays: a copy in the run folder, under a name of ours made from its own."""
        with path.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        stem = slugify(PurePath(name).stem)[:40]
        kept = self.folder.root / INPUTS / f"{stem}-{digest[:8]}{path.suffix}"
        if not kept.exists():
            kept.parent.mkdir(exist_ok=True)
            shutil.copyfile(path, kept)
        return kept

    def tidy(self) -> None:
        """Summary, quarantine list, card and gallery, of what there is now."""
        from nst_core.gallery import build_gallery

        with self.planning:
            plan = self._plan
        if not len(plan):
            return
        summary = summarize(self.folder.root, plan)
        if self.config.output.gallery:
            build_gallery(self.folder.root)
        write_card(self.folder.root, summary, self.folder.read_run_file())
        write_summary(self.folder.root, summary)

    def _new_pair(self, order: Order, overrides: Overrides, method: Method) -> Pair:
        pair = Pair(order.content, style_shares([order.style]), order.artist, overrides=overrides,
                    extras={"strength": f"{order.strength:g}"})  # fmt: skip
        while pair_id(pair, method.fingerprints.method) in self._made_ids:
            pair = replace(pair, replicate=pair.replicate + 1)
        return pair

    def _context(self, order: Order, method: Method) -> PlanContext:
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
        """Jobs that were planned when the last server was killed: they have failed, and their rows say so."""
        done = self.folder.outcomes()
        for row in self._plan:
            if row.pair_id not in done:
                (self.folder.root / row.file_name).unlink(missing_ok=True)
                chunk = Chunk(row.chunk_id, row.artist_slug, (row,), frozenset([row.pair_id]))
                note_unfinished(
                    chunk, self.folder.root, "failed", Interrupted("The app was killed while it made this.")
                )
        self._used.update(path for row in self._plan for path in (row.content_path, *row.style_paths))

    def _forget_inputs(self, piece: Piece) -> None:
        """Uploads of which nothing came are not kept, unless other rows name them."""
        row, inputs = piece.chunk.rows[0], self.folder.root / INPUTS
        with self.planning:
            for path in (row.content_path, *row.style_paths):
                self._used[path] -= 1
                kept = inputs / PurePath(path).name
                if self._used[path] <= 0 and path == path_text(kept):
                    with contextlib.suppress(OSError):
                        kept.unlink(missing_ok=True)


def upload_item(path: Path, root: Path) -> Item:
    """An upload that was taken in, as an item of a source."""
    return Item(id=path.relative_to(root).as_posix(), path=path)
