"""From a run file to work: what is planned, what has changed since, and what is written down about a run."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from planned import rows, success

from nst_core.chunks.work import work_of
from nst_core.config.resolved_method import resolve_method
from nst_core.config.run_config import RunConfig, parse_config
from nst_core.errors import RunFolderError, StrictInputs
from nst_core.plan.forecast import forecast
from nst_core.plan.new_part import check_strict, new_part
from nst_core.plan.part_tables import part_tables
from nst_core.plan.state import RunState, finished_state, read_state
from nst_core.plan.wanted import WantedPairs, wanted_pairs
from nst_core.run_folder.folder import RunFolder
from nst_core.run_folder.plan_table import Plan, PlannedPair
from nst_core.run_folder.results import chunk_file, read_chunk, unfinished_result, write_results
from nst_core.run_folder.run_yaml import run_yaml_data
from nst_core.run_folder.summary import summarize, write_summary
from nst_core.sources.index import inputs as index_inputs
from nst_core.sources.index import source_scan
from nst_core.sources.index.inputs import current_sha256

MakeImage = Callable[..., Path]


@pytest.fixture
def config(tmp_path: Path, make_image: MakeImage) -> RunConfig:
    """Three photographs and two painters with one work each, never run."""
    for i, name in enumerate("abc"):
        make_image(tmp_path / "photos" / f"{name}.png", 40, 32, seed=i)
    for i, name in enumerate(("Monet", "Hokusai")):
        make_image(tmp_path / "art" / name / "1.png", 40, 40, seed=10 + i)
    return configured(tmp_path)


def configured(folder: Path, **more: object) -> RunConfig:
    return parse_config(
        {
            "content": str(folder / "photos"),
            "style": str(folder / "art"),
            "pairing": "artist",
            "method": {"recipe": "wavelet", "size": 32},
            "execution": {"devices": "cpu"},
            "output": {"root": str(folder / "outputs")},
            **more,
        }
    )


def append(config: RunConfig) -> list[PlannedPair]:
    """Plan what is new, as a run does; returns the new rows."""
    folder, method = RunFolder(config.run_folder), resolve_method(config)
    part = new_part(config, method, wanted(config), folder)
    folder.write_run_yaml(run_yaml_data(config, method))
    if len(part):
        folder.append_plan(part.number, part_tables(part))
    return rows(part)


def wanted(config: RunConfig) -> WantedPairs:
    return wanted_pairs(config, resolve_method(config).fingerprints.method)


def finish(config: RunConfig) -> None:
    """Pretend that every pair was worked on: bad inputs quarantined, all others made, of the bytes that are there."""
    state = state_of(config)
    for chunk in state.chunks:
        path = chunk_file(config.run_folder, chunk.artist_slug, chunk.chunk_id)
        results = read_chunk(path)
        for row in chunk.rows:
            if row.pair_id not in chunk.wanted:
                continue
            if row.error_class and not Path(row.content_path).is_file():
                lost = unfinished_result(row, "quarantined", 1, row.error_class, row.error_message or "")
                results[row.pair_id] = lost
                continue
            image = config.run_folder / row.file_name
            image.parent.mkdir(parents=True, exist_ok=True)
            image.write_bytes(b"image")
            results[row.pair_id] = success(
                row,
                content_sha256=current_sha256(row.content_path),
                style_sha256=";".join(current_sha256(path) or "" for path in row.style_paths),
            )
        write_results([results[row.pair_id] for row in chunk.rows], path)


def state_of(config: RunConfig) -> RunState:
    return read_state(RunFolder(config.run_folder), wanted(config))


class TestPlan:
    def test_every_pair_is_planned_and_none_is_done(self, config: RunConfig) -> None:
        assert len(append(config)) == 6
        state = state_of(config)
        assert (len(state.plan), state.done, state.stale) == (6, 0, [])
        assert sum(len(chunk.wanted) for chunk in state.chunks) == 6

    def test_planning_again_adds_nothing_and_inspects_nothing(
        self, config: RunConfig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        append(config)
        inspected: list[Path] = []
        monkeypatch.setattr(source_scan, "scan", lambda wanted, *_: inspected.extend(wanted) or {})
        assert append(config) == []
        assert inspected == []

    def test_only_the_inputs_of_new_pairs_are_inspected(
        self, config: RunConfig, tmp_path: Path, make_image: MakeImage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        append(config)
        make_image(tmp_path / "photos" / "d.png", 40, 32, seed=7)
        inspected: list[str] = []
        scan = source_scan.scan
        monkeypatch.setattr(
            source_scan, "scan", lambda wanted, *_: inspected.extend(p.name for p in wanted) or scan(wanted)
        )
        rows = append(config)
        assert [row.content_id for row in rows] == ["d.png", "d.png"]
        assert sorted(inspected) == ["1.png", "1.png", "d.png"]

    def test_progress_is_told_to_the_end(self, config: RunConfig) -> None:
        told: list[tuple[int, int]] = []
        folder, method = RunFolder(config.run_folder), resolve_method(config)
        new_part(config, method, wanted(config), folder, lambda done, total: told.append((done, total)))
        assert told[-1] == (5, 5)

    def test_a_preview_counts_and_writes_nothing(self, config: RunConfig, tmp_path: Path) -> None:
        (tmp_path / "photos" / "bad.png").write_bytes(b"")
        counts = forecast(config)
        assert (counts.pairs, counts.new_pairs, counts.done, counts.left) == (8, 8, 0, 8)
        assert (counts.contents, counts.styles, counts.artists, counts.shapes) == (4, 2, 2, 1)
        assert counts.bad_inputs == (f"{tmp_path}/photos/bad.png: the file is empty (0 bytes)",)
        json.dumps(counts.as_dict())
        assert not (tmp_path / "outputs").exists()

    def test_a_preview_refuses_what_a_run_refuses(self, config: RunConfig, tmp_path: Path) -> None:
        append(config)
        with pytest.raises(RunFolderError, match=r"method\.size \(32 → 48\)"):
            forecast(configured(tmp_path, method={"recipe": "wavelet", "size": 48}))

    def test_strict_refuses_bad_inputs_naming_each_once(self, config: RunConfig, tmp_path: Path) -> None:
        append(config)
        check_strict(state_of(config).plan.errors())
        (tmp_path / "photos" / "bad.png").write_bytes(b"")
        with pytest.raises(StrictInputs, match="1 bad inputs, and --strict was given: nothing was started") as caught:
            check_strict(Plan.of(append(config)).errors())
        assert str(caught.value).count("bad.png") == 1

    def test_a_method_s_precision_is_definite(self, config: RunConfig) -> None:
        method = resolve_method(config)
        assert method.recipe.precision == "float32"
        assert method.min_side >= 1
        assert work_of(config, method).threads == 1

    def test_chunk_and_batch_sizes_are_no_part_of_a_plan_s_identity(self, config: RunConfig, tmp_path: Path) -> None:
        append(config)
        assert append(configured(tmp_path, execution={"devices": "cpu", "chunk_size": 1, "batch_size": 1})) == []


class TestChanges:
    def test_a_finished_folder_has_nothing_left(self, config: RunConfig) -> None:
        append(config)
        finish(config)
        state = state_of(config)
        assert (state.done, state.chunks, state.stale) == (6, [], [])

    def test_a_file_that_was_only_touched_is_not_stale(self, config: RunConfig, tmp_path: Path) -> None:
        append(config)
        os.utime(tmp_path / "photos" / "a.png", ns=(1, 1))
        assert state_of(config).stale == []

    def test_other_bytes_are_stale_and_nothing_is_made_again(
        self, config: RunConfig, tmp_path: Path, make_image: MakeImage
    ) -> None:
        append(config)
        finish(config)
        make_image(tmp_path / "photos" / "a.png", 40, 32, seed=99)
        state = state_of(config)
        assert {row.content_id for row in state.plan if row.pair_id in state.stale} == {"a.png"}
        assert (len(state.stale), state.chunks) == (2, [])

    def test_another_style_makes_all_its_pairs_stale(
        self, config: RunConfig, tmp_path: Path, make_image: MakeImage
    ) -> None:
        append(config)
        make_image(tmp_path / "art" / "Monet" / "1.png", 40, 40, seed=99)
        state = state_of(config)
        assert {row.artist for row in state.plan if row.pair_id in state.stale} == {"Monet"}
        assert len(state.stale) == 3

    def test_a_deleted_input_is_stale(self, config: RunConfig, tmp_path: Path) -> None:
        append(config)
        (tmp_path / "photos" / "a.png").unlink()
        assert len(read_state(RunFolder(config.run_folder)).stale) == 2

    def test_the_same_bytes_at_another_time_are_hashed_once_per_file(
        self, config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        append(config)
        os.utime(tmp_path / "art" / "Monet" / "1.png", ns=(1, 1))
        hashed: list[str] = []
        monkeypatch.setattr(index_inputs, "current_sha256", lambda path: hashed.append(path) or current_sha256(path))
        assert state_of(config).stale == []
        assert hashed == [str(tmp_path / "art" / "Monet" / "1.png")]

    def test_a_moved_dataset_is_found_and_not_stylized_again(self, config: RunConfig, tmp_path: Path) -> None:
        append(config)
        finish(config)
        shutil.move(tmp_path / "photos", tmp_path / "elsewhere" / "photos")
        moved = configured(tmp_path, content=str(tmp_path / "elsewhere" / "photos"))
        assert append(moved) == []
        state = state_of(moved)
        assert (state.chunks, state.stale) == ([], [])
        assert {Path(row.content_path).parent for row in state.plan} == {tmp_path / "elsewhere" / "photos"}

    def test_a_dangling_link_that_leads_somewhere_again_is_made_and_then_not_stale(
        self, config: RunConfig, tmp_path: Path, make_image: MakeImage
    ) -> None:
        (tmp_path / "photos" / "late.png").symlink_to(tmp_path / "late.png")
        bad = [row for row in append(config) if row.error_class]
        assert {row.error_class for row in bad} == {"MissingImage"}
        finish(config)
        assert state_of(config).chunks == []
        make_image(tmp_path / "late.png", 40, 32, seed=5)
        state = state_of(config)
        assert set(state.stale) == {row.pair_id for row in bad}
        assert {pair for chunk in state.chunks for pair in chunk.wanted} == set(state.stale)
        finish(config)
        after = state_of(config)
        assert (after.chunks, after.stale) == ([], [])

    def test_an_image_made_of_newer_bytes_is_stale_when_they_change_again(
        self, config: RunConfig, tmp_path: Path, make_image: MakeImage
    ) -> None:
        (tmp_path / "photos" / "late.png").symlink_to(tmp_path / "late.png")
        append(config)
        make_image(tmp_path / "late.png", 40, 32, seed=5)
        finish(config)
        assert state_of(config).stale == []
        make_image(tmp_path / "late.png", 40, 32, seed=6)
        assert len(state_of(config).stale) == 2

    def test_a_file_that_may_be_read_again_with_the_same_time_is_tried_again(
        self, config: RunConfig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        append(config)
        folder = RunFolder(config.run_folder)
        rows = list(folder.read_plan())
        refused = replace(rows[0], content_sha256=None, error_class="UnreadableImage", error_message="no permission")
        monkeypatch.setattr(folder, "read_plan", lambda: Plan.of([refused, *rows[1:]]))
        assert read_state(folder).stale == [refused.pair_id]

    def test_a_deleted_image_is_made_again_and_nothing_else(self, config: RunConfig) -> None:
        rows = append(config)
        finish(config)
        (config.run_folder / rows[0].file_name).unlink()
        (chunk,) = state_of(config).chunks
        assert chunk.wanted == {rows[0].pair_id}


def test_a_file_whose_name_is_no_text_is_quarantined_and_harms_no_other(config: RunConfig, tmp_path: Path) -> None:
    shutil.copy(tmp_path / "photos" / "a.png", os.fsencode(tmp_path) + b"/photos/caf\xe9.png")
    (tmp_path / "art" / os.fsdecode(b"D\xfcrer")).mkdir()
    shutil.copy(tmp_path / "photos" / "a.png", os.fsencode(tmp_path) + b"/art/D\xfcrer/1.png")
    append(config)
    state = state_of(config)
    bad = {(row.content_id, row.style_ids[0]) for row in state.plan if row.error_class == "UnreadableName"}
    assert len(state.plan) == 12
    assert bad == {(c, s) for c, s in ((r.content_id, r.style_ids[0]) for r in state.plan) if "\\x" in c + s}
    assert len(bad) == 6
    assert state.stale == []
    assert all("its name is not valid UTF-8" in (r.error_message or "") for r in state.plan if r.error_class)
    json.dumps(forecast(config).as_dict(), ensure_ascii=False).encode()


class TestFinished:
    def test_a_folder_is_finished_once_all_is_there(self, config: RunConfig) -> None:
        method = resolve_method(config)
        pairs = wanted(config)
        assert finished_state(config, method.fingerprints, pairs) is None
        append(config)
        assert finished_state(config, method.fingerprints, pairs) is None
        finish(config)
        for page in ("gallery", "report"):
            (config.run_folder / page).mkdir()
            (config.run_folder / page / "index.html").write_text("")
        assert finished_state(config, method.fingerprints, pairs) is None, (
            "the summary, which marks the end, is not there"
        )
        write_summary(config.run_folder, summarize(config.run_folder, state_of(config).plan))
        assert finished_state(config, method.fingerprints, pairs) is not None
        (config.run_folder / "report" / "index.html").unlink()
        assert finished_state(config, method.fingerprints, pairs) is None, "the report is not there"
        without = parse_config(config.model_dump(mode="json"), ["output.report=false"])
        assert finished_state(without, method.fingerprints, pairs) is not None
        more = wanted(parse_config(config.model_dump(mode="json"), ["pairing.replicates=2"]))
        assert finished_state(config, method.fingerprints, more) is None


class TestRunFile:
    def test_it_says_what_made_the_images(self, config: RunConfig) -> None:
        method = resolve_method(config)
        data = run_yaml_data(config, method)
        assert data["method_fingerprint"] == method.fingerprints.method
        assert data["fingerprint"] == method.fingerprints.run
        assert parse_config(data["config"]) == config
        assert {"nst", "python", "torch", "pillow", "numpy"} <= set(data["versions"])
        assert data["weights_sha256"] is None
        assert data["host"]
        assert data["device"] == "cpu"

    def test_it_holds_no_secret(self, tmp_path: Path, config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
        arguments = [
            "nst",
            "run",
            "a.yaml",
            "--set",
            "content.path=s3://key:hunter2@bucket",
            "--set",
            "x.token=hunter2",
        ]
        monkeypatch.setattr(sys, "argv", arguments)
        cluster = {"devices": "cpu", "address": "tcp://somebody:hunter2@cluster:8786"}
        leaky = parse_config(config.model_dump(mode="json") | {"execution": cluster})
        folder = RunFolder(tmp_path / "run")
        folder.write_run_yaml(run_yaml_data(leaky, resolve_method(leaky)))
        text = (tmp_path / "run" / "run.yaml").read_text()
        assert "hunter2" not in text
        assert "cluster:8786" in text
        assert "nst run a.yaml --set" in text
