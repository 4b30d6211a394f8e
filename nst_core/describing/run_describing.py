"""`nst describe`: a descriptor of every picture and painting of a run; what is described already is passed over."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nst_core.describing.run_pictures import RunPicture, read_picture, run_pictures
from nst_core.engine.descriptor import Descriptor, load_descriptor
from nst_core.engine.devices import is_out_of_memory, resolve_device
from nst_core.engine.images.pixels import Pixels, to_tensor
from nst_core.errors import InputError, StorageRefused, StorageUnreachable, UsageError
from nst_core.run_folder.descriptors import damaged_files, descriptor_files, read_descriptors, write_descriptors
from nst_core.run_folder.folder import RunFolder
from nst_core.storage.progress import Progress

BATCH = 16
"""Pictures of one shape that pass the network together, at most."""

PART = 1024
"""Descriptors in a file, at most."""

SAVE_EVERY = 30.0
"""Seconds of work that a kill can cost."""

_READERS, _READ_AHEAD = 4, 64


@dataclass(frozen=True)
class UndescribedPicture:
    """A picture that could not be described: the name of its file, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class RunDescription:
    """What became of describing a run.

    Attributes:
        results, paintings: different pictures of each kind that have a descriptor; `new` of both by this call.
    """

    run_folder: Path
    results: int
    paintings: int
    new: int
    left_out: tuple[UndescribedPicture, ...]


def describe_run(
    run_folder: Path, device: str = "auto", progress: Progress = lambda done, total: None
) -> RunDescription:
    """Describe every picture and painting of a run that has no descriptor yet, by the bytes of its file.

    Parts go to `descriptors/` as they are done: after an interruption the same call goes on.

    Args:
        progress: called with pictures done and their total; an exception that it raises stops, and what is done stays.

    Raises:
        RunFolderError: there is no such run.
        UsageError: it has no pictures yet, or there is no such device.
    """
    RunFolder(run_folder).check_exists()
    pictures = run_pictures(run_folder)
    if not pictures:
        raise UsageError(f"{run_folder} has no pictures yet: there is nothing to describe.")
    for file in damaged_files(descriptor_files(run_folder)):
        file.unlink()
    descriptor = load_descriptor(resolve_device(device))
    known = read_descriptors([run_folder], descriptor.name).places
    missing = [picture for picture in pictures if picture.sha256 not in known]
    work = _Describing(run_folder, descriptor, progress, len(pictures), len(pictures) - len(missing))
    work.describe(missing)
    lacking = {picture.sha256 for picture in work.unreadable}
    there = [picture for picture in pictures if picture.sha256 not in lacking]
    results = sum(picture.is_result for picture in there)
    return RunDescription(
        run_folder,
        results,
        len(there) - results,
        len(missing) - len(lacking),
        tuple(UndescribedPicture(picture.name, reason) for picture, reason in work.unreadable.items()),
    )


class _Describing:
    """One call of `describe_run`: what is described, and not yet written."""

    def __init__(self, run_folder: Path, descriptor: Descriptor, progress: Progress, total: int, done: int) -> None:
        self._run_folder, self._descriptor = run_folder, descriptor
        self._progress, self._total, self._done = progress, total, done
        self._unsaved: dict[str, NDArray[np.float32]] = {}
        self._saved_at = time.monotonic()
        self.unreadable: dict[RunPicture, str] = {}

    def describe(self, pictures: Sequence[RunPicture]) -> None:
        self._progress(self._done, self._total)
        try:
            for batch in self._batches(pictures):
                self._describe_batch(batch)
                if len(self._unsaved) >= PART or time.monotonic() - self._saved_at > SAVE_EVERY:
                    self._save()
                self._progress(self._done, self._total)
        finally:
            self._save()

    def _batches(self, pictures: Sequence[RunPicture]) -> Iterator[list[tuple[RunPicture, Pixels]]]:
        """Pictures of one shape, read ahead; those that cannot be read are noted."""
        waiting: dict[tuple[int, ...], list[tuple[RunPicture, Pixels]]] = {}
        with ThreadPoolExecutor(_READERS) as pool:
            for start in range(0, len(pictures), _READ_AHEAD):
                some = pictures[start : start + _READ_AHEAD]
                for picture, found in zip(some, pool.map(_pixels, some), strict=True):
                    if isinstance(found, str):
                        self.unreadable[picture] = found
                        self._done += 1
                        continue
                    batch = waiting.setdefault(found.shape, [])
                    batch.append((picture, found))
                    if len(batch) == BATCH:
                        yield waiting.pop(found.shape)
                yield from waiting.values()  # nothing waits for long, and little is in memory
                waiting.clear()

    def _describe_batch(self, batch: Sequence[tuple[RunPicture, Pixels]]) -> None:
        try:
            vectors = self._descriptor.describe(torch.stack([to_tensor(pixels) for _, pixels in batch])).cpu().numpy()
        except RuntimeError as error:
            if not is_out_of_memory(error) or len(batch) == 1:
                raise
            half = len(batch) // 2
            self._describe_batch(batch[:half])
            self._describe_batch(batch[half:])
            return
        self._unsaved |= {picture.sha256: vector for (picture, _), vector in zip(batch, vectors, strict=True)}
        self._done += len(batch)

    def _save(self) -> None:
        if self._unsaved:
            write_descriptors(self._run_folder, self._descriptor.name, self._unsaved)
        self._unsaved, self._saved_at = {}, time.monotonic()


def _pixels(picture: RunPicture) -> Pixels | str:
    """The picture, or why it cannot be described."""
    try:
        return read_picture(picture)
    except (InputError, StorageRefused, StorageUnreachable, UsageError) as error:
        return str(error)
    except OSError as error:
        return error.strerror or str(error)
