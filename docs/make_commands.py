"""Writes docs/commands.md from the command line itself: `uv run python docs/make_commands.py`."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import typer

from flows.cli import COMMANDS, load

PAGE = Path(__file__).parent / "commands.md"

INTRODUCTION = """\
# Command reference

*Made by `docs/make_commands.py` from the commands themselves; edit those, not this page.*

`nst COMMAND --help` says the same in the terminal. In a checkout, put `uv run` before it. A `FILE` is a run file
([run-file.md](run-file.md)) or the name of a shipped one; a `RUN` is a run folder ([run-folder.md](run-folder.md)),
usually `outputs/<name>`.

Every command knows `--debug` (show tracebacks of errors), and `nst --version` prints the version. What the exit codes
mean, and what to do about each: [troubleshooting.md](troubleshooting.md).
"""


def page() -> str:
    """The whole page, as it is committed."""
    commands = list(commands_of())
    lines = ["| command | |", "|---|---|"]
    lines += [f"| [`{name}`](#{name.replace(' ', '-')}) | {_cell(_first(call))} |" for name, call in commands]
    return "\n".join([INTRODUCTION, "\n".join(lines) + "\n", *(_section(name, call) for name, call in commands)])


def commands_of() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every command with its full name and its function, those of groups one by one."""
    for name in COMMANDS:
        group = load(name)
        for command in group.registered_commands:
            assert command.callback is not None
            inner = f" {command.callback.__name__}" if group.registered_callback else ""
            yield f"nst {name}{inner}", command.callback


@dataclass(frozen=True)
class Parameter:
    """An argument or option of a command: its names (none for an argument), what it takes, and whether it must be."""

    names: tuple[str, ...]
    value: str
    help: str
    default: object
    required: bool
    repeated: bool


def parameters(call: Callable[..., Any]) -> Iterator[Parameter]:
    """What a command takes, in order."""
    hints = typing.get_type_hints(call, include_extras=True)
    for name, parameter in inspect.signature(call).parameters.items():
        kind, info = typing.get_args(hints[name])[:2]
        inner, repeated = _inner(kind)
        is_flag, is_option = inner is bool, isinstance(info, typer.models.OptionInfo)
        told = [
            text for text in (info.default, *(info.param_decls or ())) if isinstance(text, str)
        ]  # as Typer reads it
        spelled = tuple(part for text in told for part in text.split("/"))
        names = (spelled or (f"--{name.replace('_', '-')}",)) if is_option else ()
        value = "" if is_flag else info.metavar or _choices(inner) or (_kind(inner) if is_option else name.upper())
        required = parameter.default is inspect.Parameter.empty
        yield Parameter(names, value, info.help or "", None if required else parameter.default, required, repeated)


def _inner(kind: Any) -> tuple[Any, bool]:
    """The type of one value, and whether there may be several."""
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        kind = next(one for one in typing.get_args(kind) if one is not type(None))
    if typing.get_origin(kind) is list:
        return typing.get_args(kind)[0], True
    return kind, False


def _choices(kind: Any) -> str:
    if typing.get_origin(kind) is typing.Literal:
        return "|".join(map(str, typing.get_args(kind)))
    return "|".join(str(one.value) for one in kind) if isinstance(kind, type) and issubclass(kind, Enum) else ""


def _kind(kind: Any) -> str:
    return {int: "INTEGER", float: "NUMBER", Path: "PATH"}.get(kind, "TEXT")


def _section(name: str, call: Callable[..., Any]) -> str:
    found = list(parameters(call))
    arguments = [one.value + (" …" if one.repeated else "") for one in found if not one.names]
    needed = [f"{one.names[-1]} {one.value}" for one in found if one.names and one.required]
    optional = ["[OPTIONS]"] if any(one.names and not one.required for one in found) else []
    usage = " ".join([name, *arguments, *needed, *optional])
    lines = [f"## {name}", "", " ".join((call.__doc__ or "").split()), "", f"`{usage}`", ""]
    if found:
        lines += ["| | | default |", "|---|---|---|"]
        lines += [f"| {_shown(one)} | {_cell(one.help)} | {_default(one)} |" for one in found] + [""]
    return "\n".join(lines)


def _shown(one: Parameter) -> str:
    if not one.names:
        return _cell(f"`{one.value}`")
    spelled = [*one.names[:-1], f"{one.names[-1]} {one.value}".rstrip()]
    return _cell(", ".join(f"`{name}`" for name in spelled)) + (", may be repeated" if one.repeated else "")


def _default(one: Parameter) -> str:
    if one.required:
        return "**required**"
    if one.default is None or one.default is False:
        return ""
    return f"`{one.names[0]}`" if one.default is True else f"`{getattr(one.default, 'value', one.default)}`"


def _cell(text: str) -> str:
    text = " ".join(text.replace("|", "\\|").split())
    return text if "`" in text else text.replace("<", "&lt;")


def _first(call: Callable[..., Any]) -> str:
    """The first sentence of what it says of itself."""
    return " ".join((call.__doc__ or "").split()).split(". ")[0].rstrip(".")


if __name__ == "__main__":
    PAGE.write_text(page().rstrip("\n") + "\n", encoding="utf-8")
