"""A small sweep with results and judges, built in the open: 2 × 3 values of hard names on two pairs."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

from exhibits import HOSTILE, new_run, picture, row, trace, write_results

from nst_core.run_folder.quality import MEASURES, baselines_file, quality_file, write_quality
from nst_core.views.sweep.sweep_table import ShownPair, ShownVariant, SweepTable, SweptKey

KEYS = (
    SweptKey("method.beta", ("1", "10")),
    SweptKey("method.style_scale", ("0.5", "1", HOSTILE[0])),
)


def made_up_sweep(
    root: Path, keys: tuple[SweptKey, ...] = KEYS, names: tuple[str, str] = ("boat", "cat")
) -> SweepTable:
    """Every variant has a picture of each pair, but for the last, which failed with the second pair."""
    folder = root / "sweep"
    places = list(product(*(range(len(key.values)) for key in keys)))
    variants = tuple(
        _variant(folder / "variants" / f"variant-{number}", place, number, names, last=number == len(places) - 1)
        for number, place in enumerate(places)
    )
    inputs = folder / "variants" / "sources"
    pairs = tuple(ShownPair(inputs / f"{name}.png", (inputs / "style.png",)) for name in names)
    return SweepTable(HOSTILE[1], folder, keys, pairs, variants, "vgg19")


def value_of(number: int, pair: int) -> float:
    """The judge's number of a variant's picture: of the first pair falling, of the second rising."""
    return (9.0 - number) / 10 if pair == 0 else (1.0 + number) / 10


def _variant(run: Path, place: tuple[int, ...], number: int, names: tuple[str, str], last: bool) -> ShownVariant:
    new_run(run)
    rows = [_result(run, name, number, pair) for pair, name in enumerate(names)]
    if last:
        rows[1] |= {"status": "failed", "error_message": "/data/x/cat.png: <b>no memory</b>", "file_name": None}
    write_results(run, "vincent-van-gogh", rows)
    records = [_quality(one, "result", value_of(number, pair)) for pair, one in enumerate(rows)]
    write_quality(records, quality_file(run, "0"))
    write_quality([_quality(rows[0], "content", 0.05), _quality(rows[0], "style", 0.95)], baselines_file(run))
    return ShownVariant(
        place,
        run,
        tuple(one["pair_id"] for one in rows),
        f"--set 'method.beta={number}'",
        f"method:\n  beta: {number}  # {HOSTILE[0]}",
    )


def _result(run: Path, name: str, number: int, pair: int) -> dict[str, Any]:
    told = {
        "file_name": f"images/{name}.png",
        "width": 96,
        "height": 64,
        "content_loss": 1.0 + number,
        "style_loss": 2.0,
        "total_loss": 3.0 + number,
        "seconds": 1.5,
        "output_sha256": f"{number}{pair}",
        "loss_trace": trace(100.0, 10.0, 5.0),
    }
    made = row(run, name, **told)
    picture(run / made["file_name"], (96, 64), seed=10 * number + pair)
    return made


def _quality(result: dict[str, Any], subject: str, value: float) -> dict[str, Any]:
    return {
        "pair_id": result["pair_id"],
        "judge": "vgg19",
        "subject": subject,
        **dict.fromkeys(MEASURES, value),
        "judge_sha256": "0",
        "judge_size": 512,
        "output_sha256": result["output_sha256"],
        "judged_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
