"""Random crops of images: what networks are trained with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

Pixels = NDArray[np.uint8]
"""An image as (H, W, 3) sRGB."""

LEAST_ZOOM = 0.5
"""An image is scaled by a factor from this to 1 before it is cropped, but never below the side of the crop."""


class ImageSet:
    """Images by number, read when they are asked for.

    Args:
        names: of the images, in an order that stays: drawing depends on it.
        read: gives the pixels of the image of that number.
    """

    def __init__(self, names: Sequence[str], read: Callable[[int], Pixels]) -> None:
        self.names, self.read = tuple(names), read

    def __len__(self) -> int:
        return len(self.names)

    def crop(self, side: int, generator: torch.Generator) -> Tensor:
        """A random crop of a random image, (3, side, side) float32 in [0, 1]."""
        return random_crop(self.read(draw_number(len(self), generator)), side, generator)

    def crops(self, count: int, side: int, generator: torch.Generator) -> Tensor:
        """(count, 3, side, side)."""
        return torch.stack([self.crop(side, generator) for _ in range(count)])

    def whole(self, number: int) -> Tensor:
        """An image, (3, H, W) float32 in [0, 1]."""
        return _tensor(self.read(number))

    def squares(self, most: int, side: int) -> Tensor:
        """The middle squares of the first images, at most so many, resized: (B, 3, side, side)."""
        return torch.stack([middle_square(self.read(number), side) for number in range(min(most, len(self)))])


@dataclass(frozen=True)
class TrainingImages:
    """Photographs and paintings, those that the training sees and those that it does not."""

    contents: ImageSet
    styles: ImageSet
    held_out_contents: ImageSet
    held_out_styles: ImageSet


def random_crop(pixels: Pixels, side: int, generator: torch.Generator) -> Tensor:
    """A crop of an image scaled at random, mirrored or not: (3, side, side) float32 in [0, 1]."""
    height, width = pixels.shape[:2]
    least = side / min(height, width)
    zoom = max(least, draw_value(max(LEAST_ZOOM, min(least, 1.0)), 1.0, generator))
    size = (max(side, round(width * zoom)), max(side, round(height * zoom)))
    image = Image.fromarray(pixels)
    scaled = np.asarray(image if image.size == size else image.resize(size, Image.Resampling.BICUBIC))
    x, y = draw_number(size[0] - side + 1, generator), draw_number(size[1] - side + 1, generator)
    crop = scaled[y : y + side, x : x + side]
    if draw_number(2, generator):
        crop = crop[:, ::-1]
    return _tensor(crop)


def middle_square(pixels: Pixels, side: int) -> Tensor:
    """The middle square of an image, resized: (3, side, side) float32 in [0, 1]."""
    height, width = pixels.shape[:2]
    least = min(height, width)
    left, top = (width - least) // 2, (height - least) // 2
    square = Image.fromarray(pixels).crop((left, top, left + least, top + least))
    return _tensor(np.asarray(square.resize((side, side), Image.Resampling.LANCZOS)))


def draw_number(below: int, generator: torch.Generator) -> int:
    """A whole number from 0 to `below` − 1."""
    return int(torch.randint(below, (), generator=generator))


def draw_value(low: float, high: float, generator: torch.Generator) -> float:
    """A number between two."""
    return low + (high - low) * float(torch.rand((), generator=generator))


def _tensor(pixels: Pixels) -> Tensor:
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255
