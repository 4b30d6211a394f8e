"""Who works in a run folder: one run that has it for itself, or shards that share it.

A run holds `.lock`. A shard holds `.lock.shard-2-of-8`, and takes `.lock.plan` for as long as it plans or finishes.
Each of them first takes its own lock and looks at the others' afterwards, so that of two that do not go together at
least one sees the other (both, if they start at the same moment, and then neither begins).

Each lock names its owner, and its owner rewrites it every `BEAT_SECONDS`, together with how far the work is. On one
machine the kernel tells who lives (`lock_files`); elsewhere an owner whose lock does not change for `STALE_SECONDS` is
dead (`lock_objects`, `lock_taking`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nst_core.errors import Interrupted, RunFolderError
from nst_core.run_folder.lock.acquisition import PLAN, WHOLE, LockStore, Taker, shard_lock, shard_of
from nst_core.run_folder.lock.files import FileLocks
from nst_core.run_folder.lock.heartbeat import Heartbeat, LockClaim
from nst_core.run_folder.lock.objects import ObjectLocks
from nst_core.run_folder.lock.record import Owner, WorkProgress
from nst_core.run_folder.shard import Shard

PLAN_WAIT_SECONDS = 3600.0
"""How long a shard waits for others that plan or finish."""


class Held:
    """A run folder that this process holds, alone or for its shard.

    Attributes:
        shard: None where the whole folder is held.
    """

    def __init__(self, taker: Taker, claim: LockClaim, heart: Heartbeat, shard: Shard | None) -> None:
        self._taker = taker
        self._claim = claim
        self._heart = heart
        self.shard = shard
        self.lost = heart.lost
        """Set once the lock was found to be another's: the run has to stop."""

    @property
    def owner(self) -> Owner:
        """This process, as the lock names it."""
        return self._claim.owner

    @property
    def descriptor(self) -> int | None:
        """Give it to child processes that write into the folder (`pass_fds`): while one of them lives, even after
        this process was killed, nobody else on this machine gets the folder. None where the system has none to give.
        """
        return self._claim.descriptor

    def report(self, progress: Callable[[], WorkProgress | None]) -> None:
        """From now on the lock says what `progress` gives at each beat; it is called in another thread."""
        self._heart.progress = progress

    def when_lost(self, call: Callable[[], None]) -> None:
        """Have `call` called, in another thread, once the lock is lost."""
        self._heart.on_lost = call
        if self.lost.is_set():
            call()

    def check(self) -> None:
        """Raises RunFolderError if the lock was lost."""
        if self.lost.is_set():
            taken_by = self._heart.taken_by
            raise RunFolderError(
                f"The lock of {self._taker.store.root} was "
                + (f"taken over by another process ({taken_by})" if taken_by else "removed")
                + ", so this one has stopped. What is finished is kept."
            )

    def alone(self) -> bool:
        """Whether no other shard works here; it may begin to, but while this one holds the folder `exclusively`."""
        own = {PLAN, WHOLE if self.shard is None else shard_lock(self.shard)}
        return all(self._taker.store.look(name)[1] is False for name in self._taker.store.names() if name not in own)

    @contextlib.contextmanager
    def exclusively(self, wait: float = PLAN_WAIT_SECONDS, stopped: Callable[[], bool] | None = None) -> Iterator[None]:
        """Keep the other shards from planning and finishing meanwhile; waits for them up to `wait` seconds.

        Nothing to do for a run that has the folder for itself.

        Raises:
            RunFolderError: waited in vain.
            Interrupted: `stopped` said so.
        """
        if self.shard is None:
            yield
            return
        if stopped is not None:
            self._taker.stopped = stopped
        with self._taker.holding(PLAN, wait):
            yield


@contextlib.contextmanager
def hold(
    root: Path,
    shard: Shard | None = None,
    say: Callable[[str], object] = lambda sentence: None,
    clear: Callable[[], object] = lambda: None,
) -> Iterator[Held]:
    """Hold a run folder (a path, or a UPath for a store) alone, or for one shard of it.

    Args:
        say: gets a sentence where a dead owner's lock is taken over, and where one is watched first.
        clear: called while nobody else can be writing: by a run before it begins, and by a shard that is the first.

    Raises:
        RunFolderError: another process works there, and who that is; or it cannot be written.
        DiskFull
    """
    taker = Taker(lock_store(root), shard, say)
    with _whole(taker, clear) if shard is None else _share(taker, shard, clear) as (claim, heart):
        held = Held(taker, claim, heart, shard)
        try:
            yield held
        except Interrupted:
            held.check()  # which is why the work was stopped, if it fails
            raise
        held.check()


@contextlib.contextmanager
def _whole(taker: Taker, clear: Callable[[], object]) -> Iterator[tuple[LockClaim, Heartbeat]]:
    with taker.holding(WHOLE) as holding:
        taker.vacate(name for name in taker.store.names() if name == PLAN or shard_of(name))
        taker.store.tidy()
        clear()
        yield holding


@contextlib.contextmanager
def _share(taker: Taker, shard: Shard, clear: Callable[[], object]) -> Iterator[tuple[LockClaim, Heartbeat]]:
    with contextlib.ExitStack() as stack:
        with taker.holding(PLAN, PLAN_WAIT_SECONDS):
            holding = stack.enter_context(taker.holding(shard_lock(shard)))
            names = [name for name in taker.store.names() if name not in (PLAN, shard_lock(shard))]
            fellows = [name for name in names if (other := shard_of(name)) and other.count == shard.count]
            taker.vacate(name for name in names if name == WHOLE or (shard_of(name) and name not in fellows))
            if all(taker.store.look(name)[1] is False for name in fellows):
                clear()
        yield holding


@dataclass(frozen=True)
class Holder:
    """Who works, or worked until it was killed, in a run folder.

    Attributes:
        shard: None for a run that has the folder for itself.
        owner: None where the lock does not say (a child process that outlived its run).
        beat: moves on while the owner lives; two looks tell, where `alive` does not.
        progress: what the owner said of its work at that beat.
        alive: None where the owner is on another machine.
        silent_seconds: since its last beat, where it is on this machine.
    """

    shard: Shard | None
    owner: Owner | None
    beat: int
    progress: WorkProgress | None
    alive: bool | None
    silent_seconds: float | None


def read_holders(root: Path) -> list[Holder]:
    """Who works in a run folder now: one run, or several shards in their order; without disturbing them.

    Raises:
        RunFolderError: the store cannot be read.
    """
    store = lock_store(root)
    holders = []
    for name in store.names():
        if name != WHOLE and shard_of(name) is None:
            continue
        record, alive = store.look(name)
        if record is not None:
            holders.append(
                Holder(shard_of(name), record.owner, record.beat, record.progress, alive, record.silent_seconds)
            )
        elif alive:
            holders.append(Holder(shard_of(name), None, 0, None, alive, None))
    return sorted(holders, key=lambda holder: (holder.shard is not None, holder.shard or Shard(0, 0)))


def lock_store(root: Any) -> LockStore:
    """The locks of a run folder, whichever kind its place has."""
    if getattr(root, "protocol", "") not in ("", "file", "local"):
        return ObjectLocks(root)
    return FileLocks(root if isinstance(root, Path) else Path(root.path))
