"""Palettes: near where colours are alike, whatever the picture shows; found once, then in the index's cache."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst_core.config.sources import FolderSource
from nst_core.sources.folder import folder_catalogue
from nst_core.sources.index.cache import IndexCache
from nst_core.sources.index.image_metadata import ScanOptions
from nst_core.sources.index.palette import LENGTH, UNIT, oklab, palette, squared_distances
from nst_core.sources.index.scan import scan
from nst_core.sources.index.source_scan import source_palettes


def plain(*colour: int, shape: tuple[int, int] = (20, 30)) -> np.ndarray:
    return np.full((*shape, 3), colour, np.uint8)


def halves(one: tuple[int, ...], other: tuple[int, ...]) -> np.ndarray:
    return np.concatenate([plain(*one), plain(*other)], axis=1)


def distance(one: np.ndarray, other: np.ndarray) -> int:
    return int(squared_distances(palette(one), palette(other)[None])[0])


def test_oklab_is_that_of_its_author() -> None:
    colours = np.array([[255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255], [0, 0, 0]], np.uint8)
    known = [[1, 0, 0], [0.628, 0.225, 0.126], [0.866, -0.234, 0.179], [0.452, -0.032, -0.312], [0, 0, 0]]
    assert np.allclose(oklab(colours), known, atol=1e-3)


def test_only_the_colours_count_not_where_they_are_nor_how_large_the_picture_is() -> None:
    red, blue = (200, 30, 30), (30, 30, 200)
    assert distance(halves(red, blue), halves(blue, red)) == 0
    assert distance(plain(*red), plain(*red, shape=(7, 5))) == 0
    large = np.array(Image.fromarray(halves(red, blue)).resize((600, 200), Image.Resampling.NEAREST))
    assert distance(halves(red, blue), large) < 0.01 * distance(plain(*red), plain(*blue))


def test_alike_colours_are_near_and_a_mixture_is_not_its_mean() -> None:
    warm, warmer, cold = plain(200, 120, 40), plain(220, 110, 30), plain(40, 90, 200)
    assert distance(warm, warmer) < 0.1 * distance(warm, cold)
    chequered, grey = halves((0, 0, 0), (255, 255, 255)), plain(128, 128, 128)
    assert distance(chequered, grey) > distance(grey, plain(160, 160, 160)) > 0


def test_distances_are_those_along_the_directions() -> None:
    assert palette(plain(255, 255, 255)).shape == (LENGTH,)
    along = 13 * 8 / 3  # the squared projections of a vector on 13 directions, evenly spread but for a little
    assert distance(plain(0, 0, 0), plain(255, 255, 255)) == pytest.approx(along * UNIT**2, rel=0.02)


def test_a_second_scan_computes_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, colour in (("a.png", (200, 30, 30)), ("b.png", (30, 30, 200))):
        Image.fromarray(plain(*colour)).save(tmp_path / name)
    (tmp_path / "c.png").write_bytes(b"no picture")
    for path in tmp_path.iterdir():
        os.utime(path, (1e9, 1e9))  # what was written this second is not cached
    wanted = dict.fromkeys(sorted(tmp_path.iterdir()), ScanOptions(palette=True))
    cache = tmp_path / "cache"
    first = scan(wanted, IndexCache([tmp_path], cache))
    assert [found.palette is not None for found in first.values()] == [True, True, False]
    monkeypatch.setattr("nst_core.sources.index.scan.read_image_metadata", lambda *_: pytest.fail("read again"))
    again = scan(wanted, IndexCache([tmp_path], cache))
    assert [found.palette for found in again.values()] == [found.palette for found in first.values()]


def test_a_source_has_the_palettes_of_the_images_that_can_be_read(tmp_path: Path) -> None:
    Image.fromarray(plain(200, 30, 30)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    section = FolderSource(source="folder", path=tmp_path)
    found = source_palettes(folder_catalogue(tmp_path, "style").items, section)
    assert list(found) == ["a.png"]
    assert (found["a.png"] == palette(plain(200, 30, 30))).all()
