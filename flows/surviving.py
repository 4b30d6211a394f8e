"""Flows whose outcome is that of their function, even where Prefect cannot be told how they ended."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from flows.progress import console
from flows.server import quiet_environment

quiet_environment()

from prefect import flow  # noqa: E402 (its settings come first)

P = ParamSpec("P")
R = TypeVar("R")


def surviving_flow(**options: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """As `prefect.flow`: a Prefect server that died after the function began costs what it would have shown."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            outcome: list[R | BaseException] = []

            @functools.wraps(function)
            def keeping(*args: P.args, **kwargs: P.kwargs) -> R:
                try:
                    made = function(*args, **kwargs)
                except BaseException as error:
                    outcome.append(error)
                    raise
                outcome.append(made)
                return made

            try:
                return flow(**options)(keeping)(*args, **kwargs)
            except Exception as error:
                if not outcome or outcome[0] is error:
                    raise
                console.print(f"Prefect was not told how it ended ({error}).", markup=False, soft_wrap=True)
                if isinstance(outcome[0], BaseException):
                    raise outcome[0] from None
                return outcome[0]

        return call

    return cast(Callable[[Callable[P, R]], Callable[P, R]], decorate)
