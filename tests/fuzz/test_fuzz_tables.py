"""Faults in the CSV tables that people hand in: a sentence and code 2, or a plan; never a traceback."""

from __future__ import annotations

import csv
import io
import os
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from mutations import HARD_FIELDS, byte_mutations, run_command

from nst_core.manifest.checks import COLUMNS

pytestmark = pytest.mark.slow

COUNT = 300
MANIFEST = [
    [*COLUMNS, "note"],
    ["cats/1.png", "Claude_Monet/a.png@0.5;Füße/b.png@0.5", "Monet", "cat", "train", "1.5", "1", "32", "1", "0", "x"],
    ["cats/2.png", "", "füße", "cat", "val", "", "", "64.0", "", "1", "two\nlines"],
    ["cats/1.png", "unstylized", "", "", "", "", "", "", "", "", "=1+1"],
]
ARTISTS = [
    ["id", "name", "years", "genre", "nationality", "bio"],
    ["0", "Claude Monet", "1840 - 1926", "Impressionism", "French", 'He "painted"'],
    ["1", "Albrecht Dürer", "1471 - 1528", "Northern Renaissance", "German", "two\nlines"],
]


def table(rows: Sequence[Sequence[str]], separator: str = ",") -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=separator, lineterminator="\n").writerows(rows)
    return buffer.getvalue().encode("utf-8", "surrogatepass")


def field_mutations(rows: Sequence[Sequence[str]], count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """The table with a hard value in one cell, its header among them, with any separator."""
    draw = random.Random(seed)
    for _ in range(count):
        row, value, separator = draw.randrange(len(rows)), draw.choice(HARD_FIELDS), draw.choice(",;\t")
        column = draw.randrange(len(rows[row]))
        changed = [list(cells) for cells in rows]
        changed[row][column] = value
        yield f"row {row + 1}, column {column + 1}: {value!r}, separated by {separator!r}", table(changed, separator)


def run_file(folder: Path, style: str, pairing: str) -> Path:
    path = folder / "run.yaml"
    path.write_text(
        f"name: run\ncontent: {folder}/c\nstyle: {style}\npairing: {pairing}\n"
        "method: {recipe: wavelet, size: 32, evaluations: 2}\nexecution: {devices: cpu, batch_size: 1}\n"
        f"output: {{root: {folder}/out}}\n"
    )
    return path


def check(path: Path, run: Path, mutations: Iterator[tuple[str, bytes]], codes: Sequence[int] = (0, 2)) -> None:
    for fault, data in mutations:
        path.write_bytes(data)
        code, text = run_command(["plan", str(run)])
        assert code in codes, (fault, code, text)
        assert not any(ord(character) < 32 and character not in "\n\t" for character in text), (fault, text)
        assert code == 0 or text.startswith("Error: "), (fault, text)


@pytest.fixture
def manifest_run(tmp_path: Path, make_image: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    for number, name in enumerate(["c/cats/1.png", "c/cats/2.png", "s/Claude_Monet/a.png", "s/Füße/b.png"]):
        make_image(tmp_path / name, seed=number)
    monkeypatch.chdir(tmp_path)
    return run_file(tmp_path, f"{tmp_path}/s", f"{{strategy: manifest, manifest: {tmp_path}/m.csv}}")


def test_bytes_of_a_manifest(manifest_run: Path) -> None:
    check(manifest_run.parent / "m.csv", manifest_run, byte_mutations(table(MANIFEST), COUNT))


def test_cells_of_a_manifest(manifest_run: Path) -> None:
    check(manifest_run.parent / "m.csv", manifest_run, field_mutations(MANIFEST, COUNT, seed=1))


@pytest.fixture
def artworks_run(tmp_path: Path, make_image: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    names = ["Claude_Monet/Claude_Monet_1.jpg", "Albrecht_Dürer/Albrecht_Dürer_1.jpg"]
    for number, name in enumerate(["c/1.png", *(f"art/images/{os.fspath(name)}" for name in names)]):
        make_image(tmp_path / name, seed=number)
    monkeypatch.chdir(tmp_path)
    return run_file(tmp_path, f"{{source: artworks, path: {tmp_path}/art}}", "artist")


def test_bytes_of_a_table_of_artists(artworks_run: Path) -> None:
    check(artworks_run.parent / "art/artists.csv", artworks_run, byte_mutations(table(ARTISTS), COUNT, seed=2))


def test_cells_of_a_table_of_artists(artworks_run: Path) -> None:
    check(artworks_run.parent / "art/artists.csv", artworks_run, field_mutations(ARTISTS, COUNT, seed=3))
