"""Descriptors for the tests of what looks alike: made up, so that what is near to what is known beforehand."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_core.run_folder.descriptors import LENGTH, write_descriptors


def sha(name: object) -> str:
    return hashlib.sha256(str(name).encode()).hexdigest()


def direction(degrees: float) -> NDArray[np.float32]:
    """A descriptor in the plane of the first two numbers: neighbours are those of near angles."""
    vector = np.zeros(LENGTH, np.float32)
    vector[:2] = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return vector


def describe(run: Path, angles: Mapping[str, float]) -> None:
    """Descriptors of files by the names that `sha` knows them by."""
    write_descriptors(run, "test", {sha(name): direction(angle) for name, angle in angles.items()})


def hashed(row: dict[str, Any], name: str, painting: str) -> dict[str, Any]:
    """The row with the hashes of its files, by these names."""
    return row | {"output_sha256": sha(name), "style_sha256": ";".join(sha(one) for one in painting.split(";"))}
