"""The contact sheet: one row per pair, with content, style and what every recipe made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PIL import Image, ImageOps
from stylized_pictures import Picture
from torch import Tensor

from nst_core.engine.images.pixels import to_pixels

CELL, GAP = (256, 192), 4


def contact_sheet(by_recipe: Mapping[str, Sequence[Picture]]) -> Image.Image:
    """Columns: content, style, then the recipes in order; the pictures of all recipes are of the same pairs."""
    columns = list(by_recipe.values())
    rows = [[cells[0].content, cells[0].style, *(p.image for p in cells)] for cells in zip(*columns, strict=True)]
    width, height = CELL[0] + GAP, CELL[1] + GAP
    sheet = Image.new("RGB", (width * len(rows[0]) - GAP, height * len(rows) - GAP), "white")
    for y, row in enumerate(rows):
        for x, image in enumerate(row):
            sheet.paste(cell(image), (width * x, height * y))
    return sheet


def cell(image: Tensor) -> Image.Image:
    """(3, H, W) in [0, 1], cropped and scaled to a cell."""
    return ImageOps.fit(Image.fromarray(to_pixels(image)), CELL, Image.Resampling.LANCZOS)
