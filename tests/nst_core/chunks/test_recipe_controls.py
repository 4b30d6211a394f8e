"""What steers a picture beside the losses, style scale and colour modes, works under every shipped recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nst_core.chunks.single.stylization import stylize_one
from nst_core.config.run_config import parse_config
from nst_core.engine.colour import LUMINANCE
from nst_core.recipes import recipe_names

LUMINANCE_ONLY = {"colour": "content", "keep_colour_by": "luminance"}
COLOURS_FIRST = {"colour": "content", "keep_colour_by": "matching"}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A bluish content and a reddish, coarser style, both of muted colours: (content, style)."""
    folder = tmp_path_factory.mktemp("inputs")
    draw = np.random.default_rng(0)
    content = draw.uniform(0.3, 0.5, (32, 32, 3)) + np.array([0.0, 0.05, 0.2])
    style = np.kron(draw.uniform(0.3, 0.5, (16, 16, 3)), np.ones((4, 4, 1))) + np.array([0.25, 0.0, 0.0])
    for name, pixels in (("content", content), ("style", style)):
        Image.fromarray((pixels * 255).astype(np.uint8)).save(folder / f"{name}.png")
    return folder / "content.png", folder / "style.png"


def picture(recipe: str, inputs: tuple[Path, Path], folder: Path, **changes: Any) -> np.ndarray:
    """The pixels, (H, W, 3) in [0, 1], that `recipe` with random weights makes in three evaluations."""
    network = {} if recipe == "wavelet" else {"weights": "random", "normalised": False}
    method = {"recipe": recipe, "size": 32, "evaluations": 3, **network, **changes}
    execution = {"devices": "cpu"}
    output = folder / "out.png"
    stylize_one(*inputs, output, parse_config({"method": method, "execution": execution}))
    return pixels(output)


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path), dtype=np.float64) / 255


def chroma(image: np.ndarray) -> np.ndarray:
    return image - (image @ LUMINANCE)[..., None]


@pytest.mark.parametrize("recipe", recipe_names())
def test_style_scale_changes_the_picture(recipe: str, inputs: tuple[Path, Path], tmp_path: Path) -> None:
    plain = picture(recipe, inputs, tmp_path)
    assert np.array_equal(plain, picture(recipe, inputs, tmp_path, style_scale=1.0))
    assert not np.array_equal(plain, picture(recipe, inputs, tmp_path, style_scale=2.0))


@pytest.mark.parametrize("recipe", recipe_names())
def test_luminance_keeps_the_chroma_of_the_content(recipe: str, inputs: tuple[Path, Path], tmp_path: Path) -> None:
    made, own = chroma(picture(recipe, inputs, tmp_path, **LUMINANCE_ONLY)), chroma(pixels(inputs[0]))
    share = (made * own).sum(-1) / (own * own).sum(-1)  # below 1 only where the luminance leaves no room
    assert np.abs(made - share[..., None] * own).max() < 1.5 / 255
    assert share.max() < 1.1


@pytest.mark.parametrize("recipe", recipe_names())
def test_colour_modes_make_three_pictures(recipe: str, inputs: tuple[Path, Path], tmp_path: Path) -> None:
    plain = picture(recipe, inputs, tmp_path)
    luminance = picture(recipe, inputs, tmp_path, **LUMINANCE_ONLY)
    matching = picture(recipe, inputs, tmp_path, **COLOURS_FIRST)
    assert not np.array_equal(plain, luminance)
    assert not np.array_equal(plain, matching)
    assert not np.array_equal(luminance, matching)
