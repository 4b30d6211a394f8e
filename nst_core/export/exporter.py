"""The export of a run: choose the format, write missing shards, write the card, mark the export complete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nst_core.errors import UsageError
from nst_core.export.card import ExportCard, ExportCounts, write_card
from nst_core.export.coco import Coco, annotations_of
from nst_core.export.coco_annotations import SourceAnnotations
from nst_core.export.formats import ExportFormat, WrittenShards
from nst_core.export.imagefolder import ImageFolder
from nst_core.export.rows import Selection, read_selection
from nst_core.export.shards import renamed_splits, splits_by_group
from nst_core.export.target import Identity, LeftOutImage, Target, hold_target
from nst_core.export.webdataset import WebDataset
from nst_core.run_folder.folder import RunFolder
from nst_core.run_folder.lock.run_lock import read_holders
from nst_core.run_folder.quality import baselines_file
from nst_core.sources.coco_entries import FaultGroup
from nst_core.storage.paths import is_local
from nst_core.storage.progress import Progress

FORMATS = ("imagefolder", "webdataset", "coco")


@dataclass(frozen=True)
class ExportOptions:
    """Options of single formats; None and False are the defaults.

    Attributes:
        link: imagefolder, coco: hard links in place of copies, where the file system can.
        shard_size: webdataset: images per tar.
        annotations: coco: the files that annotate the photographs, where run.yaml does not name them.
        where: a condition that images must fulfil.
    """

    link: bool = False
    shard_size: int | None = None
    annotations: tuple[Path, ...] = ()
    where: str | None = None


@dataclass(frozen=True)
class ExportReport:
    """The contents of an export.

    Attributes:
        written: images that this try wrote; the others were there already.
        planned: pairs in the run's plan, whatever became of them.
        notes: sentences for the person who started it.
        faults: entries of the annotation file that are left out, by reason.
    """

    folder: Path
    format: str
    images: int
    written: int
    planned: int
    splits: Mapping[str, int]
    left_out: tuple[LeftOutImage, ...]
    notes: tuple[str, ...]
    faults: tuple[FaultGroup, ...] = ()


def export_run(
    run: Path,
    to: str,
    target: Path,
    options: ExportOptions | None = None,
    progress: Progress = lambda done, total: None,
) -> ExportReport:
    """Write the successes of a run to `target`, as `to` (one of `FORMATS`) lays them out.

    Shards of an earlier try are kept; images that do not match their rows are left out and reported. `progress` is
    called with (steps done, steps in all).

    Raises:
        UsageError: nothing to export, options that do not fit, or a target that holds something else.
        DiskFull: no space is left; the same call goes on once there is.
    """
    options = options or ExportOptions()
    _check(run, to, target, options)
    run_yaml = RunFolder(run).read_run_yaml()
    notes = _busy(run)
    selection = read_selection(run, options.where)
    if selection.damaged:
        notes.append(f"{selection.damaged} result files are damaged and were passed over: `nst run` makes them again.")
    if selection.unfulfilled:
        notes.append(_unfulfilled_note(run, selection, options.where or ""))
    if not len(selection) and selection.unfulfilled:
        raise UsageError(notes[-1])
    if not len(selection):
        raise UsageError(f"{run} has no images yet: there is nothing to export. `nst status {run}` says why.")
    layout = _layout(to, selection, run_yaml, run, options)
    identity = Identity(to, RunFolder(run).name, run_yaml.get("method_fingerprint"))
    export = _Export(layout, selection, progress, options.where)
    export.prepare()
    with hold_target(target, identity) as folder:
        return export.run(folder, run_yaml, [*notes, *renamed_splits(layout.groups)])


class _Export:
    """One export in progress."""

    def __init__(
        self, layout: ExportFormat, selection: Selection, progress: Progress, where: str | None = None
    ) -> None:
        self._layout, self._where = layout, where
        self._selection = selection
        self._progress = progress
        self._steps = 0
        self._total = len(selection) * layout.passes
        self._written = WrittenShards(selection, advance=self._advance)
        self._counts = ExportCounts()
        self._new = 0
        self._faults: tuple[FaultGroup, ...] = ()

    def prepare(self) -> None:
        """Find what will be left out, before the target is touched. Raises UsageError."""
        self._faults = self._layout.prepare(self._advance)

    def run(self, target: Target, run_yaml: Mapping[str, Any], notes: list[str]) -> ExportReport:
        for group, splits in splits_by_group(self._layout.groups).items():
            self._write_group(target, group, splits)
        described = self._layout.finish(target, self._written)
        front, loading = self._layout.card(self._written)
        left_out = tuple(self._written.left_out)
        card = ExportCard(RunFolder(self._selection.run).name, run_yaml, front, loading, len(left_out), self._where)
        write_card(target.root, card, self._counts)
        target.finish([*self._written.done, *described])
        counts = dict(sorted(self._counts.splits.items()))
        return ExportReport(
            target.root,
            self._layout.name,
            sum(counts.values()),
            self._new,
            self._selection.planned,
            counts,
            left_out,
            tuple(notes),
            self._faults,
        )

    def _write_group(self, target: Target, group: str, splits: list[str | None]) -> None:
        for name, shard in self._layout.shards(group, splits):
            digest = shard.digest(self._layout.salt)
            done = target.holds(name, digest)
            if done is None:
                done = self._layout.write(shard, target.root / name, digest, self._advance)
                target.note(name, done)
                self._new += done.images
            else:
                self._advance(len(shard.rows))
            self._written.done[name] = done
            missing = {one.pair_id for one in done.left_out}
            self._counts.add(group, (row for row in shard.rows if row.pair_id not in missing))

    def _advance(self, images: int) -> None:
        self._steps += images
        self._progress(self._steps, self._total)


def _unfulfilled_note(run: Path, selection: Selection, where: str) -> str:
    count, all_of_them = selection.unfulfilled, selection.unfulfilled + len(selection)
    advice = "" if baselines_file(run).is_file() else f" None was judged yet: `nst judge {run}` measures them."
    return f"{count} of {all_of_them} images do not fulfil --where {where!r} and are left out.{advice}"


def _check(run: Path, to: str, target: Path, options: ExportOptions) -> None:
    if not is_local(target):
        raise UsageError(f"{target} is a URL: exports are written to a local folder; copy it to the store afterwards.")
    if to not in FORMATS:
        raise UsageError(f"There is no export to {to!r}: it is one of {', '.join(FORMATS)}.")
    RunFolder(run).check_exists()
    if is_local(run) and target.resolve().is_relative_to(run.resolve()):
        raise UsageError(f"{target} is inside the run folder: give a folder outside of {run} with -o.")
    if options.link and to == "webdataset":
        raise UsageError("--link is for imagefolder and coco: a tar holds copies.")
    if options.shard_size is not None and to != "webdataset":
        raise UsageError("--shard-size is for webdataset: the folders of other exports have a fixed size.")
    if options.shard_size is not None and options.shard_size < 1:
        raise UsageError("--shard-size must be 1 or more.")
    if options.annotations and to != "coco":
        raise UsageError("--annotations is for coco: other exports carry no annotations.")


def _layout(
    to: str, selection: Selection, run_yaml: Mapping[str, Any], run: Path, options: ExportOptions
) -> ImageFolder | WebDataset | Coco:
    if to == "imagefolder":
        return ImageFolder(selection, options.link)
    if to == "webdataset":
        return WebDataset(selection, options.shard_size)
    source = SourceAnnotations(options.annotations or annotations_of(run_yaml, run))
    info = {"stylized_by": "nst", "run": RunFolder(run).name, "method_fingerprint": run_yaml.get("method_fingerprint")}
    return Coco(selection, source, options.link, info)


def _busy(run: Path) -> list[str]:
    """A sentence where other processes work in the run folder, or may."""
    doubtful = [holder for holder in read_holders(run) if holder.alive is not False]
    if any(holder.alive for holder in doubtful):
        return [f"Another process is working in {run}: what was there is exported."]
    return [
        f"A process of another machine may be working in {run} ({holder.owner}): what was there is exported."
        for holder in doubtful[:1]
    ]
