"""A missing need is a skip for a developer, and a failure where everything must be there."""

import needs
import pytest


def test_a_missing_need_is_a_skip_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(needs.REQUIRE_ALL, raising=False)
    with pytest.raises(pytest.skip.Exception, match="needs PostgreSQL: apt-get install postgresql"):
        needs.needs("PostgreSQL", None, "apt-get install postgresql")


def test_a_missing_need_is_a_failure_where_all_are_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(needs.REQUIRE_ALL, "1")
    with pytest.raises(pytest.fail.Exception, match="needs PostgreSQL"):
        needs.needs("PostgreSQL", None, "apt-get install postgresql")
    needs.needs("PostgreSQL", "/usr/bin", "apt-get install postgresql")
