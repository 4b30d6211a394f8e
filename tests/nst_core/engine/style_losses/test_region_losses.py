"""Every style loss by regions: nothing lost where the region is the picture, each its own style, batches as pairs."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from test_optimisation import TinyFeatures, picture, row
from torch import Tensor

from nst_core.engine.batch import Pairs
from nst_core.engine.features.base import Extractor
from nst_core.engine.objective import Objective
from nst_core.engine.optimisation import stylize_batch
from nst_core.engine.optimiser_settings import OptimiserSettings
from nst_core.engine.recipe import Recipe
from nst_core.engine.regions import Regions
from nst_core.engine.style_losses import STYLE_LOSSES
from nst_core.engine.style_targets import blend_targets, regional_target, style_target
from nst_core.engine.terms import ContentTerm, StyleTerm

LAYERS = (("first", 1.0), ("second", 0.5))
OPTIMISER = OptimiserSettings("adam", 0.02)
every_loss = pytest.mark.parametrize("loss", STYLE_LOSSES)


class Pixels(Extractor):
    """The image as its own features, so that no position sees another one; and means of 4 × 4 of them."""

    name, layers = "pixels", ("first", "second")

    def forward(self, images, layers):
        found = {"first": images, "second": torch.nn.functional.avg_pool2d(images, 4)}
        return {name: torch.cat([found[name], found[name].square()], dim=1) for name in layers}

    def min_side(self, layers):
        return 4


def recipe_of(loss: str, **changes: object) -> Recipe:
    base = Recipe(loss, ContentTerm(()), StyleTerm(LAYERS, loss), alpha=0.0, optimiser=OPTIMISER, precision="float32")
    return replace(base, size=32, **{"evaluations": 6, **changes})


def halves(height: int, width: int) -> Tensor:
    """Two guides: the left half and the right half."""
    left = torch.zeros(height, width)
    left[:, : width // 2] = 1
    return torch.stack([left, 1 - left])


def loss_of(recipe: Recipe, extractor: Extractor, images: Tensor, target) -> Tensor:
    objective = Objective(recipe, extractor, images.detach(), [target] * len(images))
    objective.begin(images.detach())
    return objective.terms(images).style


@every_loss
def test_a_region_that_is_the_whole_picture_has_the_loss_without_regions(loss):
    recipe, extractor = recipe_of(loss), TinyFeatures()
    style, image = picture(1, 32, 40), picture(2, 32, 32)[None]
    plain = style_target(style, recipe, extractor)
    guided = style_target(style, recipe, extractor, guide=torch.ones(32, 40))
    whole = regional_target(Regions(torch.ones(1, 32, 32), torch.zeros(32, 32)), [guided])
    rough = 0.1 if loss == "transport" else 1e-4  # which draws its places another way
    expected = loss_of(recipe, extractor, image, plain)
    torch.testing.assert_close(loss_of(recipe, extractor, image, whole), expected, rtol=rough, atol=1e-6)


@every_loss
def test_a_weak_strength_with_a_region_that_is_the_whole_picture_has_the_loss_without_regions(loss):
    recipe, extractor = recipe_of(loss, strength=0.25), TinyFeatures()
    style, image = picture(1, 32, 40), picture(2, 32, 32)[None]
    content = image[0].detach()
    plain = style_target(style, recipe, extractor, content)
    guided = style_target(style, recipe, extractor, content, guide=torch.ones(32, 40))
    whole = regional_target(Regions(torch.ones(1, 32, 32), torch.zeros(32, 32)), [guided])
    rough = 0.1 if loss == "transport" else 1e-4  # which draws its places another way
    expected = loss_of(recipe, extractor, 0.5 * image + 0.2, plain)
    torch.testing.assert_close(loss_of(recipe, extractor, 0.5 * image + 0.2, whole), expected, rtol=rough, atol=1e-6)
    assert expected > 0


@every_loss
def test_each_region_takes_its_own_style(loss):
    """A picture whose halves are two styles has less of a loss than the other way round, and than without regions."""
    recipe, extractor = recipe_of(loss), Pixels()
    dark, bright = 0.4 * picture(1, 32, 32), 0.6 + 0.4 * picture(2, 32, 32).flip(0)
    image = torch.cat([dark[..., :16], bright[..., :16]], dim=2)[None]
    first, second = (style_target(style, recipe, extractor) for style in (dark, bright))
    regions = Regions(halves(32, 32), torch.zeros(32, 32))
    right = loss_of(recipe, extractor, image, regional_target(regions, [first, second]))
    wrong = loss_of(recipe, extractor, image, regional_target(regions, [second, first]))
    assert right < 0.6 * wrong


@every_loss
def test_a_region_of_the_style_counts_alone(loss):
    """The style's right half is another picture: with a guide for the left half, it changes nothing."""
    recipe, extractor = recipe_of(loss), Pixels()
    style, other, image = picture(1, 32, 32), picture(2, 32, 32), picture(3, 32, 32)[None]
    changed = torch.cat([style[..., :16], other[..., 16:]], dim=2)
    guide, whole = halves(32, 32)[0], Regions(torch.ones(1, 32, 32), torch.zeros(32, 32))
    losses = [
        loss_of(recipe, extractor, image, regional_target(whole, [style_target(each, recipe, extractor, guide=guide)]))
        for each in (style, changed)
    ]
    across = {"mrf": 0.2, "transport": 0.05}  # patches, and vectors read between positions, reach across the border
    torch.testing.assert_close(losses[0], losses[1], rtol=across.get(loss, 1e-6), atol=1e-6)


