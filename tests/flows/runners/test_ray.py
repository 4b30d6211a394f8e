"""The runner `ray`: a node dies, a pair kills its process, somebody presses Ctrl-C; nothing is lost or left behind."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
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
class Nodes:
    """A cluster of two nodes with a core each, both of this machine."""

    cluster: Any
    second: Any
    folder: Path


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    needs("Ray", importlib.util.find_spec("ray"), "uv sync --extra ray")
    settings = importlib.import_module("flows.runners.ray")  # which sets the environment of Ray
    from ray.cluster_utils import Cluster

    folder, short = tmp_path_factory.mktemp("site"), tempfile.mkdtemp(prefix="nst-test-", dir="/tmp")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (trial.poisoned_environment(folder) | {"RAY_TMPDIR": short}).items():
            patch.setenv(name, value)
        node = {"num_cpus": 1, "num_gpus": 0, "object_store_memory": settings.OBJECT_STORE}
        cluster = Cluster(initialize_head=True, head_node_args=node | {"include_dashboard": False})
        second = cluster.add_node(**node)
        try:
            yield Nodes(cluster, second, folder)
        finally:
            cluster.shutdown()
            shutil.rmtree(short, ignore_errors=True)


@pytest.fixture
def on_ray(config: Make, nodes: Nodes) -> Make:
    return trial.small_chunks(config, "ray", nodes.cluster.address)


@pytest.mark.usefixtures("api")
def test_a_pair_that_kills_its_process_is_quarantined_and_the_others_are_made(
    on_ray: Make, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "DELAYS", (0.1,))
    trial.assert_a_pair_that_kills_is_quarantined(on_ray, nodes.folder)


@pytest.mark.usefixtures("api")
def test_a_node_that_dies_in_the_middle_changes_no_result(on_ray: Make, config: Make, nodes: Nodes) -> None:
    settings, reference = on_ray(), on_ray("name=reference", "execution.runner=thread")
    killer = trial.once_a_chunk_has_ended(
        settings, lambda: nodes.cluster.remove_node(nodes.second, allow_graceful=False)
    )
    report = run(settings)
    killer.join()
    assert report.summary.success == 6
    assert trial.count(settings, "lost") >= 1, "the node was at work when it died"
    trial.assert_nothing_finished_was_made_again(settings)
    run(reference)
    trial.assert_same_results(settings, reference)


def test_ctrl_c_on_a_ray_of_its_own_leaves_nothing_behind(config: Make, tmp_path: Path) -> None:
    needs("Ray", importlib.util.find_spec("ray"), "uv sync --extra ray")
    settings = config(
        "execution.runner=ray", "method.evaluations=100", "execution.batch_size=1", "execution.chunk_size=1"
    )
    before = set(Path("/tmp").glob("nst-ray-*"))
    code, output, below = trial.stopped_by_ctrl_c(settings, tmp_path / "trial.yaml")
    assert code == 130, output
    assert len(below) > 3, "Ray's processes and two workers"
    assert trial.alive(below) == {}
    assert set(Path("/tmp").glob("nst-ray-*")) <= before
    assert trial.count(settings, "lost") == 0, "the signal is for the run, which tells its workers"


def test_an_address_where_no_ray_listens_is_one_sentence() -> None:
    needs("Ray", importlib.util.find_spec("ray"), "uv sync --extra ray")
    with pytest.raises(
        ConfigError, match=r"^There is no connection to a Ray cluster at '127\.0\.0\.1:1' \(.*refused\)"
    ):
        fleet_of(Execution(runner="ray", address="127.0.0.1:1"))
