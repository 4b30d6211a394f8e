"""Credentials of a deployed flow: from the environment, else from Prefect `Secret` blocks, while it runs."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from flows.server.run_server import environment

GROUPS = (
    ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY"),
    ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    ("AZURE_STORAGE_CONNECTION_STRING",),
)
"""Variables that belong together: blocks are read only where the environment has none of a group, never mixed in."""


def block_name(variable: str) -> str:
    """The `Secret` block of a variable: `KAGGLE_KEY` is in `nst-kaggle-key`, `NST_NOTIFY_URL` in `nst-notify-url`."""
    return f"nst-{variable.removeprefix('NST_').lower().replace('_', '-')}"


def secret(variable: str) -> str | None:
    """A value from the environment, else from its `Secret` block; None where neither has one."""
    return os.environ.get(variable) or _from_block(variable)


@contextlib.contextmanager
def credentials() -> Iterator[list[str]]:
    """Put the values of the `Secret` blocks into the environment for the block; yields the names of the variables."""
    values = {
        variable: value
        for group in GROUPS
        if not any(os.environ.get(variable) for variable in group)
        for variable in group
        if (value := _from_block(variable))
    }
    with environment(values):
        yield sorted(values)


def _from_block(variable: str) -> str | None:
    from prefect.blocks.system import Secret

    try:
        block = Secret.load(block_name(variable), _sync=True)  # type: ignore[call-arg, unused-ignore]
    except ValueError:  # there is no such block
        return None
    return str(block.get())  # type: ignore[union-attr, unused-ignore]
