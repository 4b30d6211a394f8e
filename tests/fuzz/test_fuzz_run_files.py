"""Run files and recipes with random faults: `nst plan` plans, or says what is wrong."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from mutations import HARD_FIELDS, byte_mutations, run_command
from PIL import Image

from nst_core.recipes.files import configs_folder

pytestmark = pytest.mark.slow

RUN_FILE = """\
name: trial
content: {source: folder, path: content, max_pixels: 1000000, min_side: 16, duplicates: drop_exact}
style:
  source: folder
  path: style
  exclude_licenses: [nc, nd]
pairing:
  strategy: random
  styles_per_content: 1
  balance: artist
  weights: {Ada: 2, "007": 1.5}
  artists: [Ada, "007"]
  pools: {cats: [Ada]}
  splits: {train: 0.8, val: 0.2}
  strengths: [1.0]
  seed: 3
method:
  recipe: wavelet
  size: 64
  evaluations: 5
  beta: 1e3
  optimiser: {name: lbfgs, history: 5}
  style: {layers: {first0: 1}}
execution: {workers: 1, devices: cpu, chunk_size: 3, address: null}
output: {root: outputs, format: png, gallery: no}
"""

NESTED: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    2**70,
    10**300,
    1.5,
    [],
    {},
    [[]],
    [None],
    {"a": {"b": {}}},
    {"source": []},
)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a content and a style image, the current one; its home is empty."""
    for name in ("content/a.png", "style/Ada/b.png", "style/007/c.png"):
        (tmp_path / name).parent.mkdir(parents=True)
        Image.new("RGB", (64, 48), (200, 30, len(name))).save(tmp_path / name)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def keys_of(data: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The place of every value in nested data."""
    if place:
        yield place
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in inner:
        yield from keys_of(value, (*place, key))


def with_value(text: str, place: tuple[Any, ...], value: Any) -> str:
    data = yaml.safe_load(text)
    target = data
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = value
    return yaml.dump(data, allow_unicode=True)


def field_mutations(text: str, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Copies of a YAML file with a hard text, bare or quoted, or a value of another type in one place."""
    draw = random.Random(seed)
    places = list(keys_of(yaml.safe_load(text)))
    for _ in range(count):
        place = draw.choice(places)
        if draw.random() < 0.25:
            value = draw.choice(NESTED)
            yield f"{place}: {value!r:.40}", with_value(text, place, value).encode("utf-8", "surrogatepass")
            continue
        field = draw.choice(HARD_FIELDS)
        if field == "/" and place[-1] in ("path", "content", "style"):
            continue  # the whole disk is a folder of images like any other
        bare = with_value(text, place, "PLACE").replace("PLACE", field)
        mutated = bare if draw.random() < 0.5 else with_value(text, place, field)
        yield f"{place}: {field!r:.40}", mutated.encode("utf-8", "surrogatepass")


def plan(path: Path, data: bytes, fault: str) -> int:
    path.write_bytes(data)
    try:
        code, text = run_command(["plan", "trial.yaml"])
    except BaseException as error:
        raise AssertionError(f"{fault}\n{error}") from error
    assert code in (0, 2), f"{fault}\n{text}"
    if code == 2:
        errors = [line for line in text.splitlines() if line.startswith("Error: ")]
        assert len(errors) == 1, f"{fault}\n{text}"
        assert len(errors[0]) < 1500, f"{fault}\n{text}"
    assert "pydantic" not in text, f"{fault}\n{text}"
    return code


def test_a_run_file_with_a_wrong_byte_is_planned_or_refused(place: Path) -> None:
    codes = [plan(place / "trial.yaml", data, fault) for fault, data in byte_mutations(RUN_FILE.encode(), 150)]
    assert set(codes) == {0, 2}


def test_a_run_file_with_a_hard_value_is_planned_or_refused(place: Path) -> None:
    codes = [plan(place / "trial.yaml", data, fault) for fault, data in field_mutations(RUN_FILE, 200, seed=1)]
    assert set(codes) == {0, 2}


def test_a_recipe_with_a_wrong_byte_or_a_hard_value_is_planned_or_refused(place: Path) -> None:
    (place / "trial.yaml").write_text("content: content\nstyle: style\nmethod: own.yaml\n", encoding="utf-8")
    run_file = (place / "trial.yaml").read_bytes()
    recipe = (configs_folder() / "methods" / "wavelet.yaml").read_text(encoding="utf-8")
    faults = [*byte_mutations(recipe.encode(), 60, seed=2), *field_mutations(recipe, 60, seed=3)]
    codes = []
    for fault, data in faults:
        (place / "own.yaml").write_bytes(data)
        codes.append(plan(place / "trial.yaml", run_file, fault))
    assert set(codes) == {0, 2}
