"""The picture in the README: contents across, one row per artist. `uv run python docs/contact_sheet.py RUN OUT.jpg`."""

import sys
from pathlib import Path

import pandas as pd
from PIL import Image, ImageOps

CELL, GAP = (216, 162), 4


def contact_sheet(run: Path) -> Image.Image:
    """Content images in the first row, style images in the first column, results between them."""
    rows = pd.read_parquet(run / "results").query("status == 'success'").sort_values(["artist", "content_path"])
    contents, artists = sorted(rows.content_path.unique()), sorted(rows.artist.unique())
    size = [(CELL[0] + GAP) * (len(contents) + 1) - GAP, (CELL[1] + GAP) * (len(artists) + 1) - GAP]
    sheet = Image.new("RGB", (size[0], size[1]), "white")

    def place(path: Path, column: int, row: int) -> None:
        with Image.open(path) as image:
            cell = ImageOps.fit(image.convert("RGB"), CELL)
        sheet.paste(cell, ((CELL[0] + GAP) * column, (CELL[1] + GAP) * row))

    for column, content in enumerate(contents, start=1):
        place(Path(content), column, 0)
    for number, artist in enumerate(artists, start=1):
        of_artist = rows[rows.artist == artist]
        place(Path(of_artist.style_path.iloc[0]), 0, number)
        for row in of_artist.itertuples():
            place(run / row.file_name, contents.index(row.content_path) + 1, number)
    return sheet


if __name__ == "__main__":
    contact_sheet(Path(sys.argv[1])).save(sys.argv[2], quality=88)
