"""Orchestration: Prefect flows over `nst_core`, and the command line. The only place that imports Prefect.

Prefect reads its settings while it is imported, so ours are set here, before any module of this package can import it.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

from nst_core.storage.machine import cache_folder

QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_CLI_PROMPT": "false",
    "PREFECT_SHOW_NOTIFICATIONS": "false",
}


QUIETED = "NST_QUIETED"
"""The variable that names the settings that were set here, and not by a person: for this process and its children."""


def quiet_environment() -> None:
    """Set Prefect's settings, except for those that the environment sets already.

    Not where Prefect is loaded already, as in its workers: there they would change its child processes only.
    """
    if "prefect" in sys.modules:
        return
    ours = [name for name in QUIET if name not in os.environ]
    os.environ.update({name: QUIET[name] for name in ours})
    os.environ[QUIETED] = " ".join(sorted({*ours, *os.environ.get(QUIETED, "").split()}))
    if "PREFECT_HOME" not in os.environ:
        os.environ["PREFECT_HOME"] = str(_prefect_home())


def _prefect_home() -> Path:
    """A home for Prefect beside that of other versions, in our cache folder; temporary where that cannot be written."""
    home = cache_folder() / "prefect"
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError:
        home = Path(tempfile.mkdtemp(prefix="nst-prefect-home-"))
        atexit.register(shutil.rmtree, home, ignore_errors=True)
    return home


quiet_environment()
