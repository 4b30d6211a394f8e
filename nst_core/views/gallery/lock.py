"""The lock of a gallery: one process at a time writes there.

It has nothing to do with the lock of a run: a gallery may be built while a run works, which only adds results, each
file of them whole. A run builds its own gallery under this lock, too, and waits for whoever has it. It is
`.lock.gallery` in the run folder, and of a gallery at a place of its own `.lock` there; while it is held it names the
process, so it is no part of a run's gallery, which is handed on and served.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nst_core.run_folder.lock.acquisition import GALLERY_LOCK, RUN_LOCK, LockAcquirer
from nst_core.run_folder.lock.run_lock import RunLock, lock_store
from nst_core.storage.atomic import check_writable
from nst_core.storage.paths import is_local

WAIT_SECONDS = 3600.0
"""Seconds for which a run waits for another process that builds its gallery."""


@contextmanager
def hold_gallery(
    run_folder: Path,
    gallery: Path | None = None,
    wait: float = 0.0,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[None]:
    """Hold the gallery of a run, or one at a place of its own, for this process.

    Args:
        run_folder: whose own gallery it is, where `gallery` is None.
        wait: seconds for which to wait for another process that has it.
        stopped: polled while waiting.

    Raises:
        FolderInUse: another process has it.
        UsageError: the folder cannot be written.
        Interrupted: `stopped` returned True.
    """
    root, name = (run_folder, GALLERY_LOCK) if gallery is None else (gallery, RUN_LOCK)
    if is_local(root):
        check_writable(root)
    acquirer = LockAcquirer(lock_store(root), None, lambda sentence: None, stopped)
    with acquirer.holding(name, wait) as (claim, heartbeat):
        yield
        RunLock(acquirer, claim, heartbeat, None).check()
