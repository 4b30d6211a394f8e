"""Reconstructions: shallow features give the image back, deep ones its gist, Gram matrices its texture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import skimage
from numpy.typing import NDArray
from PIL import Image

from nst_core.chunks.single.reconstruction import (
    ReconstructedImage,
    Reconstruction,
    default_groups,
    parse_groups,
    reconstruct,
    reconstruction_config,
    reconstructions,
)
from nst_core.config.run_config import RunConfig
from nst_core.engine.features import build_extractor
from nst_core.errors import ConfigError, ImageTooSmall, MissingImage, UsageError

WIDTH, HEIGHT = 80, 64
OF_NOISE = 0.35
"""About the root mean square difference between an image and the noise that a reconstruction starts from."""


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A real photograph, small: a cat's face."""
    path = tmp_path / "image.png"
    Image.fromarray(skimage.data.chelsea()).resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS).save(path)
    return path


def config(*overrides: str, recipe: str = "wavelet", evaluations: int = 60) -> RunConfig:
    settings = ("execution.devices=cpu", f"method.evaluations={evaluations}", *overrides)
    return reconstruction_config(recipe, settings)


def make(image: Path, what: str, layers: str, *overrides: str, evaluations: int = 60) -> list[ReconstructedImage]:
    folder = image.parent / "out"
    return reconstruct(image, folder, what, parse_groups([layers]), config(*overrides, evaluations=evaluations))


def error(made: ReconstructedImage, image: Path) -> float:
    """Root mean square difference of a reconstruction from the image, in [0, 1]."""
    return float(np.sqrt(np.square(values(made.pixels) - values(np.array(Image.open(image)))).mean()))


