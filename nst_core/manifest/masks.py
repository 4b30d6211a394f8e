"""The columns `mask` and `style_mask` of a manifest: label images, found beside it, and what they held."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

from nst_core.sources.base import MASK, MASK_HASH, STYLE_MASK, STYLE_MASK_HASH
from nst_core.storage.paths import is_local, is_url, parse_path

_MISSING = "missing"


def with_masks(extras: Mapping[str, str], folder: Path) -> Mapping[str, str]:
    """A row's further columns with its masks as absolute paths and their hashes, which decide the pair's id.

    Cells of several masks (of a blend's styles) have `;` between them; empty cells are left out.
    """
    if not any(name in extras for name in (MASK, STYLE_MASK)):
        return extras
    found = {name: value for name, value in extras.items() if name not in (MASK, STYLE_MASK)}
    for name, hash_name in ((MASK, MASK_HASH), (STYLE_MASK, STYLE_MASK_HASH)):
        names = [part.strip() for part in extras.get(name, "").split(";")]
        if any(names):
            paths = [_absolute(part, folder) if part else "" for part in names]
            found[name] = ";".join(paths)
            found[hash_name] = ";".join(_hash(path) if path else "" for path in paths)
    return found


def mask_cells(extras: Mapping[str, str]) -> tuple[str, ...]:
    """The hashes of a pair's masks: two rows that differ in them are two pairs."""
    return tuple(extras.get(name, "") for name in (MASK_HASH, STYLE_MASK_HASH))


def _absolute(name: str, folder: Path) -> str:
    if is_url(name):
        return name
    if not is_local(folder):
        return str(folder / name)
    beside = (folder / name).absolute()
    return str(beside if beside.exists() or not Path(name).exists() else Path(name).absolute())


@functools.lru_cache(maxsize=4096)
def _hash_of(path: str, state: object) -> str:
    from nst_core.sources.index.inputs import current_sha256  # loads Pillow

    return current_sha256(path) or _MISSING


def _hash(path: str) -> str:
    from nst_core.storage.paths import file_state

    return _hash_of(path, file_state(parse_path(path)))
