"""Whether something will fit, asked before it is fetched."""

from __future__ import annotations

import shutil
from pathlib import Path

from nst_core.errors import DiskFull
from nst_core.storage.paths import is_local


def free_bytes(folder: Path) -> int | None:
    """Room on the disk that `folder`, which need not exist yet, lies on or would; None at a store, which has no end."""
    if not is_local(folder):
        return None
    folder = folder.absolute()
    return shutil.disk_usage(next(parent for parent in (folder, *folder.parents) if parent.is_dir())).free


def check_space(folder: Path, needed: int, what: str) -> None:
    """Raises DiskFull where less than `needed` bytes are free for `folder`, which need not exist yet."""
    free = free_bytes(folder)
    if free is not None and needed > free:
        raise DiskFull(
            f"Not enough space for {what} in {folder}: {human(needed)} are needed, {human(free)} are free. "
            "Free some, or choose a folder on another disk."
        )


def human(size: float) -> str:
    """A number of bytes for people: `815.6 MB`."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
