"""Decorators for flows and tasks that go on where Prefect's server does not answer."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from prefect import flow, task
from prefect.utilities.annotations import quote

from flows.progress import console

P = ParamSpec("P")
R = TypeVar("R")


def resilient_flow(**options: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A flow as `prefect.flow` makes it, but without an error where the server dies after the function began."""
    return _resilient(flow(**options), anyway=False)


def resilient_task(**options: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A task as `prefect.task` makes it, to be called, not submitted; it runs even where Prefect cannot begin it."""
    return _resilient(task(**options), anyway=True)


def _resilient(shown: Any, anyway: bool) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator around `shown`, Prefect's own; `anyway`: whether to call the function where Prefect cannot begin."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            outcome: list[R | BaseException] = []
            recorded = _recorded(function, outcome)
            try:
                return cast(R, shown(recorded)(*args, **kwargs))
            except Exception as error:
                if not (outcome or anyway) or (outcome and outcome[0] is error):
                    raise
                console.print(f"Prefect does not answer ({error}): going on without it.", markup=False, soft_wrap=True)
            if not outcome:
                return function(*map(_unquoted, args), **kwargs)
            if isinstance(outcome[0], BaseException):
                raise outcome[0]
            return outcome[0]

        return call

    return decorate


def _recorded(function: Callable[..., R], outcome: list[R | BaseException]) -> Callable[..., R]:
    """The function, which also appends to `outcome` what it returns or raises."""

    @functools.wraps(function)
    def recorded(*args: Any, **kwargs: Any) -> R:
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            outcome.append(error)
            raise
        outcome.append(result)
        return result

    return recorded


def _unquoted(value: Any) -> Any:
    return value.unquote() if isinstance(value, quote) else value


def opaque(value: R) -> R:
    """`value` as a parameter that Prefect neither searches for futures (slow in large plans) nor sends anywhere."""
    return cast(R, quote(value))
