"""Small finished runs of plainly coloured pictures, for the tests of what shows them; nothing is stylized."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nst_core.engine.batch import LossPoint
from nst_core.run_folder.results import Result, chunk_file, write_results
from nst_core.storage.slugs import slugify

Colour = tuple[int, int, int]
RED, GREEN, BLUE, GOLD = (200, 30, 30), (30, 160, 60), (40, 60, 200), (220, 170, 40)


def plain(path: Path, colour: Colour = RED, size: tuple[int, int] = (60, 40)) -> Path:
    """A picture of one colour, width × height pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path


def done(run: Path, name: str, artist: str | None = "Ada", left: float = 0.5, **changes: Any) -> Result:
    """The row of a finished pair, whose three pictures are made unless they are there.

    Content red, the artist's one style green, result blue; `left`: the share of the initial loss.
    """
    inputs = run.parent / "inputs"
    told: dict[str, Any] = {
        "content_path": str(inputs / f"{name}.png"),
        "style_path": str(inputs / f"{slugify(artist)} work.png"),
        "file_name": f"images/{slugify(name)}--{slugify(artist)}.png",
        "artist": artist,
        "total_loss": left * 8.0,
        "loss_trace": [LossPoint(0, 1, 1, 0, 8.0), LossPoint(9, 1, 1, 0, left * 8.0)],
    } | changes
    for path, colour in ((told["content_path"], RED), (told["style_path"], GREEN), (run / told["file_name"], BLUE)):
        if path and ";" not in str(path) and not Path(path).exists():
            plain(Path(path), colour)
    pair_id = hashlib.sha256(repr((name, artist, told["style_path"])).encode()).hexdigest()[:16]
    return Result(**{"pair_id": pair_id, "chunk_id": "0000", "status": "success", "attempts": 1} | told)


def write(run: Path, results: Sequence[Result], part: str = "0000") -> Path:
    """The run folder, with these rows in one file per artist."""
    (run).mkdir(parents=True, exist_ok=True)
    (run / "run.yaml").write_text("{}\n")
    for artist in {result.artist for result in results}:
        rows = [result for result in results if result.artist == artist]
        write_results(rows, chunk_file(run, slugify(artist), part))
    return run


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image.convert("RGB"))
