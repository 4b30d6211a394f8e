"""What holds on every cluster: workers come and go, nodes that see other files are refused, a dead run is noticed."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flows.runners import cluster, fleet
from flows.runners import node as outpost
from flows.runners.base import Order
from flows.runners.cluster import ClusterCrew, Gone
from flows.runners.fleet import fleet_of
from flows.runners.node import Outpost, sights_of
from nst_core.chunks.work import ChunkReport, Work, work_of
from nst_core.config.method import resolve_method
from nst_core.config.run_config import Execution, RunConfig
from nst_core.errors import ConfigError, Interrupted, NoWorkers, TransientError, WorkerLost
from nst_core.run_folder.chunk import Chunk
from nst_core.run_folder.time_spent import TimeSpent

ORDER = Order(Chunk("00000-00000", "ada", (), frozenset()))
DONE = ChunkReport(Counter(success=1), TimeSpent())


class Line:
    """A post whose worker answers, or is gone."""

    def __init__(self, host: str, gone: bool = False) -> None:
        self.host, self.gone, self.closed = host, gone, False

    def begin(self, order: Order) -> None:
        if self.gone:
            raise Gone("its node left the cluster")

    def answer(self, seconds: float) -> ChunkReport:
        return DONE

    def look(self, stop: bool) -> int:
        return 0

    def close(self) -> None:
        self.closed = True


def crew(posts: list[Line | Exception], stop: Callable[[], bool] = lambda: False) -> ClusterCrew:
    """One worker at a time: the first of `posts`, then the next."""

    def hire(give_up: Callable[[], bool]) -> Any:
        while not posts and not give_up():
            time.sleep(0.01)
        post = posts.pop(0) if posts else None
        if isinstance(post, Exception):
            raise post
        return post

    return ClusterCrew("test", 1, hire, stop)


def make(some: ClusterCrew) -> ChunkReport:
    return some.make(ORDER, lambda count: None)


def test_a_lost_worker_costs_its_chunk_one_try_and_another_takes_its_place() -> None:
    lost, other = Line("n1", gone=True), Line("n2")
    with crew([lost, other]) as some:
        with pytest.raises(WorkerLost, match=r"^The worker on n1 was lost: its node left the cluster\.$"):
            make(some)
        assert make(some) == DONE
        assert lost.closed
    assert other.closed, "nothing is left on the cluster"


def test_a_cluster_without_workers_stops_the_run_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "PATIENCE", 0.1)
    with crew([Line("n1", gone=True)]) as some:
        with pytest.raises(WorkerLost):
            make(some)
        with pytest.raises(NoWorkers, match="the same command goes on"):
            make(some)


def test_who_waits_for_a_worker_can_be_stopped() -> None:
    with pytest.raises(Interrupted), crew([], stop=lambda: True):
        pass


def test_what_keeps_the_first_worker_from_starting_keeps_the_run_from_starting() -> None:
    with pytest.raises(ConfigError, match="does not see"), crew([ConfigError("The node n1 does not see /data.")]):
        pass


@pytest.fixture
def work(config: Callable[..., RunConfig]) -> Work:
    settings = config()
    settings.run_folder.mkdir(parents=True)
    (settings.run_folder / "run.yaml").write_text("of this run")
    return work_of(settings, resolve_method(settings))


def test_a_node_that_sees_other_files_is_refused(work: Work, tmp_path: Path) -> None:
    sights = sights_of(work, [])
    assert isinstance(Outpost(work, sights, gpu=False).settle(), str)
    for other in (
        replace(sights, run_file="of another run"),
        replace(sights, folder=tmp_path / "nowhere"),
        replace(sights, inputs=[tmp_path / "content" / "no.png"]),
    ):
        refused = Outpost(work, other, gpu=False).settle()
        assert isinstance(refused, ConfigError)
        assert "on storage that they share" in str(refused)


def test_a_worker_ends_when_it_hears_nothing_of_the_run(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    class Busy:
        """A foreman whose worker never finishes."""

        def __init__(self, *_: Any) -> None:
            self.aborted = threading.Event()

        def make(self, *_: Any) -> ChunkReport:
            assert self.aborted.wait(20)
            raise WorkerLost("killed")

        def abort(self) -> None:
            self.aborted.set()

        def close(self) -> None:
            pass

    monkeypatch.setattr(outpost, "Foreman", Busy)
    monkeypatch.setattr(outpost, "SILENCE", 0.1)
    post = Outpost(work, sights_of(work, []), gpu=False)
    post.settle()
    assert isinstance(post.make(ORDER), TransientError), "the run, if it was only suspended, tries again"
    post.close()


def test_a_list_of_devices_is_refused_where_the_cluster_hands_them_out() -> None:
    with pytest.raises(ConfigError, match=r"^execution\.devices is \[0, 1\], but on a cluster Ray hands out the GPUs"):
        fleet_of(Execution(runner="ray", devices=[0, 1]))


def test_a_missing_extra_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fleet.CLUSTERS, "ray", "no_such_package")
    with pytest.raises(ConfigError, match=r"pip install 'nst-pipeline\[ray\]', or uv sync --extra ray"):
        fleet_of(Execution(runner="ray"))


@pytest.mark.parametrize(("devices", "kind", "units"), [("auto", "cuda", 4), ("cpu", "cpu", 32)])
def test_a_cluster_with_gpus_is_one_of_gpus_unless_told_otherwise(
    devices: Any, kind: str, units: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet, "must_have", lambda runner: None)
    monkeypatch.setattr(fleet, "_surveyed", lambda execution: (4, 32))
    found = fleet_of(Execution(runner="ray", address="auto", devices=devices))
    assert (found.device.type, found.here.type, found.units) == (kind, "cpu", units)
