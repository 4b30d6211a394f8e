"""The life of jobs: waiting, cancelled, too long, many at once, stopped; and what the run folder says of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from running_app import FINAL, LONG, Running, await_state, pick, png, run_config, running, start, until, upload

from nst_core.app.limits import Limits
from nst_core.app.recipe_options import recipe_options
from nst_core.config.method import Method
from nst_core.config.resolved_method import resolve_method
from nst_core.config.run_config import RunConfig
from nst_core.errors import RunFolderError
from nst_core.plan.state import read_state
from nst_core.run_folder.folder import METHODS, RunFolder
from nst_core.run_folder.verify.verification import verify

Make = Callable[..., Path]


@pytest.fixture
def config(tmp_path: Path, make_image: Make) -> RunConfig:
    """Its default method runs for hours; `size=32` of another recipe does not exist here."""
    return run_config(tmp_path, make_image, method=LONG)


@pytest.fixture
def slow(config: RunConfig) -> Iterator[Running]:
    """A server that never finishes by itself, with room for three that wait and two of each person."""
    with running(config, Limits(queue=3, per_person=2)) as server:
        yield server


def row_of(root: Path, job: dict[str, Any]) -> Any:
    return pd.read_parquet(root / "results").set_index("pair_id").loc[job["pair_id"]]


def started(person: Any, **asked: Any) -> dict[str, Any]:
    """A job that has been seen at work."""
    job = start(person, **asked)
    return dict(until(lambda: (told := person.get(f"/api/jobs/{job['id']}").json())["preview"] and told))


def test_a_cancelled_job_stops_at_once_and_its_row_is_not_tried_again(slow: Running) -> None:
    person = slow.person()
    job = started(person)
    assert job["state"] == "running"
    person.delete(f"/api/jobs/{job['id']}")
    ended = await_state(person, job, *FINAL, seconds=20)
    assert (ended["state"], ended["error"]) == ("cancelled", None)
    row = row_of(slow.root, ended)
    assert (row.status, row.error_class) == ("skipped", "Cancelled")
    until(lambda: verify(slow.root).sound)
    assert read_state(RunFolder(slow.root)).chunks == []
    assert person.delete(f"/api/jobs/{job['id']}").status_code == 409


def test_those_who_wait_are_told_their_place_and_how_long_and_come_in_turn(slow: Running) -> None:
    ann, bob = slow.person(), slow.person()
    first = started(ann)
    second, third = start(ann), start(bob)
    assert person_sees(ann, second)["position"] == 1  # Bob, who has had no turn yet, comes before Ann's second
    assert person_sees(bob, third)["position"] == 0
    assert person_sees(bob, third)["wait_seconds"] > 0
    ann.delete(f"/api/jobs/{first['id']}")
    await_state(bob, third, "running")
    assert person_sees(ann, second)["position"] == 0


def person_sees(person: Any, job: dict[str, Any]) -> dict[str, Any]:
    return dict(person.get(f"/api/jobs/{job['id']}").json())


def test_a_job_that_is_taken_back_while_it_waits_leaves_no_trace(
    slow: Running, make_image: Make, tmp_path: Path
) -> None:
    person = slow.person()
    started(person)
    waiting = start(person, content={"upload": upload(person, png(make_image, tmp_path))})
    assert person.delete(f"/api/jobs/{waiting['id']}").json()["state"] == "cancelled"
    assert len(RunFolder(slow.root).read_plan()) == 1
    assert not (slow.root / "inputs").exists()


def test_one_person_cannot_fill_the_queue_and_a_full_queue_takes_nobody(slow: Running) -> None:
    ann = slow.person()
    started(ann)
    start(ann)
    asked = {"content": pick(ann), "style": pick(ann, "styles")}
    too_many = ann.post("/api/jobs", json=asked)
    assert too_many.status_code == 429
    for person in (slow.person(), slow.person()):
        start(person)
    full = slow.person().post("/api/jobs", json=asked)
    assert full.status_code == 503
    for answer in (too_many, full):
        assert int(answer.headers["retry-after"]) > 0
        assert answer.json()["error"].endswith(".")


def test_a_job_that_takes_too_long_ends_with_a_sentence(config: RunConfig) -> None:
    with running(config, Limits(seconds=1)) as server:
        person = server.person()
        ended = await_state(person, start(person), *FINAL)
        assert ended["state"] == "failed"
        assert ended["error"].startswith("It took longer than 1 seconds")
        assert row_of(server.root, ended).error_class == "ChunkTimeout"


def test_a_server_that_is_stopped_ends_what_runs_and_leaves_a_sound_folder(
    config: RunConfig, make_image: Make, tmp_path: Path
) -> None:
    with running(config) as server:
        person = server.person()
        job = started(person, content={"upload": upload(person, png(make_image, tmp_path))})
        start(person)
    assert verify(server.root).sound
    row = row_of(server.root, job)
    assert (row.status, row.error_class) == ("failed", "Interrupted")
    assert not (server.root / ".uploads").exists()
    assert len(RunFolder(server.root).read_plan()) == 1  # what waited was never planned


def test_another_app_or_run_does_not_get_the_folder(slow: Running, config: RunConfig) -> None:
    with pytest.raises(RunFolderError, match="pid"), running(config):
        pass
    with pytest.raises(RunFolderError, match="nst app"):
        RunFolder(slow.root).check_method(resolve_method(config).fingerprints)


def test_the_folder_of_a_run_is_not_taken_by_the_app(config: RunConfig) -> None:
    RunFolder(config.run_folder).write_run_yaml({"config": {}, "method_fingerprint": "x"})
    with pytest.raises(RunFolderError, match="folder of a run"), running(config):
        pass


def test_what_a_killed_server_left_gets_rows_and_is_cleared_at_the_next_start(config: RunConfig) -> None:
    with running(config) as server:
        person = server.person()
        job = started(person)
    root = server.root
    plan = RunFolder(root).read_plan()
    for part in (root / "results").rglob("*.parquet"):  # as if it had been killed between image and row
        part.unlink()
    (root / plan[0].file_name).write_bytes(b"half a picture")
    (root / ".uploads").mkdir()
    (root / ".uploads" / "left").write_bytes(b"x")
    (root / "inputs" / ("0" * 20)).mkdir(parents=True)
    (root / "inputs" / ("0" * 20) / "never-planned.png").write_bytes(b"x")
    assert not verify(root).sound
    with running(config) as again:
        assert (row_of(root, job).status, row_of(root, job).error_class) == ("failed", "Interrupted")
        assert list((root / ".uploads").iterdir()) == []
        until(lambda: verify(again.root).sound)
        started(again.person())  # and it goes on where it was
    assert len(RunFolder(root).read_plan()) == 2


def test_kept_inputs_that_are_missing_changed_or_too_many_are_found(tmp_path: Path, make_image: Make) -> None:
    with running(run_config(tmp_path, make_image)) as server:
        person = server.person()
        given = [upload(person, png(make_image, tmp_path, seed)) for seed in (1, 2)]
        await_state(person, start(person, content={"upload": given[0]}, style={"upload": given[1]}), "done")
    one, other = sorted(path for path in (server.root / "inputs").rglob("*") if path.is_file())
    assert verify(server.root).sound
    one.write_bytes(b"other bytes")
    other.rename(other.with_name("renamed.png"))
    found = {finding.kind: finding.subject for finding in verify(server.root).findings}
    assert found == {
        "changed_input": one.relative_to(server.root).as_posix(),
        "missing_input": other.relative_to(server.root).as_posix(),
        "unplanned_input": other.with_name("renamed.png").relative_to(server.root).as_posix(),
    }


def test_every_row_has_a_method_that_run_yaml_explains(tmp_path: Path, make_image: Make) -> None:
    with running(run_config(tmp_path, make_image)) as server:
        person = server.person()
        for size in (32, 40):
            await_state(person, start(person, size=size), "done")
    folder = RunFolder(server.root)
    methods = folder.read_run_yaml()[METHODS]
    told = [methods[fingerprint] for fingerprint in folder.read_plan().column("method_fingerprint")]
    assert [(method["recipe"], method["method"]["size"]) for method in told] == [("wavelet", 32), ("wavelet", 40)]
    assert "Every image has a method of its own" in (server.root / "README.md").read_text()


def test_many_people_at_once_each_get_their_own_picture(tmp_path: Path, make_image: Make) -> None:
    count = 6
    with running(run_config(tmp_path, make_image), Limits(queue=count)) as server:

        def made(seed: int) -> tuple[str, bytes]:
            person = server.person()
            given = upload(person, png(make_image, tmp_path, 100 + seed))
            done = await_state(person, start(person, content={"upload": given}), *FINAL)
            assert done["state"] == "done"
            return done["pair_id"], person.get(done["result"]).content

        with ThreadPoolExecutor(count) as pool:
            found = dict(pool.map(made, range(count)))
        rows = pd.read_parquet(server.root / "results").set_index("pair_id")
    assert len(found) == len(rows) == count
    assert len(set(found.values())) == count
    assert all((server.root / rows.loc[name].file_name).read_bytes() == image for name, image in found.items())
    assert np.all(rows.status == "success")
    assert verify(server.root).sound


def test_a_folder_with_somebodys_files_is_refused_and_left_alone(make_image: Make, tmp_path: Path) -> None:
    config = run_config(tmp_path, make_image)
    photograph = make_image(config.run_folder / "inputs" / "photos" / "cat.png", 40, 40)
    with pytest.raises(RunFolderError, match="not the app's"), running(config):
        pass
    assert photograph.is_file()


def test_the_time_that_is_left_counts_each_scale_by_its_area() -> None:
    own = Method(recipe="wavelet", scales=[64, 128], evaluations=[40, 10])
    option = recipe_options(own)["wavelet"]
    assert (option.size, option.evaluations) == (128, 50)
    assert [option.work(done) for done in (0, 20, 40, 45, 50)] == [0, 5, 10, 15, 20]
