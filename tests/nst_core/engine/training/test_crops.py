"""Random crops: reproducible, of any image."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nst_core.engine.training.crops import ImageSet, random_crop


def drawing(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("shape", [(60, 90), (20, 200), (10, 12), (48, 48), (1, 1)])
def test_a_crop_is_square_whatever_the_image(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    for seed in range(20):
        crop = random_crop(pixels, 48, drawing(seed))
        assert crop.shape == (3, 48, 48)
        assert 0 <= crop.min() <= crop.max() <= 1


def test_a_crop_of_the_whole_image_is_the_image_or_its_mirror() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    whole = torch.from_numpy(pixels).permute(2, 0, 1) / 255
    found = [random_crop(pixels, 8, drawing(seed)) for seed in range(20)]
    assert all(torch.equal(crop, whole) or torch.equal(crop, whole.flip(2)) for crop in found)
    assert {bool(torch.equal(crop, whole)) for crop in found} == {True, False}


def test_the_generator_alone_decides() -> None:
    images = ImageSet(["a", "b"], lambda number: np.full((30, 40, 3), 100 * number, np.uint8))
    assert torch.equal(images.crops(6, 16, drawing(5)), images.crops(6, 16, drawing(5)))
    assert {round(float(crop.mean()) * 255) for crop in images.crops(20, 16, drawing())} == {0, 100}
