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

from flows.runners import cluster, selection
from flows.runners import node as node_module
from flows.runners.base import ChunkTry
from flows.runners.cluster import ClusterRunner, WorkerUnreachable
from flows.runners.node import NodeWorker, node_facts
from flows.runners.selection import fleet_of
from nst_core.chunks.work import ChunkReport, Work, work_of
from nst_core.config.execution import Execution
from nst_core.config.resolved_method import resolve_method
from nst_core.config.run_config import RunConfig
from nst_core.errors import ConfigError, Interrupted, NoWorkers, TransientError, WorkerLost
from nst_core.run_folder.chunk import Chunk
from nst_core.run_folder.time_spent import TimeSpent

TRY = ChunkTry(Chunk("00000-00000", "ada", (), frozenset()))
DONE = ChunkReport(Counter(success=1), TimeSpent())


class FakeWorker:
    """A worker that answers, or is gone."""

    def __init__(self, host: str, gone: bool = False) -> None:
        self.host, self.gone, self.closed = host, gone, False

    def submit(self, chunk_try: ChunkTry) -> None:
        if self.gone:
            raise WorkerUnreachable("its node left the cluster")

    def outcome(self, seconds: float) -> ChunkReport:
        return DONE

    def poll(self, stop: bool) -> int:
        return 0

    def close(self) -> None:
        self.closed = True


def runner_on(workers: list[FakeWorker | Exception], stop: Callable[[], bool] = lambda: False) -> ClusterRunner:
    """One worker at a time: the first of `workers`, then the next."""

    def start_worker(give_up: Callable[[], bool]) -> Any:
        while not workers and not give_up():
            time.sleep(0.01)
        worker = workers.pop(0) if workers else None
        if isinstance(worker, Exception):
            raise worker
        return worker

    return ClusterRunner("test", 1, start_worker, stop)


def run(runner: ClusterRunner) -> ChunkReport:
    return runner.run(TRY, lambda count: None)


def test_a_lost_worker_costs_its_chunk_one_try_and_another_takes_its_place() -> None:
    lost, other = FakeWorker("n1", gone=True), FakeWorker("n2")
    with runner_on([lost, other]) as runner:
        with pytest.raises(WorkerLost, match=r"^The worker on n1 was lost: its node left the cluster\.$"):
            run(runner)
        assert run(runner) == DONE
        assert lost.closed
    assert other.closed, "nothing is left on the cluster"


def test_a_cluster_without_workers_stops_the_run_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "NO_WORKER_TIMEOUT", 0.1)
    with runner_on([FakeWorker("n1", gone=True)]) as runner:
        with pytest.raises(WorkerLost):
            run(runner)
        with pytest.raises(NoWorkers, match="the same command goes on"):
            run(runner)


def test_who_waits_for_a_worker_can_be_stopped() -> None:
    with pytest.raises(Interrupted), runner_on([], stop=lambda: True):
        pass


def test_what_keeps_the_first_worker_from_starting_keeps_the_run_from_starting() -> None:
    with pytest.raises(ConfigError, match="does not see"), runner_on([ConfigError("The node n1 does not see /data.")]):
        pass


@pytest.fixture
def work(config: Callable[..., RunConfig]) -> Work:
    settings = config()
    settings.run_folder.mkdir(parents=True)
    (settings.run_folder / "run.yaml").write_text("of this run")
    return work_of(settings, resolve_method(settings))


def test_a_node_that_sees_other_files_is_refused(work: Work, tmp_path: Path) -> None:
    facts = node_facts(work, [])
    assert isinstance(NodeWorker(work, facts, gpu=False).start(), str)
    for other in (
        replace(facts, run_yaml="of another run"),
        replace(facts, folder=tmp_path / "nowhere"),
        replace(facts, inputs=[tmp_path / "content" / "no.png"]),
    ):
        refused = NodeWorker(work, other, gpu=False).start()
        assert isinstance(refused, ConfigError)
        assert "on storage that they share" in str(refused)


def test_a_worker_ends_when_it_hears_nothing_of_the_run(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    class Busy:
        """A supervisor whose worker never finishes."""

        def __init__(self, *_: Any) -> None:
            self.aborted = threading.Event()

        def run(self, *_: Any) -> ChunkReport:
            assert self.aborted.wait(20)
            raise WorkerLost("killed")

        def abort(self) -> None:
            self.aborted.set()

        def close(self) -> None:
            pass

    monkeypatch.setattr(node_module, "Supervisor", Busy)
    monkeypatch.setattr(node_module, "SILENCE", 0.1)
    worker = NodeWorker(work, node_facts(work, []), gpu=False)
    worker.start()
    assert isinstance(worker.run(TRY), TransientError), "the run, if it was only suspended, tries again"
    worker.close()


def test_a_list_of_devices_is_refused_where_the_cluster_hands_them_out() -> None:
    with pytest.raises(ConfigError, match=r"^execution\.devices is \[0, 1\], but on a cluster Ray hands out the GPUs"):
        fleet_of(Execution(runner="ray", devices=[0, 1]))


def test_a_missing_extra_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(selection.CLUSTERS, "ray", "no_such_package")
    with pytest.raises(ConfigError, match=r"pip install 'nst-pipeline\[ray\]', or uv sync --extra ray"):
        fleet_of(Execution(runner="ray"))


@pytest.mark.parametrize(("devices", "kind", "units"), [("auto", "cuda", 4), ("cpu", "cpu", 32)])
def test_a_cluster_with_gpus_is_one_of_gpus_unless_told_otherwise(
    devices: Any, kind: str, units: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "check_installed", lambda runner: None)
    monkeypatch.setattr(selection, "_cluster_devices", lambda execution: (4, 32))
    found = fleet_of(Execution(runner="ray", address="auto", devices=devices))
    assert (found.device.type, found.here.type, found.units) == (kind, "cpu", units)