@every_loss
def test_what_is_in_no_region_has_no_gradient(loss):
    recipe, extractor = recipe_of(loss), Pixels()
    target = style_target(picture(1, 32, 32), recipe, extractor)
    left, right = halves(32, 32)
    image = picture(3, 32, 32)[None].requires_grad_()
    loss_of(recipe, extractor, image, regional_target(Regions(left[None], right), [target])).sum().backward()
    reach = 4 if loss in ("mrf", "transport") else 0  # of patches, and of reading between positions
    assert (image.grad[..., 16 + reach :] == 0).all()
    assert (image.grad[..., :12] != 0).any()


@every_loss
def test_pairs_with_other_regions_end_where_each_ends_alone(loss):
    """With float64, since a nearest neighbour that rounding changes sends the optimisation elsewhere."""
    slow = loss in ("transport", "mmd")
    schedule = {"evaluations": 1} if slow else {"scales": (16, 32)}
    recipe, extractor = recipe_of(loss, **schedule), TinyFeatures().double()
    styles = [picture(seed, 32, 36, torch.float64) for seed in (1, 2)]
    first, second = (style_target(style, recipe, extractor) for style in styles)
    left = style_target(styles[0], recipe, extractor, guide=halves(32, 36)[0])
    both, keep = halves(32, 32), halves(32, 32)[0]
    targets = [
        regional_target(Regions(both, torch.zeros(32, 32)), [first, blend_targets([first, second], [1, 2])]),
        second,
        regional_target(Regions(both[1:], keep), [left]),
    ]
    contents = torch.stack([picture(seed, 32, 32, torch.float64) for seed in (4, 5, 6)])
    batch = Pairs(contents, targets, [7, 8, 9])
    together = stylize_batch(batch, recipe, extractor)
    assert not any(together.failed)
    assert torch.equal(together.images[2][..., :16], contents[2][..., :16])
    for k in range(3):
        alone = stylize_batch(row(batch, k), recipe, extractor)
        assert alone.traces[0][-1].total == pytest.approx(together.traces[k][-1].total, rel=0.01)
        assert (alone.images[0] - together.images[k]).abs().max() < 0.02


@pytest.mark.parametrize(
    "changes",
    [
        {"start": "style"},
        {"start": "colour_matched", "finish": "matched_chroma"},
        {"content": ContentTerm(LAYERS, "mean", gains=True, gain_window=3), "alpha": 1.0},
        {"content": ContentTerm(LAYERS, "mean", colours="style"), "alpha": 1.0},
        {"colour": "content"},
        {"start": "noise", "optimiser": OptimiserSettings("lbfgs")},
        {"optimiser": OptimiserSettings("adam", 0.02, precondition="laplacian")},
    ],
    ids=str,
)
def test_whatever_the_recipe_kept_pixels_stay(changes):
    recipe, extractor = recipe_of("moments", **changes), TinyFeatures()
    contents = picture(4, 32, 32)[None]
    styles = [style_target(picture(seed, 32, 36), recipe, extractor, contents[0]) for seed in (1, 2)]
    keep = torch.zeros(32, 32)
    keep[20:] = 1
    regions = Regions(halves(32, 32) * (1 - keep), keep)
    found = stylize_batch(Pairs(contents, [regional_target(regions, styles)], [1]), recipe, extractor)
    assert found.failed == [False]
    assert torch.equal(found.images[0, :, 20:], contents[0, :, 20:])
    assert (found.images[0, :, :20] - contents[0, :, :20]).abs().max() > 0.02


@every_loss
def test_a_picture_that_is_kept_whole_comes_out_as_it_is(loss):
    recipe, extractor = recipe_of(loss, optimiser=OptimiserSettings("lbfgs")), TinyFeatures()
    contents = picture(4, 32, 32)[None]
    regions = Regions(torch.zeros(1, 32, 32), torch.ones(32, 32))
    target = regional_target(regions, [style_target(picture(1, 32, 32), recipe, extractor)])
    found = stylize_batch(Pairs(contents, [target], [1]), recipe, extractor)
    assert found.failed == [False]
    assert torch.equal(found.images, contents)
