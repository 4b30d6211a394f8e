"""Settings as lines of a run file and as options: read back, they are the same."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from nst_core.recipes.overrides import set_override
from nst_core.storage.yaml_files import parse_yaml
from nst_core.sweep.setting_text import run_file_lines, set_options, value_text

VALUES = [
    1, 0.5, 1e-05, True, None, "fast", "no", "true", "1", "", "a b", "it's", 'say "hi"', "a: b", "- x", "ünï 🎨", "x,y",
    [1, "a,b"], {"relu1_1": 1.0, "odd key": ["x", {"y": None}]}, "null", "{", "#1", "line\nbreak",
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_is_one_line_that_reads_back(value: Any) -> None:
    text = value_text(value)
    assert "\n" not in text
    assert parse_yaml(text, "value") == value
    assert parse_yaml(f"[{text}, {text}]", "values") == [value, value]


@pytest.mark.parametrize("written", ["1.50", "1e3", "0x1F"])
def test_numbers_stay_as_they_were_written(written: str) -> None:
    assert value_text(parse_yaml(written, "value")) == written


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_what_is_copied_sets_the_values(value: Any) -> None:
    settings = (("method.style.layers", value), ("output.quality", 90), ("method.beta", 10))
    wanted = {"method": {"style": {"layers": value}, "beta": 10}, "output": {"quality": 90}}
    assert parse_yaml(run_file_lines(settings), "lines") == wanted
    data: dict[str, Any] = {}
    words = shlex.split(set_options(settings))
    assert words[::2] == ["--set"] * 3
    for override in words[1::2]:
        set_override(data, override)
    assert data == wanted


def test_lines_look_as_a_person_would_write_them() -> None:
    lines = run_file_lines((("method.beta", 10), ("method.style_scale", 2.0), ("method.style.loss", "mean")))
    assert lines == "method:\n  beta: 10\n  style_scale: 2.0\n  style:\n    loss: mean"
