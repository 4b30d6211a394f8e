"""Who works in a run folder: the kernel knows of this machine, heartbeats tell of others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nst_core.run_folder.folder import RunFolder
from nst_core.run_folder.lock import holders as attendance
from nst_core.run_folder.lock.holders import Holders, HolderWatcher, progress_number, worker_progress
from nst_core.run_folder.lock.record import STALE_SECONDS, Owner
from nst_core.run_folder.lock.run_lock import Holder

ELSEWHERE = Owner("far", "other", 7, "2030-01-01T00:00:00+00:00", "t0ken")


def holder(alive: bool | None = None, beat: int = 0, **progress: Any) -> Holder:
    return Holder(None, ELSEWHERE, beat, progress or None, alive, None)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_run_that_holds_the_folder_is_there_until_it_lets_go(tmp_path: Path) -> None:
    watcher = HolderWatcher(tmp_path)
    assert watcher.read() == Holders((), ())
    with RunFolder(tmp_path).locked() as held:
        (present,) = watcher.read().present
        assert present.owner == held.owner
    assert watcher.read() == Holders((), ())


def test_the_dead_are_told_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    alive, dead = holder(True), holder(False)
    monkeypatch.setattr(attendance, "read_holders", lambda _: [dead, alive])
    assert HolderWatcher(tmp_path).read() == Holders((alive,), (dead,))


def test_elsewhere_one_is_believed_for_as_long_as_its_heart_beats(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clock, there = Clock(), holder()
    monkeypatch.setattr(attendance, "read_holders", lambda _: [there])
    watcher = HolderWatcher(tmp_path, clock)
    assert watcher.read().present
    clock.now += STALE_SECONDS - 1
    assert watcher.read().present
    there = replace(there, beat=1)
    clock.now += STALE_SECONDS - 1
    assert watcher.read().present
    clock.now += STALE_SECONDS
    assert watcher.read() == Holders((), (there,))
    there = replace(there, beat=2)
    assert watcher.read().present, "it was only slow"


def test_the_pace_is_that_of_all_together() -> None:
    both = Holders((holder(True, rate=2.0, eta_seconds=10), holder(True, rate=0.5, eta_seconds=40.0)), ())
    assert (both.rate, both.eta_seconds) == (2.5, 40.0)
    silent = Holders((holder(True),), (holder(False, rate=3.0),))
    assert (silent.rate, silent.eta_seconds) == (None, None)


@pytest.mark.parametrize("value", [None, "fast", [1]])
def test_what_another_version_says_does_no_harm(value: object) -> None:
    strange = holder(True, rate=value, workers=value)
    assert progress_number(strange, "rate") is None
    assert list(worker_progress(strange)) == []
