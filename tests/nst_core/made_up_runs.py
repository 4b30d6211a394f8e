"""Run folders of made-up rows, for the tests of what reads them: nothing was ever stylized there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from planned import planned, success

from nst_core.engine.batch import LossPoint
from nst_core.run_folder.folder import RunFolder
from nst_core.run_folder.plan_table import Plan, PlannedPair
from nst_core.run_folder.results import Result, chunk_file, write_results

BEGUN = datetime(2026, 3, 1, 12, tzinfo=UTC)


def pairs(count: int, **changes: Any) -> list[PlannedPair]:
    """Planned pairs of different contents, ten to a chunk."""
    return [
        planned(**{
            "pair_id": f"{number + 1:016x}",
            "chunk_id": f"00000-{number // 10:05d}",
            "content_id": f"{number}.jpg",
            "content_path": f"/photos/of/me/{number}.jpg",
            "file_name": f"images/{number}.jpg",
        } | changes)
        for number in range(count)
    ]  # fmt: skip


def made(row: PlannedPair, left: float = 0.1, after: float = 0.0, **changes: Any) -> Result:
    """The row of an image with a loss from 8 to 8 · `left`, made so many seconds after `BEGUN`."""
    trace = [LossPoint(0, 1.0, 7.0, 0.0, 8.0), LossPoint(10, 0.5, 1.0, 0.0, 8.0 * left)]
    known = {"loss_trace": trace, "total_loss": 8.0 * left, "seconds": 2.0, "method": "wavelet", "features": "wavelet",
             "created_at": BEGUN + timedelta(seconds=after), "precision": "float32"}  # fmt: skip
    return success(row, **known | changes)


def made_up_run(
    root: Path,
    rows: Iterable[Result],
    plan: Sequence[PlannedPair],
    run_yaml: Mapping[str, Any] | None = None,
    journals: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
) -> Path:
    """Write the folder; returns it. Rows go where the plan has their pairs (others to the first chunk)."""
    folder = RunFolder(root)
    folder.append_plan(0, [Plan.of(plan).table])
    place = {row.pair_id: (row.artist_slug, row.chunk_id) for row in plan}
    files: dict[tuple[str, str], list[Result]] = {}
    for row in rows:
        files.setdefault(place.get(row.pair_id, (plan[0].artist_slug, plan[0].chunk_id)), []).append(row)
    for (slug, chunk), results in files.items():
        write_results([replace(row, chunk_id=chunk) for row in results], chunk_file(root, slug, chunk))
    if run_yaml is None:
        run_yaml = {"config": {"name": root.name}}
    (root / "run.yaml").write_text(yaml.safe_dump(dict(run_yaml)), encoding="utf-8")
    for chunk, events in (journals or {}).items():
        path = root / "logs" / f"{chunk}.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
    return root


def event(name: str, seconds: float, **more: Any) -> dict[str, Any]:
    """A line of a journal, so many seconds after `BEGUN`."""
    return {"event": name, "at": (BEGUN + timedelta(seconds=seconds)).isoformat(timespec="milliseconds"), **more}
