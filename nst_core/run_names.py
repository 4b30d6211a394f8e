"""What people call a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from nst_core.run_folder import RUN_FILE
from nst_core.storage import is_local


def run_name(run_folder: Path) -> str:
    """The name in `run.yaml`, where there is one; else the folder's."""
    told = _run_file(run_folder)
    for section in (told, told.get("config") if isinstance(told, dict) else None):
        if isinstance(section, dict) and section.get("name"):
            return str(section["name"])
    return (run_folder.resolve() if is_local(run_folder) else run_folder).name


def _run_file(run_folder: Path) -> Any:
    try:
        return yaml.safe_load((run_folder / RUN_FILE).read_text("utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError):  # a name needs no run.yaml, least of all a sound one
        return None
