"""The files under `configs/`, found beside the code in a checkout and inside the package once installed."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def configs_folder() -> Path:
    """The folder of shipped run files; recipes are in its `methods/`."""
    installed = _PACKAGE / "_configs"
    return installed if installed.is_dir() else _PACKAGE.parent / "configs"
