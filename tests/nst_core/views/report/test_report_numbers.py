"""What a report counts, on rows whose sums anyone can do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from made_up_runs import event, made, made_up_run, pairs

from nst_core.errors import RunFolderError
from nst_core.run_folder.results import unfinished_result
from nst_core.views.report.numbers import Prices, RunNumbers, run_numbers
from nst_core.views.report.run_reader import read_run


def numbers(root: Path, prices: Prices | None = None) -> RunNumbers:
    return run_numbers(read_run(root), prices)


def parts(root: Path) -> list[Path]:
    return sorted((root / "results").rglob("*.parquet"))


def test_every_planned_pair_is_told_once_whatever_became_of_it(tmp_path: Path) -> None:
    plan = pairs(12)
    rows = [made(row) for row in plan[:6]]
    rows += [unfinished_result(row, "failed", 3, "OutOfMemory", "Not even one fits.") for row in plan[6:8]]
    rows += [unfinished_result(row, "skipped", 1, "DuplicateImage", "a copy") for row in plan[8:9]]
    found = numbers(made_up_run(tmp_path / "run", rows, plan))
    assert found.planned == 12
    assert found.statuses == {"success": 6, "failed": 2, "skipped": 1, "missing": 3}


def test_files_of_the_sources_that_were_left_out_are_told(tmp_path: Path) -> None:
    root = made_up_run(tmp_path / "run", map(made, pairs(1)), pairs(1))
    with (root / "run.yaml").open("a", encoding="utf-8") as run_yaml:
        run_yaml.write("files_left_out: {content: {system: 3, other kinds: 1, unheard of: 2}, style: {}}\n")
    found = numbers(root)
    told = (
        "Left out of content: 3 files that systems keep for themselves, 1 file of another kind, 2 files (unheard of)."
    )
    assert found.notes[-1] == told
    assert found.as_dict()["notes"][-1] == told


def test_rows_of_no_planned_pair_and_second_rows_of_one_do_not_count(tmp_path: Path) -> None:
    plan = pairs(3)
    foreign = made(pairs(9)[8], left=0.9)
    found = numbers(made_up_run(tmp_path / "run", [*map(made, plan), made(plan[0], left=0.9), foreign], plan))
    assert found.statuses["success"] == 3
    assert found.left is not None
    assert found.left.high == pytest.approx(0.1)
    assert "2 rows belong to no planned pair" in found.notes[0]


def test_the_loss_left_is_the_last_loss_over_the_first_by_artist(tmp_path: Path) -> None:
    plan = pairs(5) + pairs(10, artist="Bo", artist_slug="bo")[5:]
    lefts = [0.1, 0.2, 0.3, 0.4, 0.5, 0.01, 0.01, 0.01, 0.01, 0.01]
    found = numbers(made_up_run(tmp_path / "run", map(made, plan, lefts), plan))
    bo, monet = found.by_artist
    assert (bo.name, monet.name) == ("Bo", "Monet")
    assert (monet.count, monet.lower, monet.median, monet.upper) == (5, *map(pytest.approx, (0.2, 0.3, 0.4)))
    assert monet.values == pytest.approx((0.1, 0.2, 0.3, 0.4, 0.5))
    assert [group.name for group in found.by_method] == ["wavelet"]


def test_the_best_and_the_worst_are_ordered_and_none_is_both(tmp_path: Path) -> None:
    plan = pairs(15)
    found = numbers(made_up_run(tmp_path / "run", [made(row, 0.01 * n) for n, row in enumerate(plan, 1)], plan))
    assert [pair.loss_left for pair in found.best] == pytest.approx([0.01 * n for n in range(1, 9)])
    assert [pair.loss_left for pair in found.worst] == pytest.approx([0.01 * n for n in range(15, 8, -1)])
    assert (found.best[0].content_path, found.best[0].file_name) == ("/photos/of/me/0.jpg", "images/0.jpg")


def test_reasons_are_counted_with_what_was_said_without_folders_and_what_to_do(tmp_path: Path) -> None:
    plan = pairs(6)
    rows = [
        unfinished_result(row, "quarantined", 1, "TruncatedImage", f"{row.content_path}: the file ends early")
        for row in plan[:4]
    ]
    rows.append(unfinished_result(plan[4], "failed", 3, "OSError", "[Errno 5] I/O error: '/home/me/secret/x.png'"))
    rows.append(unfinished_result(plan[5], "failed", 3, "ChunkTimeout", ""))
    found = numbers(made_up_run(tmp_path / "run", rows, plan))
    assert [(r.status, r.name, r.pairs, r.different) for r in found.reasons] == [
        ("failed", "ChunkTimeout", 1, 1),
        ("failed", "OSError", 1, 1),
        ("quarantined", "TruncatedImage", 4, 4),
    ]
    assert found.reasons[1].examples[0].message == "[Errno 5] I/O error: 'x.png'"
    assert found.reasons[2].examples[0].message == "0.jpg: the file ends early"
    assert found.reasons[2].examples[0].style == "1.jpg"
    assert "chunk_deadline" in found.reasons[0].advice
    assert "replace it" in found.reasons[2].advice


def test_time_and_money(tmp_path: Path) -> None:
    plan = pairs(4)
    rows = [made(row, after=10 * n, seconds=900.0, device="cuda:0" if n else "cpu") for n, row in enumerate(plan)]
    journal = {"00000-00000": [event("start", -10), event("end", 30, spent={"compute": 30.0, "decode": 2.5})]}
    root = made_up_run(tmp_path / "run", rows, plan, journals=journal)
    for row in plan:
        (root / row.file_name).parent.mkdir(exist_ok=True)
        (root / row.file_name).write_bytes(bytes(500))
    found = numbers(root, Prices(per_gpu_hour=2.0, per_hour=90.0))
    assert found.cost.compute_seconds == 3600
    assert found.cost.gpu_hours == pytest.approx(0.75)
    assert found.cost.wall_seconds == pytest.approx(40)
    assert found.cost.money == pytest.approx(2.0 * 0.75 + 90.0 * 40 / 3600)
    assert (found.cost.image_bytes, found.cost.bytes_per_image) == (2000, 500)
    assert found.spent == {"compute": 30.0, "decode": 2.5}
    assert [(d.name, d.images) for d in found.devices] == [("cuda:0", 3), ("cpu", 1)]
    assert numbers(root).cost.money is None


def test_licences_count_images_alone(tmp_path: Path) -> None:
    plan = pairs(3, content_license="CC-BY-2.0")
    rows = [made(plan[0]), made(plan[1], content_license=None), unfinished_result(plan[2], "failed", 1, "E", "")]
    found = numbers(made_up_run(tmp_path / "run", rows, plan))
    assert found.content_licenses == {"CC-BY-2.0": 1, "not stated": 1}


class TestWhatIsDamagedOrNotThere:
    @pytest.fixture
    def run(self, tmp_path: Path) -> Path:
        plan = pairs(20)
        return made_up_run(tmp_path / "run", map(made, plan), plan)

    def test_a_damaged_part_is_told_and_its_pairs_are_missing(self, run: Path) -> None:
        parts(run)[0].write_bytes(parts(run)[0].read_bytes()[:-50])
        found = numbers(run)
        assert found.statuses == {"success": 10, "missing": 10}
        assert found.notes[0].startswith("1 of 2 result files cannot be read")

    def test_a_part_without_most_columns_is_read_as_far_as_it_goes(self, run: Path) -> None:
        few = pq.ParquetFile(parts(run)[0]).read(columns=["pair_id", "status"])
        pq.write_table(few, parts(run)[0])
        found = numbers(run)
        assert found.statuses["success"] == 20
        assert found.left is not None
        assert found.left.count == 10
        assert len(found.best) + len(found.worst) == 10

    def test_without_the_plan_rows_count_as_they_are(self, run: Path) -> None:
        next((run / "plan").glob("*")).write_bytes(b"PAR1 no more")
        found = numbers(run)
        assert (found.planned, found.statuses) == (None, {"success": 20})
        assert found.notes[0].startswith("The plan cannot be read")

    def test_without_results_everything_is_missing(self, run: Path) -> None:
        for part in parts(run):
            part.unlink()
        found = numbers(run)
        assert found.statuses == {"missing": 20}
        assert (found.left, found.band, found.best, found.by_artist) == (None, None, (), ())

    @pytest.mark.parametrize("text", ["", "config: [", "- a list", "config: 7"])
    def test_a_run_file_that_says_nothing_leaves_the_question_open(self, run: Path, text: str) -> None:
        (run / "run.yaml").write_text(text)
        found = numbers(run)
        assert found.asked == ()
        assert found.name == "run"

    @pytest.mark.parametrize("text", [None, "no json", "[]", '{"spent": 7}'])
    def test_without_journals_and_summary_the_split_of_time_is_not_known(self, run: Path, text: str | None) -> None:
        if text is not None:
            (run / "summary.json").write_text(text)
        found = numbers(run)
        assert (dict(found.spent), found.tries.tries) == ({}, 0)
        assert "summary.json does not say either" in found.notes[-1]

    def test_without_journals_the_summary_says_where_the_last_runs_time_went(self, run: Path) -> None:
        (run / "summary.json").write_text('{"spent": {"compute": 3.5}}')
        assert numbers(run).spent == {"compute": 3.5}

    def test_a_folder_that_is_no_run_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(RunFolderError, match="is not a run folder"):
            read_run(tmp_path)


def test_json_says_everything_and_nothing_that_is_not_finite(tmp_path: Path) -> None:
    plan = pairs(3)
    rows = [made(plan[0]), made(plan[1], seconds=float("nan"), total_loss=float("inf")), made(plan[2], loss_trace=None)]

    def refuse(constant: str) -> Any:
        raise AssertionError(constant)

    text = json.dumps(numbers(made_up_run(tmp_path / "run", rows, plan)).as_dict())
    told = json.loads(text, parse_constant=refuse)
    assert told["statuses"] == {"success": 3, "missing": 0}
    assert told["best"][0]["content_path"] == "/photos/of/me/0.jpg"
    assert told["other_traces"] == 1
