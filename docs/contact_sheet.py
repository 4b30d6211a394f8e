"""The picture in the README: contents across, one row per artist. `uv run python docs/contact_sheet.py RUN OUT.jpg`."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageOps

from nst_core.views.sheets.picture_grid import LabelledPicture, PictureRow, draw_rows

CELL = (216, 162)


def contact_sheet(run: Path) -> Image.Image:
    """Content images in the first row, style images in the first column, results between them."""
    results = pd.read_parquet(run / "results").query("status == 'success'").sort_values(["artist", "content_path"])
    contents = sorted(results.content_path.unique())
    corner = LabelledPicture(np.full((1, 1, 3), 255, np.uint8))
    rows = [PictureRow([corner, *(picture(Path(content)) for content in contents)])]
    for _, of_artist in results.groupby("artist"):
        files = of_artist.set_index("content_path").file_name
        pictures = [picture(run / files[content]) if content in files else corner for content in contents]
        rows.append(PictureRow([picture(Path(of_artist.style_path.iloc[0])), *pictures]))
    return Image.fromarray(draw_rows(rows))


def picture(path: Path) -> LabelledPicture:
    """A file's picture, cropped and scaled to a cell."""
    with Image.open(path) as image:
        return LabelledPicture(np.asarray(ImageOps.fit(image.convert("RGB"), CELL)))


if __name__ == "__main__":
    contact_sheet(Path(sys.argv[1])).save(sys.argv[2], quality=88)
