"""Label images: masks whose every grey value, palette index or colour is the label of a region."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nst_core.engine.images.files import open_image, orientation_of, pillow_faults, read_bytes, turn_upright
from nst_core.errors import UnusableMask

MOST_LABELS = 256
BACKGROUND = "background"
"""The name of label 0."""

Labels = NDArray[np.int32]


@dataclass(frozen=True)
class LabelImage:
    """Labels of the pixels of an upright image.

    Attributes:
        labels: (H, W) int32.
        names: of the labels that have one, besides 0, which is `background`; others go by their number, colours by
            `#rrggbb`.
    """

    labels: Labels
    names: Mapping[int, str] = field(default_factory=dict)

    def resized(self, width: int, height: int) -> LabelImage:
        """By nearest neighbour."""
        if self.labels.shape == (height, width):
            return self
        image = Image.fromarray(self.labels, "I").resize((width, height), Image.Resampling.NEAREST)
        return LabelImage(np.array(image, np.int32), self.names)

    def regions(self) -> list[str]:
        """The names of the labels that occur, in the order of the labels."""
        return [self.name_of(label) for label in self.numbers()]

    def numbers(self) -> list[int]:
        """The labels that occur, in order; colours have numbers above 16 777 215."""
        found: list[int] = np.unique(self.labels).tolist()
        return found

    def mask(self, names: Iterable[str]) -> NDArray[np.bool_]:
        """(H, W): where a label has one of these names."""
        wanted = {name.strip().casefold() for name in names}
        chosen = [label for label in self.numbers() if self._answers_to(label) & wanted]
        return np.isin(self.labels, chosen)

    def check_fits(self, path: str, width: int, height: int) -> None:
        """Raise UnusableMask where the aspect ratio is not that of an image of `width` × `height`."""
        own_height, own_width = self.labels.shape
        off = min(abs(own_width - own_height * width / height), abs(own_height - own_width * height / width))
        if off > 1:
            raise UnusableMask(
                path, f"the mask of {own_width} × {own_height} pixels has another shape than its image, "
                f"{width} × {height}"
            )  # fmt: skip

    def name_of(self, label: int) -> str:
        """The name of a label."""
        if label in self.names:
            return self.names[label]
        if label == 0:
            return BACKGROUND
        return f"#{label & 0xFFFFFF:06x}" if label >> 24 else str(label)

    def _answers_to(self, label: int) -> set[str]:
        return {self.name_of(label).casefold(), str(label)}


def decode_labels(path: Path, max_pixels: int) -> LabelImage:
    """Read a label image: grey (8 or 16 bit), palette (its indices), black and white, or colours; EXIF turned upright.

    Grey in three channels counts as grey; transparency is ignored. 1-bit images have the labels 0 and 255.

    Raises:
        InputError: the file is missing, is no image, is too large, or has too many labels.
    """
    data = read_bytes(path)
    with pillow_faults(path):
        image = open_image(path, io.BytesIO(data), max_pixels)
        orientation = orientation_of(image)
        image.load()
        labels = _labels(turn_upright(image, orientation))
    count = len(np.unique(labels))
    if count > MOST_LABELS:
        raise UnusableMask(path, f"it has {count} different values, so it is no label image: save masks as PNG")
    return LabelImage(labels)


def _labels(image: Image.Image) -> Labels:
    if image.mode in ("L", "P") or image.mode.startswith("I"):
        return np.array(image).astype(np.int32)
    if image.mode == "1":
        return np.array(image.convert("L")).astype(np.int32)
    if image.mode in ("LA", "La", "PA"):
        return np.array(image)[..., 0].astype(np.int32)
    red: Labels
    red, green, blue = np.moveaxis(np.array(image.convert("RGB")).astype(np.int32), -1, 0)
    if bool(np.all((red == green) & (green == blue))):
        return red
    colours = (1 << 24) | (red << 16) | (green << 8) | blue
    return np.where(colours == 1 << 24, 0, colours).astype(np.int32)
