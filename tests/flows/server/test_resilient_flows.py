"""Flows and tasks beside a Prefect that fails before they begin, or after they ended."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from flows.server import resilience as module
from flows.server.resilience import resilient_flow, resilient_task
from nst_core.errors import Interrupted


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a Prefect in place whose server is gone `before` or `after` the function."""

    def install(when: str) -> None:
        def decorator(**_: Any) -> Any:
            def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
                def call(*args: Any) -> Any:
                    if when == "after":
                        with contextlib.suppress(Exception):
                            function(*args)
                    raise ConnectionError("no server")

                return call

            return decorate

        monkeypatch.setattr(module, "flow", decorator)
        monkeypatch.setattr(module, "task", decorator)

    return install


def calls(times: list[int], error: Exception | None = None) -> Callable[[int], int]:
    def double(value: int) -> int:
        times.append(value)
        if error:
            raise error
        return 2 * value

    return double


@pytest.mark.parametrize("kind", [resilient_flow, resilient_task])
def test_what_was_done_counts_though_prefect_was_not_told(failing: Any, kind: Any) -> None:
    failing("after")
    times: list[int] = []
    assert kind()(calls(times))(21) == 42
    assert times == [21], "once"


@pytest.mark.parametrize("kind", [resilient_flow, resilient_task])
def test_an_error_stays_the_error_that_it_was(failing: Any, kind: Any) -> None:
    failing("after")
    with pytest.raises(Interrupted):
        kind()(calls([], Interrupted()))(21)


def test_a_task_that_could_not_begin_is_done_without_prefect(failing: Any) -> None:
    failing("before")
    times: list[int] = []
    assert resilient_task()(calls(times))(21) == 42
    assert times == [21]


def test_a_flow_that_could_not_begin_has_not_been_done(failing: Any) -> None:
    failing("before")
    times: list[int] = []
    with pytest.raises(ConnectionError):
        resilient_flow()(calls(times))(21)
    assert times == []
