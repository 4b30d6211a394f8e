"""Where nst keeps what only saves time; any of it may be deleted."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/nst`, by default `~/.cache/nst`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nst"
