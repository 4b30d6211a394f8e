"""What some tests need beyond Python: without it they are skipped, or, where everything must be there, they fail."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

REQUIRE_ALL = "NST_REQUIRE_ALL"
"""Set to 1 where a missing need is a failure, not a skip."""


def needs(what: str, found: object, how: str) -> None:
    """Skip the test, with the reason, where `found` is nothing; fail it where all needs are required."""
    if found:
        return
    reason = f"needs {what}: {how}"
    if os.environ.get(REQUIRE_ALL) == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def nginx() -> Path:
    """The program of nginx, as Debian or PATH has it."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin")
    needs("nginx", found, "apt-get install nginx-light")
    assert found is not None
    return Path(found)


def postgres() -> Path:
    """The folder of PostgreSQL's programs, as Debian or PATH has them."""
    on_path = shutil.which("initdb")
    debians = [path.parent for path in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))]
    folder = debians[-1] if debians else Path(on_path).resolve().parent if on_path else None
    needs("PostgreSQL", folder, "apt-get install postgresql")
    assert folder is not None
    return folder
