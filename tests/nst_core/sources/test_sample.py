"""The built-in source: real photographs and painted paintings, as ordinary files, with their licences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst_core.config.sources import SampleSource
from nst_core.engine.images.pixels import ImageLimits, decode_image
from nst_core.errors import SourceError
from nst_core.sources import sample
from nst_core.sources.painters.painter import PAINTERS, WORKS_PER_PAINTER, Painter
from nst_core.sources.registry import open_source
from nst_core.sources.sample import sample_paintings, sample_photographs


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Every call of `paint`, which takes no time here."""
    calls: list[tuple[str, int]] = []

    def paint(painter: Painter, number: int, _size: int) -> np.ndarray:
        calls.append((painter.name, number))
        return np.full((8, 8, 3), 10 * number, np.uint8)

    monkeypatch.setattr(sample, "paint", paint)
    return calls


def test_photographs_are_real_images_with_label_and_licence(tmp_path: Path) -> None:
    items = open_source(SampleSource(path=tmp_path), "content").items
    assert len(items) >= 3
    assert len({item.label for item in items}) == len(items)
    for item in items:
        assert item.license
        assert item.source_url
        assert item.path.is_relative_to(tmp_path / "sample")
        assert min(decode_image(item.path, ImageLimits()).pixels.shape[:2]) >= 256


def test_photographs_are_put_once_and_mended(tmp_path: Path) -> None:
    first, second, *_ = sample_photographs(tmp_path).items
    before, mtime = first.path.read_bytes(), second.path.stat().st_mtime_ns
    first.path.write_bytes(before[:100])
    sample_photographs(tmp_path)
    assert first.path.read_bytes() == before
    assert second.path.stat().st_mtime_ns == mtime


def test_a_photograph_that_scikit_image_lacks_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "PHOTOGRAPHS", (sample.SamplePhotograph("nope.png", "x", "y", "z"),))
    with pytest.raises(SourceError, match=r"lacks its photograph nope\.png: reinstall"):
        sample_photographs(tmp_path)


def test_there_are_four_artists_or_more_each_with_several_works(tmp_path: Path, painted: list[object]) -> None:
    pools = open_source(SampleSource(path=tmp_path), "style").by_artist()
    assert len(pools) >= 4
    assert set(pools) == {painter.name for painter in PAINTERS}
    for works in pools.values():
        assert len(works) == WORKS_PER_PAINTER
        assert all(work.license and work.genre and work.path.is_file() for work in works)
        assert len({work.path.parent for work in works}) == 1
    assert len(painted) == len(PAINTERS) * WORKS_PER_PAINTER


def test_paintings_are_painted_once(tmp_path: Path, painted: list[object]) -> None:
    first = sample_paintings(tmp_path)
    painted.clear()
    assert sample_paintings(tmp_path) == first
    assert painted == []


@pytest.mark.parametrize("damage", [None, b"", b"no image", b"\x89PNG\r\n\x1a\n"])
def test_a_damaged_or_missing_painting_is_painted_again(
    tmp_path: Path, painted: list[tuple[str, int]], damage: bytes | None
) -> None:
    work = sample_paintings(tmp_path).items[0]
    before = work.path.read_bytes()
    painted.clear()
    work.path.unlink() if damage is None else work.path.write_bytes(damage)
    sample_paintings(tmp_path)
    assert len(painted) == 1
    assert work.path.read_bytes() == before


def test_a_painting_that_somebody_changed_is_left_alone(tmp_path: Path, painted: list[object]) -> None:
    work = sample_paintings(tmp_path).items[0]
    Image.new("RGB", (5, 5)).save(work.path)
    before = work.path.read_bytes()
    sample_paintings(tmp_path)
    assert work.path.read_bytes() == before


def test_ids_are_the_same_wherever_the_data_lie(tmp_path: Path, painted: list[object]) -> None:
    one, other = ([item.id for item in sample_paintings(tmp_path / name).items] for name in "ab")
    assert one == other == sorted(one)
    assert len(set(one)) == len(one)


def test_progress_counts_to_the_end(tmp_path: Path, painted: list[object]) -> None:
    told: list[tuple[int, int]] = []
    sample_paintings(tmp_path, lambda done, total: told.append((done, total)))
    total = len(PAINTERS) * WORKS_PER_PAINTER
    assert told == [(done, total) for done in range(1, total + 1)]
