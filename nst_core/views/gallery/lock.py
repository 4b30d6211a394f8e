"""The lock of a gallery, `.lock` in its folder: one process at a time writes there.

It has nothing to do with the lock of a run: a gallery may be built while a run works, which only adds results, each
file of them whole. A run builds its own gallery under this lock, too, and waits for whoever has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nst_core.run_folder.lock.acquisition import RUN_LOCK, LockAcquirer
from nst_core.run_folder.lock.run_lock import RunLock, lock_store
from nst_core.storage.atomic import check_writable
from nst_core.storage.paths import is_local

WAIT_SECONDS = 3600.0
"""Seconds for which a run waits for another process that builds its gallery."""


@contextmanager
def hold_gallery(
    gallery: Path,
    wait: float = 0.0,
    stopped: Callable[[], bool] = lambda: False,
    say: Callable[[str], object] = lambda sentence: None,
) -> Iterator[None]:
    """Hold the folder of a gallery for this process; makes it if need be.

    Args:
        wait: seconds for which to wait for another process that has it.
        stopped: polled while waiting.
        say: called with a sentence where the lock of a dead process is taken over.

    Raises:
        FolderInUse: another process has it.
        UsageError: the folder cannot be written.
        Interrupted: `stopped` returned True.
    """
    if is_local(gallery):
        check_writable(gallery)
    acquirer = LockAcquirer(lock_store(gallery), None, say, stopped)
    with acquirer.holding(RUN_LOCK, wait) as (claim, heartbeat):
        yield
        RunLock(acquirer, claim, heartbeat, None).check()
