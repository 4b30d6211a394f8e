"""Pictures to measure with: the built-in samples, a person's own folders, or drawn ones where nothing else is there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from nst_core.engine.bench.ours import BenchPictures
from nst_core.engine.images.limits import ImageLimits
from nst_core.engine.images.pixels import Pixels, decode_image, resize_pixels, to_tensor
from nst_core.engine.images.suffixes import IMAGE_SUFFIXES
from nst_core.errors import UsageError

if TYPE_CHECKING:
    from nst_core.sources.base import Item

MOST = 64
"""Pictures read of a folder, at most."""

SYNTHETIC = 8


def load_pictures(
    contents: Path | None, styles: Path | None, data_folder: Path, sizes: tuple[int, int], device: torch.device
) -> BenchPictures:
    """Square pictures of `sizes` pixels (content, style): the middle of each file, scaled.

    Raises:
        UsageError: one folder without the other, or one that holds no images.
        InputError: an image that cannot be read.
    """
    if (contents is None) != (styles is None):
        raise UsageError("--contents and --styles go together: give both folders, or neither.")
    if contents is not None and styles is not None:
        paths, origin = (_files(contents, "--contents"), _files(styles, "--styles")), f"{contents} × {styles}"
    else:
        samples = _samples(data_folder)
        if samples is None:
            return synthetic_pictures(sizes, device)
        paths, origin = samples, "built-in samples"
    made = [[_square(path, size).to(device) for path in some] for some, size in zip(paths, sizes, strict=True)]
    return BenchPictures(made[0], made[1], origin)


def synthetic_pictures(sizes: tuple[int, int], device: torch.device, count: int = SYNTHETIC) -> BenchPictures:
    """Seeded clouds of colour with the spectrum of photographs (1/f), for machines without any picture."""
    generator = torch.Generator().manual_seed(0)
    made = [[_cloud(size, generator).to(device) for _ in range(count)] for size in sizes]
    return BenchPictures(made[0], made[1], "synthetic clouds")


def _samples(data_folder: Path) -> tuple[list[Path], list[Path]] | None:
    """The built-in photographs and paintings; None on a bare machine, which lacks what sources import."""
    try:
        from nst_core.sources.sample import sample_paintings, sample_photographs
    except ImportError:
        return None
    photographs, paintings = sample_photographs(data_folder), sample_paintings(data_folder)
    return [item.path for item in photographs.items], [item.path for item in _by_turns(paintings.by_artist())]


def _by_turns(pools: dict[str, list[Item]]) -> list[Item]:
    """One work of every artist, then a second of each, …: neighbours in a batch differ."""
    longest = max(map(len, pools.values()))
    return [works[turn] for turn in range(longest) for works in pools.values() if turn < len(works)]


def _files(folder: Path, option: str) -> list[Path]:
    """The first images below a folder; without `nst_core.sources`, which a bare machine cannot import."""
    if not folder.is_dir():
        raise UsageError(f"{option}: there is no folder {folder}.")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    if not paths:
        raise UsageError(f"{option}: {folder} holds no images ({', '.join(sorted(IMAGE_SUFFIXES))}).")
    return paths[:MOST]


def _square(path: Path, size: int) -> Tensor:
    """The middle of a picture, (3, size, size)."""
    pixels = decode_image(path, ImageLimits()).pixels
    return to_tensor(resize_pixels(_middle(pixels), size, size))


def _middle(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return np.ascontiguousarray(pixels[top : top + side, left : left + side])


def _cloud(size: int, generator: torch.Generator) -> Tensor:
    """Noise of all octaves, each half as strong as the next coarser one, (3, size, size) in [0, 1]."""
    cloud, cells, strength = torch.zeros(1, 3, size, size), 2, 1.0
    while cells <= size:
        noise = torch.rand(1, 3, cells, cells, generator=generator) - 0.5
        cloud += strength * F.interpolate(noise, size=(size, size), mode="bilinear", align_corners=False)
        cells, strength = 2 * cells, strength / 2
    return (cloud[0] * 0.5 + 0.5).clamp(0, 1)
