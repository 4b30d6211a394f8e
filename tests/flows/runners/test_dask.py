"""The runner `dask`: a worker dies, a pair kills its process, somebody presses Ctrl-C; nothing is lost or repeated."""

from __future__ import annotations

import importlib.util
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cluster_trial as trial
import pytest
from needs import needs
from trial import run

from flows.runners.selection import fleet_of
from nst_core.chunks import retry_policy as policy
from nst_core.config.execution import Execution
from nst_core.config.run_config import RunConfig
from nst_core.errors import ConfigError

pytestmark = pytest.mark.slow

Make = Callable[..., RunConfig]


@dataclass
class Workers:
    """A cluster of two Dask workers, each replaced when it dies, as Dask does by default."""

    cluster: Any
    folder: Path

    def pids(self) -> list[int]:
        return [nanny.pid for nanny in self.cluster.workers.values()]


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    needs("Dask", importlib.util.find_spec("distributed"), "uv sync --extra dask")
    from flows.runners.dask import local_cluster

    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in trial.poisoned_environment(folder).items():
            patch.setenv(name, value)
        with local_cluster(2) as cluster:
            yield Workers(cluster, folder)


@pytest.fixture
def on_dask(config: Make, workers: Workers) -> Make:
    return trial.small_chunks(config, "dask", workers.cluster.scheduler_address)


@pytest.mark.usefixtures("api")
def test_a_pair_that_kills_its_process_is_quarantined_and_the_others_are_made(
    on_dask: Make, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "DELAYS", (0.1,))
    before = workers.pids()
    trial.assert_a_pair_that_kills_is_quarantined(on_dask, workers.folder)
    assert workers.pids() == before, "what kills a worker's process does not kill Dask's"


@pytest.mark.usefixtures("api")
def test_a_worker_that_is_killed_changes_no_result_and_nothing_finished_is_computed_again(
    on_dask: Make, workers: Workers
) -> None:
    settings, reference = on_dask(), on_dask("name=reference", "execution.runner=thread")
    killer = trial.once_a_chunk_has_ended(settings, lambda: os.kill(workers.pids()[0], signal.SIGKILL))
    report = run(settings)
    killer.join()
    assert report.summary.success == 6
    assert trial.count(settings, "lost") == 1, "the worker was at work when it was killed"
    assert trial.count(settings, "start") == 7, "each chunk once, and the lost one twice"
    trial.assert_nothing_finished_was_made_again(settings)
    run(reference)
    trial.assert_same_results(settings, reference)


def test_ctrl_c_on_a_dask_of_its_own_leaves_nothing_behind(config: Make, tmp_path: Path) -> None:
    needs("Dask", importlib.util.find_spec("distributed"), "uv sync --extra dask")
    settings = config(
        "execution.runner=dask", "method.evaluations=100", "execution.batch_size=1", "execution.chunk_size=1"
    )
    code, output, below = trial.stopped_by_ctrl_c(settings, tmp_path / "trial.yaml")
    assert code == 130, output
    assert len(below) > 3, "two Dask workers, and the processes that they keep at work"
    assert trial.alive(below) == {}
    assert trial.count(settings, "lost") == 0, "the signal is for the run, which tells its workers"


def test_an_address_where_no_dask_listens_is_one_sentence() -> None:
    needs("Dask", importlib.util.find_spec("distributed"), "uv sync --extra dask")
    with pytest.raises(
        ConfigError, match=r"^There is no connection to a Dask scheduler at '127\.0\.0\.1:1' \(.*refused"
    ):
        fleet_of(Execution(runner="dask", address="127.0.0.1:1"))
