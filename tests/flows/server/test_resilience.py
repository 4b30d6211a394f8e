"""What a run must survive, and what it must not claim, found by asking what could go wrong."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from planned import planned
from trial import rows_of, run

from flows import pipeline as module
from flows import signals
from flows.dispatch.stylize_flow import stylize_all
from flows.runners import base
from flows.server.run_server import past_proxies
from nst_core.chunks import retry_policy as policy
from nst_core.chunks.work import ChunkReport, work_of
from nst_core.config.devices import local_fleet
from nst_core.config.resolved_method import resolve_method
from nst_core.config.run_config import RunConfig
from nst_core.engine.session import Session
from nst_core.errors import Interrupted, ManifestError, RunFolderError
from nst_core.plan.new_part import new_part
from nst_core.plan.state import finished_state
from nst_core.plan.wanted import WantedPairs, wanted_pairs
from nst_core.run_folder.chunk import Chunk
from nst_core.run_folder.folder import RunFolder
from nst_core.run_folder.plan_table import Plan
from nst_core.run_folder.time_spent import TimeSpent

pytestmark = pytest.mark.usefixtures("api")

Make = Callable[..., RunConfig]


def test_a_plan_of_a_thousand_pairs_is_dispatched(config: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prefect's server refuses flow parameters of half a megabyte: the plan must not be one."""
    chunks = [chunk_of_a_hundred(number) for number in range(10)]
    monkeypatch.setattr(
        base, "stylize_chunk", lambda chunk, *_: ChunkReport(Counter(success=len(chunk.wanted)), TimeSpent())
    )
    settings = config()
    work = work_of(settings, resolve_method(settings))
    assert stylize_all(chunks, work, settings, local_fleet(settings.execution)).statuses == Counter(success=1000)


def wanted(config: RunConfig) -> WantedPairs:
    return wanted_pairs(config, resolve_method(config).fingerprints.method)


def chunk_of_a_hundred(number: int) -> Chunk:
    row = planned()
    rows = tuple(replace(row, pair_id=f"{100 * number + n:016x}", content_path="p" * 600) for n in range(100))
    return Chunk(f"00000-{number:05d}", "ada", rows, frozenset(row.pair_id for row in rows))


def test_the_summary_counts_what_a_later_run_could_not_use(config: Make, folders: Path) -> None:
    run(config())
    (folders / "content" / "empty.jpg").touch()
    run(config())
    assert json.loads((config().run_folder / "summary.json").read_text())["quarantined"] == 2
    assert "empty.jpg" in (config().run_folder / "quarantine.csv").read_text()


def test_a_run_killed_before_its_gallery_is_not_taken_for_finished(
    config: Make, folders: Path, make_image: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = config("output.gallery=true")
    run(settings)
    make_image(folders / "content" / "d.png", seed=9)

    def killed(_folder: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "gallery_task", killed)
    with pytest.raises(KeyboardInterrupt):
        run(settings)
    monkeypatch.undo()
    assert finished_state(settings, resolve_method(settings).fingerprints, wanted(settings)) is None
    assert run(settings).made == 0
    assert finished_state(settings, resolve_method(settings).fingerprints, wanted(settings)) is not None
    assert ">d<" in (settings.run_folder / "gallery" / "ada" / "index.html").read_text()


def test_a_bad_input_that_changes_and_stays_bad_is_looked_at_once(config: Make, folders: Path) -> None:
    bad = folders / "content" / "bad.jpg"
    bad.write_text("no picture")
    run(config())
    bad.write_text("no picture either")
    run(config())
    run(config())
    attempts = rows_of(config())[lambda r: r.status == "quarantined"].attempts
    assert (attempts == 2).all()


def test_an_error_late_in_a_chunk_costs_only_what_is_not_finished(
    config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_chunk = config("execution.batch_size=1", "execution.chunk_size=8", "pairing={strategy: random}")
    stylized, original = [], Session.stylize

    def broken_third(self: Any, *batch: Any) -> Any:
        stylized.append(1)
        if len(stylized) == 2:
            raise RuntimeError("the device has hiccups")
        return original(self, *batch)

    monkeypatch.setattr(Session, "stylize", broken_third)
    monkeypatch.setattr(policy, "DELAYS", [0.0])
    assert run(one_chunk).summary.success == 3
    assert len(stylized) == 4, "three pairs, and one of them twice"


def test_asked_to_stop_while_it_inspects_it_stops(config: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: Any, **__: Any) -> Any:
        signals.stop_requested.set()
        return new_part(*_, **__)

    monkeypatch.setattr(module, "new_part", asked)
    with pytest.raises(Interrupted):
        run(config())
    assert not (config().run_folder / "plan").exists()


def test_rows_that_come_to_the_same_pair_are_a_wrong_manifest(config: Make, folders: Path) -> None:
    (folders / "pairs.csv").write_text("content,style\na.png,Ada/Ada_0.png\n./content/../content/a.png,Ada/Ada_0.png\n")
    settings = config(pairing={"strategy": "manifest", "manifest": str(folders / "pairs.csv")})
    with pytest.raises(ManifestError, match=r"row 3, .*the same pair as row 2"):
        run(settings)


def test_a_plan_that_names_files_outside_its_folder_is_not_trusted(config: Make) -> None:
    folder = RunFolder(config().run_folder)
    folder.append_plan(0, [Plan.of([planned(file_name="images/../../../escaped.png")]).table])
    with pytest.raises(RunFolderError, match="outside of its run folder"):
        run(config())


def test_its_own_server_is_not_asked_for_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "example.org")
    assert past_proxies() == {"NO_PROXY": "example.org,127.0.0.1", "no_proxy": "example.org,127.0.0.1"}
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.delenv("no_proxy", raising=False)
    assert past_proxies()["no_proxy"] == "127.0.0.1"
