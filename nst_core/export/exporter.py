"""The export of a run: choose the format, write missing shards, write the card, mark the export complete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from nst_core.errors import UsageError
from nst_core.export.card import ExportCard, ExportCounts, provenance, write_card
from nst_core.export.coco import Coco, annotations_of
from nst_core.export.coco_annotations import SourceAnnotations
from nst_core.export.croissant import write_croissant
from nst_core.export.formats import WrittenShards
from nst_core.export.imagefolder import ImageFolder
from nst_core.export.quality_table import quality_lines
from nst_core.export.rows import Selection, read_selection
from nst_core.export.shards import renamed_splits, splits_by_group
from nst_core.export.target import ExportTarget, Identity, LeftOutImage, hold_target
from nst_core.export.webdataset import WebDataset
from nst_core.run_folder.folder import RunFolder
from nst_core.run_folder.lock.run_lock import read_holders
from nst_core.run_folder.quality import baselines_file
from nst_core.sources.coco_entries import FaultGroup
from nst_core.storage.paths import is_local
from nst_core.storage.progress import Progress

FORMATS = ("imagefolder", "webdataset", "coco")


@dataclass(frozen=True)
class HubAddress:
    """A dataset on the Hugging Face Hub.

    Attributes:
        name: `OWNER/NAME`.
        url: of its page.
    """

    name: str
    url: str


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
    check_target(run, target)
    export = Export(run, to, options or ExportOptions(), progress)
    with hold_target(target, export.identity) as folder:
        return export.write(folder)


class Export:
    """An export that is ready to be written: its images are chosen, and what will be left out beside them is known.

    Attributes:
        selection: its images.
        identity: of its target.
    """

    def __init__(
        self,
        run: Path,
        to: str,
        options: ExportOptions,
        progress: Progress = lambda done, total: None,
        repository: HubAddress | None = None,
    ) -> None:
        """Choose the images; the target is not touched yet.

        Args:
            repository: the place on the Hugging Face Hub that it is made for, if it is.

        Raises:
            UsageError: nothing to export, or options that do not fit.
        """
        _check(run, to, options)
        self._run_yaml = RunFolder(run).read_run_yaml()
        self.notes = _busy(run)
        self.selection = read_selection(run, options.where)
        self._check_selection(run, options.where)
        self._layout = _layout(to, self.selection, self._run_yaml, run, options)
        self.notes += renamed_splits(self._layout.groups)
        self.identity = Identity(to, RunFolder(run).name, self._run_yaml.get("method_fingerprint"))
        self._where, self._repository = options.where, repository
        self._progress = progress
        self._steps = 0
        self._total = len(self.selection) * (self._layout.passes + (repository is not None))
        self._written = WrittenShards(self.selection, advance=self.advance)
        self._counts = ExportCounts()
        self._new = 0
        self._faults = self._layout.prepare(self.advance)

    def write(self, target: ExportTarget) -> ExportReport:
        """Write missing shards, and what describes them all."""
        for group, splits in splits_by_group(self._layout.groups).items():
            self._write_group(target, group, splits)
        described = self._layout.finish(target, self._written)
        left_out = tuple(self._written.left_out)
        self._describe(target, len(left_out))
        target.finish([*self._written.done, *described])
        counts = dict(sorted(self._counts.splits.items()))
        return ExportReport(
            target.root,
            self._layout.name,
            sum(counts.values()),
            self._new,
            self.selection.planned,
            counts,
            left_out,
            tuple(self.notes),
            self._faults,
        )

    def advance(self, images: int) -> None:
        """Count images that were gone through once more."""
        self._steps += images
        self._progress(self._steps, self._total)

    def _check_selection(self, run: Path, where: str | None) -> None:
        selection = self.selection
        if selection.damaged:
            told = f"{selection.damaged} result files are damaged and were passed over: `nst run` makes them again."
            self.notes.append(told)
        if selection.unfulfilled:
            self.notes.append(_unfulfilled_note(run, selection, where or ""))
        if not len(selection) and selection.unfulfilled:
            raise UsageError(self.notes[-1])
        if not len(selection):
            raise UsageError(f"{run} has no images yet: there is nothing to export. `nst status {run}` says why.")

    def _describe(self, target: ExportTarget, left_out: int) -> None:
        """Write the card, croissant.json and attributions.csv."""
        place = self._repository
        front, loading = self._layout.card(self._written, place.name if place else None)
        name = RunFolder(self.selection.run).name
        quality = quality_lines(self.selection)
        card = ExportCard(name, self._run_yaml, front, loading, left_out, self._where, quality)
        write_card(target.root, card, self._counts)
        told = provenance(card, self._counts, place.url if place else None)
        write_croissant(target.root, told, self._layout.describe(target, self._written))

    def _write_group(self, target: ExportTarget, group: str, splits: list[str | None]) -> None:
        for name, shard in self._layout.shards(group, splits):
            digest = shard.digest(self._layout.salt)
            done = target.holds(name, digest)
            if done is None:
                done = self._layout.write(shard, target.root / name, digest, self.advance)
                target.note(name, done)
                self._new += done.images
            else:
                self.advance(len(shard.rows))
            self._written.done[name] = done
            missing = {one.pair_id for one in done.left_out}
            rows = [row for row in shard.rows if row.pair_id not in missing]
            self._counts.add(group, rows)
            self._written.suffixes.update(PurePosixPath(row.file_name).suffix.lower() for row in rows)


def _unfulfilled_note(run: Path, selection: Selection, where: str) -> str:
    count, all_of_them = selection.unfulfilled, selection.unfulfilled + len(selection)
    advice = "" if baselines_file(run).is_file() else f" None was judged yet: `nst judge {run}` measures them."
    return f"{count} of {all_of_them} images do not fulfil --where {where!r} and are left out.{advice}"


def check_target(run: Path, target: Path) -> None:
    """Check that an export of the run may be written to a folder. Raises UsageError."""
    if not is_local(target):
        raise UsageError(f"{target} is a URL: exports are written to a local folder; copy it to the store afterwards.")
    RunFolder(run).check_exists()
    if is_local(run) and target.resolve().is_relative_to(run.resolve()):
        raise UsageError(f"{target} is inside the run folder: give a folder outside of {run} with -o.")


def _check(run: Path, to: str, options: ExportOptions) -> None:
    if to not in FORMATS:
        raise UsageError(f"There is no export to {to!r}: it is one of {', '.join(FORMATS)}.")
    RunFolder(run).check_exists()
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
