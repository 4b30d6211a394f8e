"""Whether a training that was put down and taken up ends as one that nobody interrupted."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import torch

from nst_core.engine.training.network_trainer import NetworkTrainer


def check_resumes(make: Callable[[], NetworkTrainer[Any, Any]], before: int, after: int) -> None:
    """Compare the weights, their average and the result of `before + after` steps, in one go and in two."""
    whole, first, second = make(), make(), make()
    for _ in range(before + after):
        whole.step()
    for _ in range(before):
        first.step()
    second.load_state(copied(first.state()))
    first.step()  # goes its own way: the state is no part of it
    first.evaluate()
    for _ in range(after):
        second.step()
    own, resumed = whole.network.state_dict(), second.network.state_dict()
    assert [name for name in own if not torch.equal(own[name], resumed[name])] == []
    averages = whole.average.average, second.average.average
    assert [name for name, value in averages[0].items() if not torch.equal(value, averages[1][name])] == []
    assert whole.result() == second.result()
    assert whole.evaluate() == second.evaluate()


def copied(state: dict[str, Any]) -> dict[str, Any]:
    """The state as a file holds it, and gives it back without running code."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    found: dict[str, Any] = torch.load(file, weights_only=True)
    return found
