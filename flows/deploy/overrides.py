"""Overrides with secrets in them: what Prefect's server is given of them, and how the runs of `nst serve` get them."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

from nst_core.storage.secrets import redact

HIDDEN = "NST_HIDDEN_OVERRIDES"
"""The variable by which a process hands overrides with secrets to its child processes: JSON, by what is shown."""


def hidden_overrides(overrides: Sequence[str]) -> list[str]:
    """The overrides as Prefect's server may have them; those with secrets are kept for the child processes."""
    shown = [str(redact(override)) for override in overrides]
    kept = {one: real for one, real in zip(shown, overrides, strict=True) if one != real}
    if kept:
        os.environ[HIDDEN] = json.dumps(kept)
    return shown


def real_overrides(overrides: Sequence[str]) -> list[str]:
    """The inverse of `hidden_overrides`, in this process or a child of it."""
    kept = json.loads(os.environ.get(HIDDEN) or "{}")
    return [str(kept.get(override, override)) for override in overrides]
