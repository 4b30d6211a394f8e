"""YAML as people write it in run files and recipes: read as the core schema of YAML 1.2, and no fault passed over.

PyYAML reads YAML 1.1, where `no` is false, `007` is 7 and `1:30` is 90: here these words stay text. A key that is given
twice is an error, where PyYAML takes the last silently.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, TypeVar

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from nst_core.errors import ConfigError, short
from nst_core.storage.regular_files import read_regular

N = TypeVar("N", bound=float)

MOST_LEVELS = 50
"""Deepest nesting of lists and sections."""

MOST_VALUES = 100_000
"""Most values of a file, each alias (`*name`) counted with all that it stands for."""

MOST_DIGITS = 400
"""Most characters of a number: more than the largest float has."""


def read_yaml(path: Path, kind: str) -> Any:
    """The data of a YAML file; `kind` is its kind for messages, e.g. `recipe`. Raises ConfigError."""
    try:
        text = read_regular(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        reason = f"byte {error.start} ({error.object[error.start]:#04x}) is not UTF-8: save it in UTF-8"
        raise ConfigError(f"The {kind} {path} is not valid YAML: {reason}.") from error
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"The {kind} {path} cannot be read: {reason}.") from error
    return parse_yaml(text, f"The {kind} {path}")


def parse_yaml(text: str, origin: str) -> Any:
    """The data of a YAML text; `origin` begins the messages. Raises ConfigError."""
    try:
        return yaml.load(text, Loader=_StrictLoader)
    except yaml.YAMLError as error:
        raise ConfigError(f"{origin} is not valid YAML: {_reason(error)}.") from error
    except RecursionError as error:  # where a caller has used up most of the stack
        raise ConfigError(f"{origin} is not valid YAML: it is nested too deeply.") from error


class WrittenInt(int):
    """A whole number that would look otherwise than in the file, such as `0x1F`; as text it is as it was written."""

    written: str

    def __str__(self) -> str:
        return self.written


class WrittenFloat(float):
    """A number that would look otherwise than in the file, such as `1.50`; as text it is as it was written."""

    written: str

    def __str__(self) -> str:
        return self.written


class _StrictLoader(yaml.SafeLoader):
    """PyYAML's safe loader with the scalars of YAML 1.2, and with errors for what it would pass over."""

    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012 (as in the base class)

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._level = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        if self._level >= MOST_LEVELS:
            raise _fault(f"more than {MOST_LEVELS} levels", self.peek_event())  # type: ignore[no-untyped-call]
        self._level += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._level -= 1

    def get_single_node(self) -> Node | None:
        node = super().get_single_node()
        if node is not None:
            _count(node, {}, set())  # what is within bounds, and no circle, can be walked through
        return node

    def construct_mapping(self, node: Node, deep: bool = False) -> dict[Hashable, Any]:
        if not isinstance(node, MappingNode):
            raise _fault("keys and values are expected here", node)
        _check_keys(node)
        self.flatten_mapping(node)
        return {key.value: self.construct_object(value, deep=deep) for key, value in node.value}


def _check_keys(node: MappingNode) -> None:
    """Raise YAMLError where a key is no text, or given twice."""
    lines: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, ScalarNode):
            raise _fault("a list or a section cannot be a key", key)
        if key.value in lines:
            problem = f"the key {short(key.value)} is given twice, in line {lines[key.value]} and line {line}"
            raise yaml.YAMLError(problem)
        lines[key.value] = line


def _count(node: Node, counts: dict[int, int], open_nodes: set[int]) -> int:
    """The number of values of a node, aliases resolved. Raises YAMLError beyond `MOST_VALUES`, or for a circle."""
    if node.tag not in _TAGS:
        raise _fault(f"the tag {_shown_tag(node.tag)} means nothing here", node)
    if id(node) in open_nodes:
        raise _fault("an alias (*) leads back into itself", node)
    if id(node) not in counts:
        open_nodes.add(id(node))
        parts: list[Node] = []
        if isinstance(node, SequenceNode):
            parts = node.value
        elif isinstance(node, MappingNode):
            parts = [part for pair in node.value for part in pair]
        counts[id(node)] = 1 + sum(_count(part, counts, open_nodes) for part in parts)
        open_nodes.discard(id(node))
        if counts[id(node)] > MOST_VALUES:
            raise _fault(f"more than {MOST_VALUES} values", node)
    return counts[id(node)]


def _bool(_loader: _StrictLoader, node: ScalarNode) -> bool:
    if node.value.lower() not in ("true", "false"):
        raise _fault(f"{short(node.value)} is neither true nor false", node)
    return bool(node.value.lower() == "true")


def _int(_loader: _StrictLoader, node: ScalarNode) -> int:
    base = {"0x": 16, "0o": 8}.get(node.value[:2], 10)
    number = _number(node, lambda text: WrittenInt(text, base))
    number.written = node.value
    return number if int.__repr__(number) != node.value else int(number)


def _float(_loader: _StrictLoader, node: ScalarNode) -> float:
    number = _number(node, lambda text: WrittenFloat(re.sub(r"\.(?=[in])", "", text.lower())))
    number.written = node.value
    return number if float.__repr__(number) != node.value else float(number)


def _number(node: ScalarNode, convert: Callable[[str], N]) -> N:
    if len(node.value) > MOST_DIGITS:
        raise _fault(f"a number of {len(node.value)} digits: put it in quotes if it is text", node)
    try:
        return convert(node.value)
    except ValueError:
        raise _fault(f"{short(node.value)} is not a number", node) from None


def _text(_loader: _StrictLoader, node: ScalarNode) -> str:
    """The text, halves of a character outside of Unicode's first plane (`\\ud83d\\ude00`, as in JSON) put together."""
    try:
        return str(node.value).encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise _fault(f"{short(node.value)} holds half a character", node) from None


def _null(_loader: _StrictLoader, _node: ScalarNode) -> None:
    return None


def _fault(problem: str, where: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=where.start_mark)


def _shown_tag(tag: str) -> str:
    prefix = "tag:yaml.org,2002:"
    return f"!!{tag.removeprefix(prefix)}" if tag.startswith(prefix) else tag


def _reason(error: yaml.YAMLError) -> str:
    """PyYAML's message as one line: where, and what."""
    if isinstance(error, yaml.reader.ReaderError):
        return f"character {error.position + 1} ({error.character:#06x}) is not allowed in YAML"
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    what = getattr(error, "problem", None) or str(error)
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark is not None else ""
    return where + " ".join(what.split()).removesuffix(".")


_SCALARS: tuple[tuple[str, str, str, Callable[..., Any]], ...] = (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF", _bool),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789", _int),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+0123456789.",
        _float,
    ),
    ("null", r"~|null|Null|NULL|", "~nN", _null),
    ("merge", "<<", "<", _text),
    ("str", ".*", "", _text),
)
"""Kinds of plain scalars: the tag, what they look like, their first characters, and what makes a value of them."""

_TAGS = {f"tag:yaml.org,2002:{name}" for name in (*(kind[0] for kind in _SCALARS), "map", "seq")}

for _name, _pattern, _first, _construct in _SCALARS:
    _tag = f"tag:yaml.org,2002:{_name}"
    _StrictLoader.add_constructor(_tag, _construct)
    if _first:
        _firsts = [*_first, ""] if _name == "null" else [*_first]
        _StrictLoader.add_implicit_resolver(_tag, re.compile(f"(?:{_pattern})$"), _firsts)
