"""Makes the picture of docs/regions.md: one built-in photograph, a mask drawn here, and what runs make of both.

`uv run python docs/make_regions.py` writes the mask, manifests and run folders to `outputs/regions/`, and the sheet to
docs/pictures/regions.jpg. It takes some minutes without a GPU; a second call only lays out the sheet.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import yaml
from PIL import Image, ImageDraw, ImageOps

from nst_core.engine.images.pixels import Pixels
from nst_core.views.sheets.picture_grid import LabelledPicture, PictureRow, draw_rows

ROOT = Path(__file__).resolve().parents[1]
MADE = ROOT / "outputs" / "regions"
SHEET = ROOT / "docs" / "pictures" / "regions.jpg"
SAMPLE = ROOT / "data" / "sample"
PHOTOGRAPH = SAMPLE / "photographs" / "food" / "coffee.png"
STYLES = [SAMPLE / "paintings" / name for name in ("nami-gouge/nami-gouge-1.jpg", "ada-impasto/ada-impasto-1.jpg")]
TABLE, CUP = 1, 2
CELL = (288, 192)

RUNS: dict[str, tuple[str, int, dict[str, object]]] = {
    "kept": ("keep: 2", 1, {"keep": CUP}),
    "painted": ("keep: 1", 1, {"keep": TABLE}),
    "two-styles": ("two styles in the row", 2, {}),
}
"""Title, number of styles, and keys of the method, by the name of the run."""


def main() -> None:
    """Make what is missing, and lay out the sheet."""
    MADE.mkdir(parents=True, exist_ok=True)
    draw_mask(MADE / "mask.png")
    given = [(PHOTOGRAPH, "photograph"), (MADE / "mask.png", "mask"), (STYLES[0], "style 1"), (STYLES[1], "style 2")]
    made = [(result_of(name), title) for name, (title, _, _) in RUNS.items()]
    rows = [PictureRow([LabelledPicture(_cell(path), title) for path, title in row]) for row in (given, made)]
    Image.fromarray(draw_rows(rows)).save(SHEET, quality=72, optimize=True, progressive=True)


def _cell(path: Path) -> Pixels:
    with Image.open(path) as image:
        shown = image.point([0, 0, *[255] * 254]) if path.name == "mask.png" else image
        return np.asarray(ImageOps.fit(shown.convert("RGB"), CELL, Image.Resampling.LANCZOS))


def draw_mask(path: Path) -> None:
    """The label 1 for the table, 2 for the cup with its saucer."""
    mask = Image.new("L", Image.open(PHOTOGRAPH).size, TABLE)
    draw = ImageDraw.Draw(mask)
    for box in ((78, 62, 480, 388), (172, 17, 411, 212)):
        draw.ellipse(box, fill=CUP)
    mask.save(path)


def result_of(name: str) -> Path:
    """The picture of a run, which is made unless it is there."""
    _, styles, method = RUNS[name]
    row = f"{PHOTOGRAPH},{';'.join(map(str, STYLES[:styles]))},{MADE / 'mask.png'}"
    (MADE / f"{name}.csv").write_text(f"content,style,mask\n{row}\n")
    run = {
        "name": name,
        "content": "sample",
        "style": "sample",
        "pairing": {"strategy": "manifest", "manifest": str(MADE / f"{name}.csv")},
        "method": {"recipe": "fast", "size": 288, **method},
        "output": {"root": str(MADE), "format": "png", "gallery": False, "report": False},
    }
    (MADE / f"{name}.yaml").write_text(yaml.safe_dump(run))
    subprocess.run([sys.executable, "-m", "flows", "run", str(MADE / f"{name}.yaml")], check=True)
    (picture,) = (MADE / name / "images").rglob("*.png")
    return picture


if __name__ == "__main__":
    main()
