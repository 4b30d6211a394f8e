"""A folder's metadata with random faults: `nst plan` works, or says in a sentence what is wrong."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mutations import HARD_FIELDS, byte_mutations, run_command

ROWS = [
    {"file_name": "cats/a.png", "label": "cat", "license": "CC-BY-4.0", "note": "say, hi"},
    {"file_name": "b.png", "label": "Große", "license": "", "note": 'a "b"'},
]
NAMES = list(ROWS[0])


def as_csv(rows: list[dict[str, str]]) -> bytes:
    text = io.StringIO()
    table = csv.DictWriter(text, NAMES)
    table.writeheader()
    table.writerows(rows)
    return text.getvalue().encode("utf-8", "surrogatepass")


def as_json_lines(rows: list[dict[str, str]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def hard_fields(write: Callable[[list[dict[str, str]]], bytes], count: int) -> Iterator[tuple[str, bytes]]:
    """The table with one field (or the name of a column) after the other replaced by a hard one."""
    draw = random.Random(1)
    for _ in range(count):
        row, name, field = draw.randrange(len(ROWS)), draw.choice(NAMES), draw.choice(HARD_FIELDS)
        rows = [dict(one) for one in ROWS]
        rows[row][name] = field
        yield f"{name} of row {row} is {field[:20]!r}", write(rows)


@pytest.fixture
def run_file(tmp_path: Path, make_image: Callable[..., Path]) -> Path:
    for seed, name in enumerate(("cats/a.png", "b.png")):
        make_image(tmp_path / "photos" / name, 40, 32, seed=seed)
    make_image(tmp_path / "art" / "Ada" / "s.png", 40, 32, seed=9)
    path = tmp_path / "run.yaml"
    path.write_text(
        f"content: {tmp_path / 'photos'}\nstyle: {tmp_path / 'art'}\nmethod: {{recipe: wavelet, size: 32}}\n"
        f"execution: {{devices: cpu}}\noutput: {{root: {tmp_path / 'outputs'}}}\n"
    )
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "write", "of_bytes", "of_fields"),
    [("metadata.csv", as_csv, 200, 100), ("metadata.jsonl", as_json_lines, 60, 40)],
)
def test_plan_survives_any_fault_of_the_metadata(
    run_file: Path, name: str, write: Callable[[list[dict[str, str]]], bytes], of_bytes: int, of_fields: int
) -> None:
    table = run_file.parent / "photos" / name
    codes: dict[int, int] = {}
    for fault, data in [*byte_mutations(write(ROWS), of_bytes), *hard_fields(write, of_fields)]:
        table.write_bytes(data)
        code, printed = run_command(["plan", str(run_file)])
        codes[code] = codes.get(code, 0) + 1
        assert code in (0, 2), f"{fault}: exit {code}\n{printed}"
        assert (code == 0) == ("pairs" in printed and "time" in printed), f"{fault}\n{printed}"
        if code == 2:
            assert "metadata" in printed, f"{fault}\n{printed}"
    assert codes[0] > (of_bytes + of_fields) // 4
