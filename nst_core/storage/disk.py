"""Free space on a disk, checked before something is written to it; sizes in bytes, written and read."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from nst_core.errors import DiskFull
from nst_core.storage.paths import is_local


def free_bytes(folder: Path) -> int | None:
    """The bytes free on the disk of `folder`, which need not exist yet; None at a store, which has no limit."""
    if not is_local(folder):
        return None
    folder = folder.absolute()
    return shutil.disk_usage(next(parent for parent in (folder, *folder.parents) if parent.is_dir())).free


def check_space(folder: Path, needed: int, what: str) -> None:
    """Check that `needed` bytes are free for `what` in `folder`, which need not exist yet. Raises DiskFull."""
    free = free_bytes(folder)
    if free is not None and needed > free:
        raise DiskFull(
            f"Not enough space for {what} in {folder}: {format_bytes(needed)} are needed, {format_bytes(free)} are "
            "free. Free some, or choose a folder on another disk."
        )


def format_bytes(size: float) -> str:
    """A number of bytes with its unit: `815.6 MB`."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


_UNITS = {
    **{"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12},
    **{"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40},
}


def parse_bytes(text: str) -> int:
    """The bytes of a size with its unit, such as `3GiB` or `800 MB`. Raises ValueError."""
    found = re.fullmatch(r"([0-9]{1,12}(?:\.[0-9]{1,12})?) ?([A-Za-z]+)", text.strip())
    unit = _UNITS.get(found[2].lower()) if found else None
    if not found or unit is None or not float(found[1]):
        raise ValueError("must be a size with its unit, such as 3GiB or 800MB")
    return int(float(found[1]) * unit)
