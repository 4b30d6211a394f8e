"""Flows and tasks whose outcome is that of their function, even where Prefect cannot be told of it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from prefect import flow, task
from prefect.utilities.annotations import quote

from flows.progress import console

P = ParamSpec("P")
R = TypeVar("R")


def surviving_flow(**options: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """As `prefect.flow`: a server that died after the function began costs what it would have shown."""
    return _surviving(flow(**options), anyway=False)


def surviving_task(**options: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """As `prefect.task`, to be called and not submitted: one that Prefect could not begin runs all the same."""
    return _surviving(task(**options), anyway=True)


def _surviving(shown: Any, anyway: bool) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """`shown` is Prefect's own decorator; `anyway`: whether what it could not begin is done without it."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            outcome: list[R | BaseException] = []
            keeping = _keeping(function, outcome)
            try:
                return cast(R, shown(keeping)(*args, **kwargs))
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


def _keeping(function: Callable[..., R], outcome: list[R | BaseException]) -> Callable[..., R]:
    """The function, leaving in `outcome` what it returned or raised."""

    @functools.wraps(function)
    def keeping(*args: Any, **kwargs: Any) -> R:
        try:
            made = function(*args, **kwargs)
        except BaseException as error:
            outcome.append(error)
            raise
        outcome.append(made)
        return made

    return keeping


def _unquoted(value: Any) -> Any:
    return value.unquote() if isinstance(value, quote) else value
