"""Descriptors for the tests of what looks alike: made up, so that what is near to what is known beforehand."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from exhibits import new_run, picture, row, write_results
from numpy.typing import NDArray

from nst_core.run_folder.descriptors import LENGTH, write_descriptors

ANGLES = {"ada": 0, "bo": 100, "cy": 220}
"""Of the artists' first paintings; the others are 24 degrees further each, results follow their painting by 6 each."""


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


def exhibit(run: Path, artist: str, content: str, number: int = 1, **changes: Any) -> dict[str, Any]:
    """A result in the style of the artist's painting of that number."""
    painting = f"{artist} {number}"
    path = picture(run.parent / "sources" / f"{painting}.png", (40, 30), seed=number)
    file = f"images/{content}--{artist}-{number}.png"
    made = row(run, f"{content} {painting}", artist=artist, style_path=str(path), file_name=file, **changes)
    return hashed(made | {"content_path": str(run.parent / "sources" / f"{content}.png")}, file, painting)


def angles(artist: str, contents: str, numbers: tuple[int, ...] = (1, 2)) -> dict[str, float]:
    found: dict[str, float] = {}
    for number in numbers:
        start = ANGLES[artist] + 24.0 * (number - 1)
        found[f"{artist} {number}"] = start
        found |= {f"images/{content}--{artist}-{number}.png": start + 6 + 6 * i for i, content in enumerate(contents)}
    return found


def three_artists(folder: Path) -> Path:
    """A run of three artists, two paintings each, three photographs in the style of each; nothing is described."""
    run = new_run(folder)
    for artist in ANGLES:
        write_results(run, artist, [exhibit(run, artist, content, number) for content in "xyz" for number in (1, 2)])
    return run


def described(run: Path) -> Path:
    """The run of three artists, every picture described."""
    for artist in ANGLES:
        describe(run, angles(artist, "xyz"))
    return run
