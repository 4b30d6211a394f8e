"""Settings as a person writes them: values on one line of YAML, lines of a run file, options of a command."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from nst_core.errors import ConfigError
from nst_core.storage.yaml_files import parse_yaml

Settings = tuple[tuple[str, Any], ...]
"""Dotted keys of a run file with their values, such as `(("method.beta", 10), ("method.style_scale", 2))`."""

_PLAIN = re.compile(r"[A-Za-z_][\w./-]*")


def value_text(value: Any) -> str:
    """A value on one line of YAML, as `--set` reads it: `10`, `fast`, `{relu1_1: 1.0}`; numbers as written."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{value_text(str(key))}: {value_text(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(value_text, value)) + "]"
    if isinstance(value, str):
        return value if _is_plain(value) else json.dumps(value, ensure_ascii=False)
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return str(value)


def override_text(key: str, value: Any) -> str:
    """`key.sub=value`, as `--set` takes it."""
    return f"{key}={value_text(value)}"


def set_options(settings: Iterable[tuple[str, Any]]) -> str:
    """The settings as options of `nst run`, quoted for a shell."""
    return " ".join(f"--set {shlex.quote(override_text(key, value))}" for key, value in settings)


def run_file_lines(settings: Iterable[tuple[str, Any]]) -> str:
    """The settings as lines of a run file: sections indented, each value on one line."""
    lines: list[str] = []
    open_sections: list[str] = []
    for sections, name, value in sorted((_split(key, value) for key, value in settings), key=lambda one: one[0]):
        same = 0
        while same < min(len(open_sections), len(sections)) and open_sections[same] == sections[same]:
            same += 1
        lines += [f"{'  ' * depth}{section}:" for depth, section in enumerate(sections) if depth >= same]
        lines.append(f"{'  ' * len(sections)}{name}: {value_text(value)}")
        open_sections = list(sections)
    return "\n".join(lines)


def _split(key: str, value: Any) -> tuple[tuple[str, ...], str, Any]:
    *sections, name = key.split(".")
    return tuple(sections), name, value


def _is_plain(text: str) -> bool:
    """Whether a text may stand in a list or mapping on one line of YAML as it is, and is read as this text."""
    if not _PLAIN.fullmatch(text):
        return False
    try:
        return bool(parse_yaml(text, "a value") == text)
    except ConfigError:
        return False
