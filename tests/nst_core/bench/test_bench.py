"""`nst bench` from options to report; nothing here depends on how fast the machine is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from nst_core.bench import BATCH, BenchOptions, costs_of, report_dict, run_bench
from nst_core.bench.__main__ import main
from nst_core.bench.images import load_pictures, synthetic_pictures
from nst_core.bench.table import report_text
from nst_core.engine.bench.report import BenchReport, EqualLoss, Throughput, side_of
from nst_core.errors import ConfigError, UsageError
from nst_core.plan.grouping import BATCH_ON_CPU, BATCH_ON_GPU

ROOT = Path(__file__).resolve().parents[3]
QUICK = (
    ("recipe", "wavelet"),
    ("evaluations", 4),
    ("reference_evaluations", 3),
    ("reference_images", 2),
    ("rounds", 1),
    ("size", 48),
)


def quick(folder: Path, **changes: Any) -> BenchOptions:
    pictures = {"contents": folder / "a", "styles": folder / "b"}
    return BenchOptions(**{**dict(QUICK), **pictures, "device": "cpu", **changes})


def quickly(folder: Path) -> list[str]:
    pictures = ["--contents", str(folder / "a"), "--styles", str(folder / "b")]
    return [*pictures, "--size", "48", "--evaluations", "4", "--no-reference", "--workers", "1", "--device", "cpu"]


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory, make_image: Callable[..., Path]) -> Path:
    """A folder with two contents in `a` and two styles in `b`."""
    folder = tmp_path_factory.mktemp("pictures")
    for seed, name in enumerate(("a/one.png", "a/two.png", "b/artist/one.png", "b/artist/two.jpg")):
        make_image(folder / name, seed=seed)
    return folder


@pytest.fixture(scope="module")
def report(pictures: Path) -> BenchReport:
    return run_bench(quick(pictures, batches=(1, 2), workers=2, images=1000, price=2.0))


def test_every_batch_size_is_measured(report: BenchReport) -> None:
    assert [found.batch for found in report.throughput] == [1, 2]
    assert all(found.ceiling_fraction > 0 for found in report.throughput)
    assert all(
        found.flop_per_second == found.evaluations_per_second * report.flops.total for found in report.throughput
    )


def test_ours_is_compared_at_equal_loss(report: BenchReport) -> None:
    assert report.equal_loss is not None
    assert report.equal_loss.loss_ratio <= 1
    assert report.equal_loss.reference.evaluations == 3


def test_the_report_is_json_with_units_in_its_keys(report: BenchReport) -> None:
    data = json.loads(json.dumps(report_dict(report)))
    assert {"recipe", "features", "size", "precision", "machine", "flops", "ceiling", "throughput", "equal_loss",
            "costs", "seconds"} <= data.keys()  # fmt: skip
    assert {"ms_per_evaluation_and_image", "evaluations_per_second", "flop_per_second", "ceiling_fraction",
            "peak_memory_mib", "batch", "workers", "threads"} <= data["throughput"][0].keys()  # fmt: skip
    assert {"reference", "ours", "speedup", "loss_ratio"} <= data["equal_loss"].keys()
    assert {"images_per_second", "evaluations", "seconds", "images"} <= data["equal_loss"]["ours"].keys()
    assert {"hours", "cost", "price_per_hour", "images"} <= data["costs"][0].keys()


def test_costs_are_reckoned_for_the_images_and_the_price_given(report: BenchReport) -> None:
    for cost in report.costs:
        assert cost.hours == pytest.approx(1000 / cost.images_per_second / 3600)
        assert cost.cost == pytest.approx(2.0 * cost.hours)


def test_the_recipes_own_evaluations_and_equal_loss_are_priced() -> None:
    pace = Throughput(2, 1, 1, 20, 1.0, 10.0, 100.0, 1e9, 0.5, 100.0)
    equal = EqualLoss(2, 1, 1, 2, side_of(1, 100, [2.0]), side_of(2, 50, [1.0]), 1.0, 0.99, 4.0)
    costs = costs_of(50, [pace], equal, 7200, 1.0)
    assert [cost.images_per_second for cost in costs] == [2.0, 2.0, 0.5]
    assert [cost.hours for cost in costs] == [1.0, 1.0, 4.0]


def test_the_tables_fit_a_terminal_and_hold_every_figure(report: BenchReport) -> None:
    head, *tables, notes = report_text(report).split("\n\n")
    assert head.startswith("wavelet (wavelet), 48 × 48 px")
    assert [table.split()[0] for table in tables] == ["Throughput:", "At", "Cost"]
    assert max(map(len, tables[0].splitlines())) <= 80
    assert f"{report.throughput[0].ms_per_evaluation_and_image:.3g}" in tables[0]
    assert "Ceiling: " in notes


def test_the_batch_is_the_pipelines_own() -> None:
    assert {"cpu": BATCH_ON_CPU, "cuda": BATCH_ON_GPU} == BATCH


def test_overrides_are_a_recipes_keys_with_or_without_method(pictures: Path) -> None:
    options = quick(pictures, overrides=("method.evaluations=7", "beta=2"), reference=False, workers=1, size=None)
    found = run_bench(BenchOptions(**{**options.__dict__, "overrides": (*options.overrides, "size=40")}))
    assert (found.evaluations, found.size, found.equal_loss) == (7, 40, None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batches": (0,)}, "--batch is 0"),
        ({"rounds": 0}, "--rounds is 0"),
        ({"evaluation": "lazy"}, "it can be eager, graph, compile"),
        ({"price": -1.0}, "--price"),
        ({"size": 8}, "need .* pixels"),
        ({"overrides": ("evaluations",)}, "key.sub=value"),
        ({"overrides": ("evaluatons=3",)}, "did you mean 'evaluations'"),
        ({"recipe": "wavlet"}, "did you mean 'wavelet'"),
        ({"precision": "float8"}, "precision"),
        ({"device": "tpu"}, "device"),
        ({"contents": None}, "go together"),
        ({"contents": Path("nowhere"), "styles": Path("nowhere")}, "no folder"),
    ],
)
def test_bad_options_are_one_sentence(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises((UsageError, ConfigError), match=message):
        run_bench(quick(tmp_path, **changes))


def test_folders_give_square_pictures(pictures: Path, tmp_path: Path) -> None:
    found = load_pictures(pictures / "a", pictures / "b", tmp_path, (32, 48), torch.device("cpu"))
    assert found.content(0).shape == (3, 32, 32)
    assert found.style(5).shape == (3, 48, 48)
    assert torch.equal(found.content(0), found.content(2))
    assert not torch.equal(found.content(0), found.content(1))


def test_a_folder_without_images_is_said(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no images"):
        load_pictures(pictures / "a", tmp_path, tmp_path, (32, 48), torch.device("cpu"))


def test_a_bare_machine_measures_with_synthetic_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nst_core.sources.sample", None)
    found = load_pictures(None, None, tmp_path, (32, 48), torch.device("cpu"))
    assert found.origin == "synthetic clouds"


def test_synthetic_pictures_are_the_same_every_time() -> None:
    first, again = (synthetic_pictures((32, 48), torch.device("cpu"), 2) for _ in range(2))
    assert torch.equal(first.content(1), again.content(1))
    assert first.style(0).shape == (3, 48, 48)
    assert first.content(0).std() > 0.03


def test_the_bare_entry_point_answers_in_json(pictures: Path, capsys: Any) -> None:
    assert main([*quickly(pictures), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["size"] == 48


def test_the_bare_entry_point_answers_2_to_bad_usage(capsys: Any) -> None:
    assert main(["--batch", "0"]) == 2
    assert "--batch is 0" in capsys.readouterr().err


def test_the_command_prints_tables(pictures: Path) -> None:
    from flows.cli import app

    answer = CliRunner().invoke(app, ["bench", *quickly(pictures)])
    assert answer.exit_code == 0, answer.output
    assert "Throughput" in answer.output
    assert "Ceiling" in answer.output


def test_a_bare_machine_needs_pyyaml_only() -> None:
    script = (
        "import sys, nst_core.bench.__main__\n"
        "heavy = ('pandas', 'pydantic', 'pyarrow', 'prefect', 'pandera', 'typer', 'rich', 'skimage', 'flows')\n"
        "print(*(name for name in heavy if name in sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert run.stdout.split() == []
