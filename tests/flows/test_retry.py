"""`nst retry`: exactly what failed is made, as it would have been made at first, wherever the folder lies."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from trial import images_of, rows_of, run, snapshot

from flows.pipeline import retry_run
from nst_core.config.run_config import RunConfig
from nst_core.errors import RunFolderError
from nst_core.plan.retry import Only, retry_config
from nst_core.run_folder.folder import RunFolder
from nst_core.run_folder.results import Status, chunk_file, read_chunk, unfinished_result, write_results
from nst_core.run_folder.summary import RunReport
from nst_core.run_folder.verify.verification import verify

pytestmark = pytest.mark.usefixtures("api")

Make = Callable[..., RunConfig]


def retry(folder: Path, only: Only | None = None, *overrides: str) -> RunReport:
    config = retry_config(RunFolder(folder), overrides)
    return retry_run(config.name, config, only)


def lose(config: RunConfig, status: Status, place: int = 0) -> str:
    """Have the pair at `place` of the plan end otherwise than it did; returns its id."""
    row = RunFolder(config.run_folder).read_plan()[place]
    path = chunk_file(config.run_folder, row.artist_slug, row.chunk_id)
    lost = unfinished_result(row, status, 2, "LostWorker", "Its process was killed.")
    write_results([lost if r.pair_id == row.pair_id else r for r in read_chunk(path).values()], path)
    (config.run_folder / row.file_name).unlink()
    return row.pair_id


def test_failed_and_quarantined_pairs_are_made_with_the_same_bits(config: Make) -> None:
    run(config())
    images, before = images_of(config()), snapshot(config().run_folder)
    lost = [lose(config(), "failed"), lose(config(), "quarantined", 3)]
    report = retry(config().run_folder)
    assert (report.made, report.summary.success) == (2, 6)
    assert images_of(config()) == images
    assert rows_of(config()).loc[lost].attempts.tolist() == [3, 3]
    assert verify(config().run_folder).sound
    after, chunks = snapshot(config().run_folder), rows_of(config()).loc[lost].chunk_id.tolist()
    kept = [name for name in before if name.startswith("results/") and not any(chunk in name for chunk in chunks)]
    assert kept
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}


@pytest.mark.parametrize(("only", "left"), [("failed", "quarantined"), ("quarantined", "failed")])
def test_only_one_kind_where_only_one_is_asked_for(config: Make, only: Only, left: str) -> None:
    run(config())
    lose(config(), "failed")
    lose(config(), "quarantined", 3)
    summary = retry(config().run_folder, only).summary
    assert (summary.success, getattr(summary, only), getattr(summary, left)) == (5, 0, 1)


def test_a_run_leaves_the_quarantined_alone_where_a_retry_does_not(config: Make) -> None:
    run(config())
    lose(config(), "quarantined")
    assert run(config()).made == 0
    assert retry(config().run_folder).made == 1


def test_a_bad_input_that_is_still_bad_is_quarantined_again(config: Make, folders: Path) -> None:
    (folders / "content" / "text.jpg").write_text("I am no picture")
    run(config())
    report = retry(config().run_folder)
    assert (report.made, report.summary.success, report.summary.quarantined) == (0, 6, 2)
    rows = rows_of(config())
    assert (rows[rows.status == "quarantined"].attempts == 2).all()
    assert verify(config().run_folder).sound


def test_a_moved_run_is_retried_where_it_is(config: Make, folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(config("output.gallery=true"))
    lose(config(), "failed")
    moved = Path(shutil.move(config().run_folder, folders / "elsewhere (1)"))
    monkeypatch.chdir(moved.parent)
    assert retry(Path(moved.name)).made == 1
    assert verify(moved).sound
    assert not config().run_folder.exists()


def test_pairs_that_were_never_reached_are_left_to_run(config: Make) -> None:
    run(config())
    lost = lose(config(), "failed")
    other = next(path for path in (config().run_folder / "results").rglob("*.parquet")
                 if lost not in read_chunk(path))  # fmt: skip
    unreached = len(read_chunk(other))
    other.unlink()
    report = retry(config().run_folder)
    assert (report.made, report.summary.missing) == (1, unreached)


def test_another_method_is_refused_and_nothing_touched(config: Make) -> None:
    run(config())
    lose(config(), "failed")
    before = snapshot(config().run_folder)
    with pytest.raises(RunFolderError, match=r"Changed: method\.evaluations"):
        retry(config().run_folder, None, "method.evaluations=9")
    assert snapshot(config().run_folder) == before


def test_where_another_works_it_is_refused(config: Make) -> None:
    run(config())
    lose(config(), "failed")
    with RunFolder(config().run_folder).locked(), pytest.raises(RunFolderError, match="nother"):
        retry(config().run_folder)
