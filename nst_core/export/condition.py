"""Conditions on rows, as `--where "cfsd < 0.3 and artist == 'Ada'"` writes them; read as data, never run as code."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from nst_core.errors import UsageError
from nst_core.sources.artist_names import suggest_name

_OPERATORS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: pc.less,
    ast.LtE: pc.less_equal,
    ast.Gt: pc.greater,
    ast.GtE: pc.greater_equal,
    ast.Eq: pc.equal,
    ast.NotEq: pc.not_equal,
}
_MOST_SIGNS = 2000
_EXAMPLE = '--where "cfsd < 0.3 and style_distance < 0.5"'


@dataclass(frozen=True)
class Condition:
    """A condition on the columns of a table.

    Attributes:
        columns: the names that it uses, each once.
    """

    text: str
    columns: tuple[str, ...]
    _tree: ast.expr

    def mask(self, table: pa.Table) -> pa.ChunkedArray:
        """Which rows fulfil it: true or false, never null; a value that a row does not have fulfils nothing.

        Raises:
            UsageError: a column is compared with a value of another type.
        """
        try:
            return pc.fill_null(_mask(self._tree, table), False)
        except pa.ArrowException as error:
            raise UsageError(f"--where {self.text!r} compares values of different types ({error}).") from error


def parse_condition(text: str, known: Sequence[str]) -> Condition:
    """Read a condition: comparisons of columns with numbers and texts, joined by `and`, `or`, `not` and brackets.

    Args:
        known: the names of columns.

    Raises:
        UsageError: it is no such condition, or names another column.
    """
    try:
        if len(text) > _MOST_SIGNS:
            raise ValueError
        tree = ast.parse(text.strip(), mode="eval").body
        names = dict.fromkeys(_names(tree))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise UsageError(f"--where {text[:200]!r} is no condition: write it as {_EXAMPLE}.") from None
    for name in names:
        if name not in known:
            raise UsageError(f"--where: there is no column {name!r}{suggest_name(name, known)}.")
    if not names:
        raise UsageError(f"--where {text!r} names no column: write it as {_EXAMPLE}.")
    return Condition(text, tuple(names), tree)


def _names(node: ast.expr) -> list[str]:
    """The columns of a condition. Raises ValueError where it holds anything but conditions."""
    match node:
        case ast.BoolOp(values=parts):
            return [name for part in parts for name in _names(part)]
        case ast.UnaryOp(op=ast.Not(), operand=part):
            return _names(part)
        case ast.Compare(left=left, ops=ops, comparators=others) if all(type(op) in _OPERATORS for op in ops):
            return [name for part in (left, *others) for name in _operand_names(part)]
        case ast.Compare(left=ast.Name(id=name), ops=[ast.In() | ast.NotIn()], comparators=[ast.List() | ast.Tuple()]):
            for value in node.comparators[0].elts:  # type: ignore[attr-defined]
                _value(value)
            return [name]
    raise ValueError


def _operand_names(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Name):
        return [node.id]
    _value(node)
    return []


def _value(node: ast.expr) -> str | float:
    """A number or a text. Raises ValueError."""
    match node:
        case ast.Constant(value=bool()):
            raise ValueError
        case ast.Constant(value=str() | int() | float() as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
    raise ValueError


def _mask(node: ast.expr, table: pa.Table) -> Any:
    match node:
        case ast.BoolOp(op=joint, values=parts):
            join = pc.and_kleene if isinstance(joint, ast.And) else pc.or_kleene
            return reduce(join, [_mask(part, table) for part in parts])
        case ast.UnaryOp(operand=part):
            return pc.invert(_mask(part, table))
        case ast.Compare(left=ast.Name(id=name), ops=[ast.In() | ast.NotIn() as membership], comparators=[values]):
            found = _is_among(table[name], values.elts)  # type: ignore[attr-defined]
            return found if isinstance(membership, ast.In) else pc.invert(found)
        case ast.Compare(left=left, ops=ops, comparators=others):
            sides = zip(ops, (left, *others), others, strict=False)
            return reduce(
                pc.and_kleene, [_OPERATORS[type(op)](_operand(a, table), _operand(b, table)) for op, a, b in sides]
            )
    raise AssertionError(ast.dump(node))


def _is_among(column: pa.ChunkedArray, values: Sequence[ast.expr]) -> pa.ChunkedArray:
    """Whether each entry is one of some values; null where there is no entry."""
    found = pc.is_in(column, pa.array([_value(value) for value in values]).cast(column.type))
    return pc.if_else(pc.is_valid(column), found, None)


def _operand(node: ast.expr, table: pa.Table) -> Any:
    return table[node.id] if isinstance(node, ast.Name) else pa.scalar(_value(node))