def values(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    return pixels / 255


def names(made: Sequence[ReconstructedImage] | Sequence[Reconstruction]) -> list[str]:
    return [one.file_name if isinstance(one, Reconstruction) else one.reconstruction.file_name for one in made]


def test_a_shallow_layer_gives_the_image_back(image: Path) -> None:
    (made,) = make(image, "content", "first0")
    assert made.pixels.shape == (HEIGHT, WIDTH, 3)
    assert error(made, image) < OF_NOISE / 10
    assert made.last_loss < made.first_loss / 100


def test_deeper_layers_keep_less(image: Path) -> None:
    errors = [error(made, image) for made in make(image, "content", "first0,first1,first2,first3")]
    assert errors == sorted(errors)
    assert errors[-1] > 2 * errors[0]


def test_gram_matrices_give_the_texture_and_not_the_image(image: Path) -> None:
    (made,) = make(image, "style", "first0+second0+first1", "method.tv_weight=0.1", evaluations=100)
    assert made.last_loss < made.first_loss / 1000
    assert error(made, image) > OF_NOISE / 2


def test_the_same_seed_gives_the_same_files(image: Path) -> None:
    def files(*overrides: str) -> dict[str, bytes]:
        make(image, "both", "first1", *overrides, evaluations=8)
        return {path.name: path.read_bytes() for path in (image.parent / "out").iterdir()}

    first = files()
    assert files() == first
    other = files("pairing.seed=1")
    assert set(other) == set(first)
    assert all(other[name] != first[name] for name in first)


def test_what_is_written(image: Path, tmp_path: Path) -> None:
    made = make(image, "both", "first1,first2", evaluations=8)
    folder = tmp_path / "out"
    pictures = ["style_first1.png", "style_first2.png", "content_first1.png", "content_first2.png"]
    assert names(made) == pictures
    assert {path.name for path in folder.iterdir()} == {*pictures, "contact_sheet.png", "reconstruction.json"}
    for one in made:
        np.testing.assert_array_equal(np.array(Image.open(folder / one.reconstruction.file_name)), one.pixels)
    report = json.loads((folder / "reconstruction.json").read_text())
    assert (report["width"], report["height"], report["seed"]) == (WIDTH, HEIGHT, 0)
    assert (report["method"]["features"], report["method"]["evaluations"]) == ("wavelet", 8)
    assert [entry["file"] for entry in report["reconstructions"]] == pictures
    assert [entry["layers"] for entry in report["reconstructions"]][1] == ["first1", "first2"]
    assert [entry["last_loss"] for entry in report["reconstructions"]] == [one.last_loss for one in made]
    assert set(tmp_path.iterdir()) == {folder, image}, "nothing outside the folder"


def test_the_contact_sheet_shows_the_original_first_then_every_reconstruction(image: Path, tmp_path: Path) -> None:
    made = make(image, "both", "first1,first2", evaluations=8)
    sheet = np.array(Image.open(tmp_path / "out" / "contact_sheet.png"))
    original = np.array(Image.open(image))
    style, content = [one.pixels for one in made[:2]], [one.pixels for one in made[2:]]
    found = [[place(picture, sheet) for picture in row] for row in ([original, *style], [*content])]
    assert sorted(found[0], key=lambda at: at[1]) == found[0], "the style's row: original, first1, first2"
    assert len({top for top, _ in found[0]}) == 1
    assert [left for _, left in found[1]] == [left for _, left in found[0][1:]], "columns are aligned"
    assert found[1][0][0] == found[1][1][0] > found[0][0][0] + HEIGHT


def place(picture: NDArray[np.uint8], sheet: NDArray[np.uint8]) -> tuple[int, int]:
    """The uppermost (top, left) where the picture is on the sheet, pixel by pixel."""
    starts = np.argwhere((sheet == picture[0, 0]).all(axis=2))
    for top, left in starts:
        if np.array_equal(sheet[top : top + len(picture), left : left + picture.shape[1]], picture):
            return int(top), int(left)
    raise AssertionError("the picture is not on the sheet")


def test_size_original_gives_pictures_of_the_files_size(image: Path) -> None:
    (made,) = make(image, "content", "first1", "method.size=48", "output.size=original", evaluations=2)
    assert made.pixels.shape == (HEIGHT, WIDTH, 3)
    (made,) = make(image, "content", "first1", "method.size=40", evaluations=2)
    assert made.pixels.shape == (32, 40, 3)


def test_progress_counts_over_all_reconstructions(image: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    settings = config("execution.report_every=2", evaluations=4)
    groups = parse_groups(["first2,first3"])
    reconstruct(image, tmp_path / "out", "content", groups, settings, lambda *at: seen.append(at))
    assert seen == [(0, 8), (2, 8), (4, 8), (4, 8), (6, 8), (8, 8)]


def test_style_adds_layers_and_content_takes_them_alone() -> None:
    groups = parse_groups(["a, b+c", "d,a", "", "+"])
    assert groups == [("a",), ("b", "c"), ("d",)]
    style, content = reconstructions("style", groups), reconstructions("content", groups)
    assert [one.layers for one in style] == [("a",), ("a", "b", "c"), ("a", "b", "c", "d")]
    assert [one.caption for one in style] == ["a", "+ b + c", "+ d"]
    assert [one.layers for one in content] == groups
    assert [one.caption for one in content] == ["a", "b + c", "d"]
    assert names(style) == ["style_a.png", "style_b-c.png", "style_d.png"]


@pytest.mark.parametrize(
    ("recipe", "features"),
    [
        ("wavelet", "wavelet"),
        ("pytorch_tutorial", "vgg19"),
        ("pytorch_tutorial", "vgg16"),
        ("squeezenet", "squeezenet1_0"),
        ("squeezenet", "squeezenet1_1"),
    ],
)
def test_default_layers_are_layers_of_their_network(recipe: str, features: str) -> None:
    method = config(f"method.features={features}", "method.weights=random", recipe=recipe).method
    layers = build_extractor(method.resolve()).layers
    for groups in (default_groups(features, "content"), default_groups(features, "style")):
        named = [name for group in groups for name in group]
        assert len(groups) == 5
        assert sorted(named, key=layers.index) == named, "shallow ones first"


def test_without_layers_the_default_ones_are_reconstructed(image: Path) -> None:
    made = make(image, "both", "", evaluations=1)
    assert [one.reconstruction.what for one in made] == 5 * ["style"] + 5 * ["content"]


def test_recipes_of_other_losses_and_starts_are_reconstructed_alike() -> None:
    recipe = config(recipe="from_noise").method.resolve()
    assert (recipe.content.loss, recipe.content.colours, recipe.start) == ("relative", "content", "noise")
    assert (recipe.features, recipe.optimiser.name, recipe.tv_weight) == ("vgg19", "lbfgs", 5.0)
    changed = config("method.tv_weight=1", "method.optimiser.history=5", recipe="gatys2016").method.resolve()
    assert (changed.tv_weight, changed.optimiser.history) == (1.0, 5)
    assert (changed.optimiser.precondition, changed.pooling, changed.size) == ("spectral", "average", 512)


def test_nothing_is_written_where_something_is_wrong(image: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no layer 'first9'; it has luminance0, first0"):
        make(image, "content", "first1,first9")
    with pytest.raises(MissingImage):
        make(tmp_path / "none.png", "content", "first1")
    tiny = tmp_path / "tiny.png"
    Image.new("RGB", (80, 20)).save(tiny)
    with pytest.raises(ImageTooSmall):
        make(tiny, "style", "first4")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_named(image: Path) -> None:
    with pytest.raises(UsageError, match=r"image\.png cannot be written \(.+\): choose another with --output"):
        reconstruct(image, image, "content", [("first1",)], config())
