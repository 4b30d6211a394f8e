"""What people call a run."""

from __future__ import annotations

from pathlib import Path

from nst_core.errors import RunFolderError
from nst_core.run_folder import RunFolder
from nst_core.storage.paths import is_local


def run_name(run_folder: Path) -> str:
    """The name in `run.yaml`, where there is one; else the folder's."""
    try:
        told = RunFolder(run_folder).read_run_file()
    except RunFolderError:  # a name needs no run.yaml, least of all a sound one
        told = {}
    for section in (told, told.get("config")):
        if isinstance(section, dict) and section.get("name"):
            return str(section["name"])
    return (run_folder.resolve() if is_local(run_folder) else run_folder).name
