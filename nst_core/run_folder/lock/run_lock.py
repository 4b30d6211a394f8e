"""The lock of a run folder: held by one run alone, or by several shards of a run.

A run holds `.lock`. A shard holds `.lock.shard-2-of-8`, and takes `.lock.plan` for as long as it plans or finishes.
Each of them first takes its own lock and looks at the others' afterwards, so that of two that do not go together at
least one sees the other (both, if they start at the same moment, and then neither begins).

Each lock names its owner, and its owner rewrites it every `BEAT_SECONDS`, together with the progress of the work. On
one machine the kernel knows which owners live (`files`); elsewhere an owner whose lock does not change for
`STALE_SECONDS` is dead (`objects`, `acquisition`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nst_core.errors import Interrupted, RunFolderError
from nst_core.run_folder.lock.acquisition import (
    GALLERY_LOCK,
    PLAN_LOCK,
    RUN_LOCK,
    LockAcquirer,
    LockStore,
    shard_lock,
    shard_of,
)
from nst_core.run_folder.lock.files import FileLocks
from nst_core.run_folder.lock.heartbeat import Heartbeat, LockClaim
from nst_core.run_folder.lock.objects import ObjectLocks
from nst_core.run_folder.lock.record import Owner, WorkProgress
from nst_core.run_folder.shard import Shard

PLAN_WAIT_SECONDS = 3600.0
"""Seconds for which a shard waits for others that plan or finish."""


class RunLock:
    """The lock of a run folder that this process holds, alone or for its shard.

    Attributes:
        shard: None where the whole folder is held.
    """

    def __init__(self, acquirer: LockAcquirer, claim: LockClaim, heartbeat: Heartbeat, shard: Shard | None) -> None:
        self._acquirer = acquirer
        self._claim = claim
        self._heartbeat = heartbeat
        self.shard = shard
        self.lost = heartbeat.lost
        """Set once the lock was found to name another owner: the run has to stop."""

    @property
    def owner(self) -> Owner:
        """This process, as the lock names it."""
        return self._claim.owner

    @property
    def descriptor(self) -> int | None:
        """The descriptor for child processes that write into the folder (`pass_fds`): while one of them lives, even
        after this process was killed, nobody else on this machine gets the lock. None where there is none.
        """
        return self._claim.descriptor

    def report(self, progress: Callable[[], WorkProgress | None]) -> None:
        """Have each heartbeat write what `progress` returns; it is called in another thread."""
        self._heartbeat.progress = progress

    def when_lost(self, call: Callable[[], None]) -> None:
        """Call `call`, in another thread, once the lock is lost."""
        self._heartbeat.on_lost = call
        if self.lost.is_set():
            call()

    def check(self) -> None:
        """Raises RunFolderError if the lock was lost."""
        if self.lost.is_set():
            taken_by = self._heartbeat.taken_by
            raise RunFolderError(
                f"The lock of {self._acquirer.store.root} was "
                + (f"taken over by another process ({taken_by})" if taken_by else "removed")
                + ", so this one has stopped. What is finished is kept."
            )

    def alone(self) -> bool:
        """Whether no other shard works here now. One may begin to, unless this is called within `exclusively`."""
        own = {PLAN_LOCK, GALLERY_LOCK, RUN_LOCK if self.shard is None else shard_lock(self.shard)}
        return all(
            self._acquirer.store.inspect(name)[1] is False for name in self._acquirer.store.names() if name not in own
        )

    @contextlib.contextmanager
    def exclusively(self, wait: float = PLAN_WAIT_SECONDS, stopped: Callable[[], bool] | None = None) -> Iterator[None]:
        """Keep the other shards from planning and finishing meanwhile; waits for them up to `wait` seconds.

        Nothing to do for a run that has the folder for itself.

        Raises:
            RunFolderError: others still plan or finish after `wait` seconds.
            Interrupted: `stopped` returned True.
        """
        if self.shard is None:
            yield
            return
        if stopped is not None:
            self._acquirer.stopped = stopped
        with self._acquirer.holding(PLAN_LOCK, wait):
            yield


@contextlib.contextmanager
def hold(
    root: Path,
    shard: Shard | None = None,
    say: Callable[[str], object] = lambda sentence: None,
    clear: Callable[[], object] = lambda: None,
) -> Iterator[RunLock]:
    """Hold a run folder (a path, or a UPath for a store) alone, or for one shard of it.

    Args:
        say: called with a sentence where a dead owner's lock is taken over, and where one is watched first.
        clear: called while nobody else can be writing: by a run before it begins, and by a shard that is the first.

    Raises:
        RunFolderError: another process works there, which it names; or the folder cannot be written.
        DiskFull
    """
    acquirer = LockAcquirer(lock_store(root), shard, say)
    with _whole(acquirer, clear) if shard is None else _share(acquirer, shard, clear) as (claim, heartbeat):
        held = RunLock(acquirer, claim, heartbeat, shard)
        try:
            yield held
        except Interrupted:
            held.check()  # which is why the work was stopped, if it fails
            raise
        held.check()


@contextlib.contextmanager
def _whole(acquirer: LockAcquirer, clear: Callable[[], object]) -> Iterator[tuple[LockClaim, Heartbeat]]:
    with acquirer.holding(RUN_LOCK) as holding:
        acquirer.clear(name for name in acquirer.store.names() if name == PLAN_LOCK or shard_of(name))
        acquirer.store.remove_leftovers()
        clear()
        yield holding


@contextlib.contextmanager
def _share(acquirer: LockAcquirer, shard: Shard, clear: Callable[[], object]) -> Iterator[tuple[LockClaim, Heartbeat]]:
    with contextlib.ExitStack() as stack:
        with acquirer.holding(PLAN_LOCK, PLAN_WAIT_SECONDS):
            holding = stack.enter_context(acquirer.holding(shard_lock(shard)))
            names = [name for name in acquirer.store.names() if name not in (PLAN_LOCK, shard_lock(shard))]
            fellows = [name for name in names if (other := shard_of(name)) and other.count == shard.count]
            acquirer.clear(name for name in names if name == RUN_LOCK or (shard_of(name) and name not in fellows))
            if all(acquirer.store.inspect(name)[1] is False for name in fellows):
                clear()
        yield holding


@dataclass(frozen=True)
class Holder:
    """A process that works in a run folder, or worked there until it was killed.

    Attributes:
        shard: None for a run that has the folder for itself.
        owner: None where the lock does not say (a child process that outlived its run).
        beat: the count of its heartbeat: moves on while the owner lives.
        progress: of its work, at that heartbeat.
        alive: None where the owner is on another machine.
        silent_seconds: since its last heartbeat, where it is on this machine.
    """

    shard: Shard | None
    owner: Owner | None
    beat: int
    progress: WorkProgress | None
    alive: bool | None
    silent_seconds: float | None


def read_holders(root: Path) -> list[Holder]:
    """The holders of a run folder now, without disturbing them: one run, or several shards in their order.

    Raises:
        RunFolderError: the store cannot be read.
    """
    store = lock_store(root)
    holders = []
    for name in store.names():
        if name != RUN_LOCK and shard_of(name) is None:
            continue
        record, alive = store.inspect(name)
        if record is not None:
            holders.append(
                Holder(shard_of(name), record.owner, record.beat, record.progress, alive, record.silent_seconds)
            )
        elif alive:
            holders.append(Holder(shard_of(name), None, 0, None, alive, None))
    return sorted(holders, key=lambda holder: (holder.shard is not None, holder.shard or Shard(0, 0)))


def lock_store(root: Any) -> LockStore:
    """The locks of a run folder: files on a disk, objects at a store."""
    if getattr(root, "protocol", "") not in ("", "file", "local"):
        return ObjectLocks(root)
    return FileLocks(root if isinstance(root, Path) else Path(root.path))
