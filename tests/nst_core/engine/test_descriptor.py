"""Descriptors of pictures: of length 1, whatever the shape; the same look is near, another is not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from nst_core.engine.descriptor import Descriptor, load_descriptor, moments
from nst_core.engine.features.slim_network import LAYERS, WIDTHS
from nst_core.engine.images.pixels import to_tensor
from nst_core.run_folder.descriptors import LENGTH
from nst_core.sources.paintings import __path__ as paintings


@pytest.fixture(scope="module")
def descriptor() -> Descriptor:
    return load_descriptor()


def test_moments_are_means_and_deviations_by_layer() -> None:
    draw = torch.Generator().manual_seed(0)
    maps = {layer: torch.rand(2, width, 4, 5, generator=draw) for layer, width in zip(LAYERS, WIDTHS, strict=True)}
    found = moments(maps)
    assert found.shape == (2, 2 * sum(WIDTHS))
    first = maps[LAYERS[0]].flatten(2)
    assert torch.allclose(found[:, : WIDTHS[0]], first.mean(2))
    assert torch.allclose(found[:, WIDTHS[0] : 2 * WIDTHS[0]], first.std(2, correction=0))


def test_descriptors_have_the_length_of_their_column_and_length_one(descriptor: Descriptor) -> None:
    images = torch.rand(3, 3, 24, 40, generator=torch.Generator().manual_seed(0))
    found = descriptor.describe(images)
    assert found.shape == (3, LENGTH) == (3, descriptor.length)
    assert torch.allclose(found.norm(dim=1), torch.ones(3), atol=1e-5)
    assert torch.allclose(found[1], descriptor.describe(images[1:2])[0], atol=1e-5), "whatever else is in the batch"


def test_halves_of_one_painting_are_nearest_to_each_other(descriptor: Descriptor) -> None:
    """Six painters, a painting of each, cut in two: nothing of what is shown is in both halves, but its manner."""
    from pathlib import Path

    files = sorted(Path(paintings[0]).glob("*-1.jpg"))
    assert len(files) == 6
    halves: list[list[torch.Tensor]] = [[], []]
    for file in files:
        with Image.open(file) as image:
            pixels = np.asarray(image.convert("RGB").resize((192, 128)))
        for half, part in zip(halves, (pixels[:, :96], pixels[:, 96:]), strict=True):
            half.append(to_tensor(np.ascontiguousarray(part)))
    left, right = (descriptor.describe(torch.stack(half)) for half in halves)
    assert (left @ right.T).argmax(dim=1).tolist() == list(range(6))
