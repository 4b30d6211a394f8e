"""The sample source's painters: the same bytes everywhere, canvases full of texture, hands that are told apart."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from painters.painter import PAINTERS, WORKS_PER_PAINTER, Painter, paint

each_painter = pytest.mark.parametrize("painter", PAINTERS, ids=lambda painter: painter.name)


def _average_blocks(image: np.ndarray, side: int) -> np.ndarray:
    """Mean luminance of the `side` x `side` px blocks of an image (H, W, 3)."""
    rows, columns = image.shape[0] // side, image.shape[1] // side
    grey = image.mean(axis=2)[: rows * side, : columns * side]
    return np.asarray(grey.reshape(rows, side, columns, side).mean(axis=(1, 3)))


def _signature(painter: Painter) -> np.ndarray:
    """What tells a hand: shares of 4 x 4 x 4 colours over all its works, then contrasts at four scales."""
    works = [paint(painter, number, 128) for number in range(1, WORKS_PER_PAINTER + 1)]
    pixels = np.concatenate([work.reshape(-1, 3) for work in works]) // 64
    colours = np.bincount(pixels @ np.array([16, 4, 1]), minlength=64) / len(pixels)
    contrasts = [np.mean([_average_blocks(work, side).std() for work in works]) / 128 for side in (1, 2, 4, 8)]
    return np.concatenate([colours, contrasts])


@each_painter
def test_the_same_work_has_the_same_bytes(painter: Painter) -> None:
    assert paint(painter, 2, 96).tobytes() == paint(painter, 2, 96).tobytes()


def test_a_fresh_process_paints_the_same_bytes() -> None:
    code = (
        "import hashlib; from painters.painter import PAINTERS, paint;"
        "print(hashlib.sha256(b''.join(paint(p, 1, 64).tobytes() for p in PAINTERS)).hexdigest())"
    )
    docs = Path(__file__).parents[3] / "docs"
    fresh = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=docs)
    assert fresh.stdout.strip() == hashlib.sha256(b"".join(paint(p, 1, 64).tobytes() for p in PAINTERS)).hexdigest()


@each_painter
def test_works_of_a_painter_differ(painter: Painter) -> None:
    works = [paint(painter, number, 96).astype(float) for number in range(1, WORKS_PER_PAINTER + 1)]
    for one, other in combinations(works, 2):
        assert np.abs(one - other).mean() > 10


@each_painter
@pytest.mark.parametrize("size", [64, 97, 512])
def test_the_longer_side_has_the_asked_size(painter: Painter, size: int) -> None:
    work = paint(painter, 1, size)
    assert work.dtype == np.uint8
    assert work.ndim == 3
    assert work.shape[2] == 3
    assert max(work.shape[:2]) == size
    assert min(work.shape[:2]) >= 0.7 * size


@each_painter
def test_a_work_keeps_its_composition_at_another_size(painter: Painter) -> None:
    small, large = _average_blocks(paint(painter, 1, 96), 6), _average_blocks(paint(painter, 1, 192), 12)
    assert np.corrcoef(small.ravel(), large.ravel())[0, 1] > 0.9


@each_painter
@pytest.mark.parametrize("number", range(1, WORKS_PER_PAINTER + 1))
def test_the_canvas_is_filled_with_texture_at_several_scales(painter: Painter, number: int) -> None:
    work = paint(painter, number, 192)
    counts = np.unique(work.reshape(-1, 3), axis=0, return_counts=True)[1]
    assert counts.max() < 0.02 * counts.sum()
    for side in (1, 4, 16):
        assert _average_blocks(work, side).std() > 8
    squares = work.mean(axis=2).reshape(-1, 24, 8, 24)
    assert squares.std(axis=(1, 3)).min() > 2, "a 24 px square is left empty"


def test_hands_are_told_apart() -> None:
    signatures = {painter.name: _signature(painter) for painter in PAINTERS}
    for one, other in combinations(signatures, 2):
        assert np.abs(signatures[one] - signatures[other]).sum() > 0.5, (one, other)


def test_names_are_unique_and_make_ascii_slugs() -> None:
    slugs = [re.sub(r"[^a-z0-9]+", "-", painter.name.lower()).strip("-") for painter in PAINTERS]
    assert len(set(slugs)) == len(PAINTERS)
    assert all(slugs)
    assert all(painter.name.isascii() and painter.genre.strip() for painter in PAINTERS)


@pytest.mark.parametrize(("number", "size"), [(0, 64), (1, 0)])
def test_there_is_no_work_zero_and_no_empty_canvas(number: int, size: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        paint(PAINTERS[0], number, size)
