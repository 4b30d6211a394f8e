"""The built-in source: real photographs and painted paintings, as ordinary files, with their licences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from painters import painter

from nst_core.config.sources import SampleSource
from nst_core.engine.images.pixels import ImageLimits, decode_image
from nst_core.errors import SourceError
from nst_core.sources import sample
from nst_core.sources.registry import open_source
from nst_core.sources.sample import PAINTERS, PAINTINGS, WORKS_PER_PAINTER, sample_paintings, sample_photographs


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


def test_there_are_four_artists_or_more_each_with_several_works(tmp_path: Path) -> None:
    pools = open_source(SampleSource(path=tmp_path), "style").by_artist()
    assert len(pools) >= 4
    assert set(pools) == {painter.name for painter in PAINTERS}
    for works in pools.values():
        assert len(works) == WORKS_PER_PAINTER
        assert all(work.license and work.genre for work in works)
        assert all(max(decode_image(work.path, ImageLimits()).pixels.shape) == 512 for work in works)
        assert len({work.path.parent for work in works}) == 1


def test_the_paintings_are_those_of_the_painters_beside_the_docs() -> None:
    assert [(p.name, p.genre) for p in PAINTERS] == [(p.name, p.genre) for p in painter.PAINTERS]
    shipped = decode_image(PAINTINGS / "nami-gouge-2.jpg", ImageLimits()).pixels.astype(float)
    painted = painter.paint(painter.PAINTERS[3], 2).astype(float)
    assert np.abs(shipped - painted).mean() < 6  # what JPEG costs


@pytest.mark.parametrize("damage", [None, b"", b"no image"])
def test_a_damaged_or_missing_painting_is_put_there_again(tmp_path: Path, damage: bytes | None) -> None:
    work, other = sample_paintings(tmp_path).items[:2]
    before, mtime = work.path.read_bytes(), other.path.stat().st_mtime_ns
    work.path.unlink() if damage is None else work.path.write_bytes(damage)
    sample_paintings(tmp_path)
    assert work.path.read_bytes() == before
    assert other.path.stat().st_mtime_ns == mtime


def test_ids_are_the_same_wherever_the_data_lie(tmp_path: Path) -> None:
    one, other = ([item.id for item in sample_paintings(tmp_path / name).items] for name in "ab")
    assert one == other == sorted(one)
    assert len(set(one)) == len(one)
