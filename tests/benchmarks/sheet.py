"""The contact sheet: one row per pair, with content, style and what every recipe made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageOps
from stylized_pictures import Picture
from torch import Tensor

from nst_core.engine.images.pixels import Pixels, to_pixels
from nst_core.views.sheets.picture_grid import LabelledPicture, PictureRow, draw_rows

CELL = (256, 192)


def contact_sheet(by_recipe: Mapping[str, Sequence[Picture]]) -> Image.Image:
    """Columns: content, style, then the recipes in order; the pictures of all recipes are of the same pairs."""
    rows = []
    for pictures in zip(*by_recipe.values(), strict=True):
        results = zip((picture.image for picture in pictures), by_recipe, strict=True)
        images = [(pictures[0].content, "content"), (pictures[0].style, "style"), *results]
        rows.append(PictureRow([LabelledPicture(cell(image), title) for image, title in images]))
    return Image.fromarray(draw_rows(rows))


def cell(image: Tensor) -> Pixels:
    """(3, H, W) in [0, 1], cropped and scaled to a cell, (H, W, 3) uint8."""
    return np.asarray(ImageOps.fit(Image.fromarray(to_pixels(image)), CELL, Image.Resampling.LANCZOS))
