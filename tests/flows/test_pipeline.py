"""The main flow on small images, with the real engine and a real Prefect server."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from PIL import Image
from trial import images_of, rows_of, run, snapshot
from typer.testing import CliRunner

from flows import signals
from flows.cli import app
from flows.runners import base as module
from flows.server.artifacts import markdown
from nst_core.chunks import retry_policy as policy
from nst_core.chunks.work import ChunkReport, ChunkWatch
from nst_core.chunks.worker import stylize_chunk
from nst_core.config.run_config import RunConfig
from nst_core.config.sources import SourceConfig
from nst_core.errors import DiskFull, Interrupted, RunFolderError, SourceError, StrictInputs
from nst_core.plan import wanted
from nst_core.run_folder.folder import RunFolder
from nst_core.sources.base import Catalogue
from nst_core.sources.folder import Role
from nst_core.storage.progress import Progress

pytestmark = pytest.mark.usefixtures("api")

Make = Callable[..., RunConfig]


def test_one_row_per_pair_with_losses_that_fall(config: Make) -> None:
    report = run(config("output.gallery=true"))
    rows = rows_of(config())
    assert (report.summary.planned, report.summary.success, report.made) == (6, 6, 6)
    assert (rows.status == "success").all()
    for row in rows.itertuples():
        assert row.loss_trace[0]["iteration"] == 0
        assert row.loss_trace[-1]["iteration"] == row.iterations == 8
        assert row.total_loss < row.loss_trace[0]["total"]
        parts = row.alpha * row.content_loss + row.beta * row.style_loss + row.tv_weight * row.tv_loss
        assert row.total_loss == pytest.approx(parts, rel=1e-5)
        assert (config().run_folder / row.file_name).is_file()
    labelled = rows[rows.label == "cats"]
    assert labelled.file_name.str.startswith("images/cats/c--").all()
    assert set(rows.artist_slug.astype(str)) == {"ada", "bo"}
    assert (config().run_folder / "gallery" / "ada" / "index.html").is_file()
    summary = json.loads((config().run_folder / "summary.json").read_text())
    assert summary["success"] == 6
    assert summary["by_artist"] == {"Ada": 3, "Bo": 3}


def test_a_schedule_of_scales_is_made_and_recorded(config: Make) -> None:
    settings = "method.scales=[54,72]", "method.evaluations=[5,3]"
    report = run(config(*settings, "output.previews=4"))
    assert (report.summary.success, report.made) == (6, 6)
    for row in rows_of(config()).itertuples():
        assert [point["iteration"] for point in row.loss_trace] == list(range(9))
        assert (row.evaluations, max(row.width, row.height)) == (8, 72)
    previews = list((config().run_folder / "previews").rglob("*.jpg"))
    assert len(previews) == 12
    assert {max(Image.open(path).size) for path in previews} == {72}, "also those of the coarse scale"
    assert run(config(*settings)).made == 0
    with pytest.raises(
        RunFolderError, match=r"method\.evaluations \(\[5, 3\] → 8\), method\.scales \(\[54, 72\] → none\)"
    ):
        run(config())


def test_a_second_run_touches_nothing(config: Make) -> None:
    run(config("output.gallery=true", "output.report=true"))
    before = snapshot(config().run_folder)
    report = run(config("output.gallery=true", "output.report=true"))
    assert report.made == 0
    assert snapshot(config().run_folder) == before


def test_the_report_is_made_where_there_is_none_and_shown_in_prefect(config: Make) -> None:
    run(config())
    folder = RunFolder(config().run_folder)
    assert not (folder.root / "report").exists()
    report = run(config("output.report=true"))
    assert report.report == folder.root / "report" / "index.html"
    assert "6 images of 6 planned: all there is to make." in report.report.read_text(encoding="utf-8")
    told = markdown(folder, report.summary, reported=True)
    assert told == (folder.root / "report" / "report.md").read_text(encoding="utf-8")
    assert "| success | 6 |" in markdown(folder, report.summary, reported=False)


def test_exactly_what_is_missing_is_made_again(config: Make) -> None:
    run(config())
    folder = config().run_folder
    before, rows = snapshot(folder), rows_of(config())
    part = sorted((folder / "results").rglob("*.parquet"))[0]
    lost_chunk = part.stem.removeprefix("part-")
    deleted = rows[rows.chunk_id != lost_chunk].file_name.iloc[:2].tolist()
    part.unlink()
    for name in deleted:
        (folder / name).unlink()
    report = run(config())
    after = snapshot(folder)
    assert report.made == len(deleted) + (rows.chunk_id == lost_chunk).sum()
    assert [after[name][0] for name in deleted] == [before[name][0] for name in deleted], "made again, the same bits"
    remade = {*deleted, str(part.relative_to(folder)), "summary.json"}
    kept = [name for name in before if name.startswith(("images/", "results/", "plan/")) and name not in remade]
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    pd.testing.assert_series_equal(rows_of(config()).output_sha256, rows.output_sha256)


def test_a_changed_method_is_refused_by_the_names_of_the_keys(config: Make) -> None:
    run(config())
    with pytest.raises(RunFolderError, match=r"method\.beta \(.* → 3\.0\).*method\.evaluations \(8 → 7\)"):
        run(config("method.evaluations=7", "method.beta=3"))
    with pytest.raises(RunFolderError, match=r"output\.format \(png → jpeg\)"):
        run(config("output.format=jpeg"))


def test_new_contents_are_appended_and_old_ones_stay(
    config: Make, folders: Path, make_image: Callable[..., Path]
) -> None:
    run(config())
    before = snapshot(config().run_folder)
    make_image(folders / "content" / "d.png", seed=9)
    report = run(config())
    after = snapshot(config().run_folder)
    assert (report.made, report.summary.planned) == (2, 8)
    kept = [name for name in before if name.startswith(("images/", "results/", "plan/"))]
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert "plan/part-00001.parquet" in after


def test_bad_inputs_are_quarantined_and_all_others_finish(config: Make, folders: Path) -> None:
    (folders / "content" / "empty.jpg").touch()
    (folders / "content" / "text.jpg").write_text("I am no picture")
    (folders / "style" / "Ada" / "Ada_0.png").write_bytes((folders / "style" / "Ada" / "Ada_0.png").read_bytes()[:300])
    (folders / "style" / "Ada" / "Ada_1.png").unlink()
    report = run(config())
    rows = rows_of(config())
    assert not report.summary.all_succeeded
    assert report.summary.success == 3, "every good content with Bo"
    assert set(rows[rows.status == "quarantined"].error_class) == {"EmptyImage", "NotAnImage", "TruncatedImage"}
    quarantine = pd.read_csv(config().run_folder / "quarantine.csv").set_index("path")
    assert quarantine.pairs.sum() == (rows.status == "quarantined").sum() == 7
    assert quarantine.loc[str(folders / "style" / "Ada" / "Ada_0.png"), "role"] == "style"
    assert quarantine.loc[str(folders / "content" / "empty.jpg"), "pairs"] == 2


def test_a_folder_that_cannot_be_read_leaves_the_run_incomplete(
    config: Make, folders: Path, unlistable: Callable[[Path], Path]
) -> None:
    closed = unlistable(folders / "content" / "closed")
    with pytest.raises(StrictInputs, match="closed cannot be read"):
        run(config(), strict=True)
    report = run(config())
    assert (report.summary.success, report.summary.all_succeeded, report.complete) == (6, True, False)
    assert report.unreadable == (f"The folder {closed} cannot be read: Permission denied.",)
    run_yaml = yaml.safe_load((config().run_folder / "run.yaml").read_text())
    assert run_yaml["files_left_out"]["content"] == {"unreadable folders": 1}


def test_strict_starts_nothing_when_an_input_is_bad(config: Make, folders: Path) -> None:
    (folders / "content" / "empty.jpg").touch()
    with pytest.raises(StrictInputs, match="1 bad input"):
        run(config(), strict=True)
    assert not (config().run_folder / "plan").exists()


def test_a_mended_input_leaves_quarantine(config: Make, folders: Path, make_image: Callable[..., Path]) -> None:
    (folders / "content" / "d.png").touch()
    assert run(config()).summary.quarantined == 2
    make_image(folders / "content" / "d.png", seed=4)
    report = run(config())
    assert (report.summary.success, report.summary.quarantined) == (8, 0)
    assert rows_of(config()).attempts.max() == 2


def test_a_changed_input_is_reported_as_stale_and_its_image_kept(
    config: Make, folders: Path, make_image: Callable[..., Path]
) -> None:
    run(config())
    before = images_of(config())
    make_image(folders / "content" / "a.png", seed=99)
    report = run(config())
    assert (report.stale, report.made) == (2, 0)
    assert images_of(config()) == before


def test_a_moved_dataset_needs_nothing_new(config: Make, folders: Path) -> None:
    run(config())
    shutil.move(folders / "content", folders / "elsewhere")
    report = run(config(f"content.path={folders / 'elsewhere'}"))
    assert (report.made, report.stale, report.summary.planned) == (0, 0, 6)


def test_bits_do_not_depend_on_workers_order_or_interruptions(config: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    run(config("name=one", "execution.workers=1"))
    run(config("name=two", "execution.workers=2"))
    calls = []

    def interrupted_once(chunk: Any, work: Any, watch: ChunkWatch, attempt: int) -> ChunkReport:
        calls.append(chunk.chunk_id)
        if len(calls) == 2:
            signals.stop_requested.set()
        return stylize_chunk(chunk, work, watch, attempt)

    monkeypatch.setattr(module, "stylize_chunk", interrupted_once)
    with pytest.raises(Interrupted):
        run(config("name=three", "execution.workers=1"))
    monkeypatch.undo()
    signals.stop_requested.clear()
    done = len(images_of(config("name=three")))
    assert 0 < done < 6
    report = run(config("name=three", "execution.workers=1"))
    assert report.made == 6 - done
    assert images_of(config("name=one")) == images_of(config("name=two")) == images_of(config("name=three"))
    losses = [rows_of(config(f"name={name}")).total_loss for name in ("one", "two", "three")]
    pd.testing.assert_series_equal(losses[0], losses[1], check_exact=True)
    pd.testing.assert_series_equal(losses[0], losses[2], check_exact=True)


def test_another_batch_size_gives_the_same_losses_within_one_percent(config: Make) -> None:
    run(config("name=pairs"))
    run(config("name=single", "execution.batch_size=1", "execution.chunk_size=3"))
    pairs, single = rows_of(config("name=pairs")), rows_of(config("name=single"))
    pd.testing.assert_series_equal(pairs.total_loss, single.total_loss, rtol=0.01)
    assert pairs.chunk_id.nunique() != single.chunk_id.nunique()


def test_a_transient_error_is_tried_again_and_counted(config: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = []

    def flaky(chunk: Any, work: Any, watch: ChunkWatch, attempt: int) -> ChunkReport:
        if not failed:
            failed.append(chunk.chunk_id)
            raise OSError(5, "Input/output error")
        return stylize_chunk(chunk, work, watch, attempt)

    monkeypatch.setattr(module, "stylize_chunk", flaky)
    monkeypatch.setattr(policy, "DELAYS", [0.0])
    assert run(config()).summary.success == 6
    attempts = rows_of(config()).groupby("chunk_id").attempts.first()
    assert attempts[failed[0]] == 2
    assert (attempts.drop(failed[0]) == 1).all()


def test_what_fails_for_good_has_rows_and_is_tried_by_the_next_run(
    config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def broken(chunk: Any, work: Any, watch: ChunkWatch, attempt: int) -> ChunkReport:
        if chunk.artist_slug == "bo":
            calls.append(chunk.chunk_id)
            raise OSError(5, "Input/output error")
        return stylize_chunk(chunk, work, watch, attempt)

    monkeypatch.setattr(module, "stylize_chunk", broken)
    monkeypatch.setattr(policy, "DELAYS", [0.0])
    report = run(config())
    rows = rows_of(config())
    assert (report.summary.success, report.summary.failed) == (3, 3)
    assert len(calls) == 3 * len(set(calls)), "one try and two more of each chunk"
    assert rows[rows.artist == "Bo"].error_message.str.contains("Input/output error").all()
    monkeypatch.undo()
    assert run(config()).summary.success == 6
    assert (rows_of(config())[lambda r: r.artist == "Bo"].attempts == 4).all()


def test_a_programming_error_is_not_retried(config: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def wrong(chunk: Any, *_: Any) -> dict[str, int]:
        calls.append(chunk.chunk_id)
        raise TypeError("a bug")

    monkeypatch.setattr(module, "stylize_chunk", wrong)
    report = run(config())
    assert report.summary.failed == 6
    assert len(calls) == len(set(calls))
    assert (rows_of(config()).attempts == 1).all()


def test_a_full_disk_stops_the_run_and_the_next_one_finishes(config: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    import nst_core.chunks.encoding as delivery

    written = []

    def full(path: Path, data: bytes) -> None:
        if len(written) == 2:
            raise DiskFull(f"No space left to write {path}")
        written.append(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    monkeypatch.setattr(delivery, "write_if_changed", full)
    with pytest.raises(DiskFull, match="No space left"):
        run(config("execution.workers=1"))
    monkeypatch.undo()
    signals.stop_requested.clear()
    assert len(rows_of(config())) < 6, "no row claims what was not written"
    assert run(config()).summary.success == 6


def test_two_runs_cannot_write_one_folder(config: Make) -> None:
    with RunFolder(config().run_folder).locked(), pytest.raises(RunFolderError, match="Another nst process"):
        run(config())


def test_nothing_is_started_for_a_source_that_is_not_there(config: Make, folders: Path) -> None:
    with pytest.raises(SourceError, match="there is no folder"):
        run(config(f"content.path={folders / 'nowhere'}"))
    assert not (config().run_folder / "plan").exists()


def test_the_output_can_have_exactly_the_size_of_the_content(config: Make) -> None:
    run(config("output.size=original"))
    rows = rows_of(config())
    assert set(zip(rows.width, rows.height, strict=True)) == {(80, 64), (64, 80)}


def test_the_sources_are_read_once_per_run(
    config: Make, tmp_path: Path, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`nst run` reads them to see whether anything is left to do, and hands the pairs to the flow."""
    opened, original = Counter[str](), wanted.open_source

    def open_source(section: SourceConfig, role: Role, *progress: Progress | None) -> Catalogue:
        opened[role] += 1
        return original(section, role, *progress)

    monkeypatch.setattr(wanted, "open_source", open_source)
    monkeypatch.setenv("PREFECT_API_URL", api)
    run_file = tmp_path / "trial.yaml"
    run_file.write_text(yaml.safe_dump(config().model_dump(mode="json")))
    assert CliRunner().invoke(app, ["run", str(run_file)]).exit_code == 0
    assert opened == {"content": 1, "style": 1}
    assert len(rows_of(config())) == 6
    run(config())
    assert opened == {"content": 2, "style": 2}, "a flow without a command reads them itself"
