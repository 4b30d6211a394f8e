"""What Prefect's server is given of overrides that hold secrets."""

from __future__ import annotations

import pytest

from flows.deploy.overrides import HIDDEN, hidden_overrides, real_overrides


def test_a_server_is_given_no_secret_and_the_runs_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HIDDEN, "")
    given = ["content.path=https://me:HUSH@example.org/photos", "method.size=512"]
    shown = hidden_overrides(given)
    assert shown == ["content.path=https://***@example.org/photos", "method.size=512"]
    assert real_overrides(shown) == given


def test_without_secrets_nothing_is_put_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(HIDDEN, raising=False)
    assert hidden_overrides(["method.size=512"]) == real_overrides(["method.size=512"]) == ["method.size=512"]
