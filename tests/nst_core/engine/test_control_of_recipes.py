"""What controls a picture, in every recipe that ships: strength, the style's scale, whose colours, several styles.

On small random networks that have the layers of any recipe, with few evaluations.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from test_optimisation import picture
from torch import Tensor

from nst_core.engine.batch import Pairs
from nst_core.engine.colour import colour_statistics, luminance
from nst_core.engine.features.base import Extractor
from nst_core.engine.objective import Objective
from nst_core.engine.optimisation import stylize_batch
from nst_core.engine.recipe import Recipe
from nst_core.engine.scaling import resized
from nst_core.engine.starts import initial_images
from nst_core.engine.style_losses import transport_loss
from nst_core.engine.style_targets import StyleTarget, blend_targets, style_target
from nst_core.recipes import load_recipe, recipe_names

SIDE = 24
every_recipe = pytest.mark.parametrize("name", recipe_names("optimisation"))


class StandIn(Extractor):
    """A network that has every layer it is asked for: one convolution, at a resolution by the digits of its name."""

    name = "stand-in"

    def __init__(self, layers: Sequence[str]) -> None:
        super().__init__()
        self.layers = tuple(layers)
        for name in layers:
            generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
            self.register_buffer(name, torch.randn(5, 3, 3, 3, generator=generator) / 2)

    def forward(self, images: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        halves = {name: min(3, int("".join(filter(str.isdigit, name))[:1]) // 2) for name in layers}
        pooled = {count: F.avg_pool2d(images, 2**count) if count else images for count in set(halves.values())}
        return {
            name: F.softplus(F.conv2d(pooled[count], self.get_buffer(name), padding=1))
            for name, count in halves.items()
        }


@cache
def small(name: str, **changes: Any) -> Recipe:
    recipe = load_recipe(name, {"size": SIDE, "evaluations": 2, "precision": "float32", **changes})
    return replace(recipe, bucket=1)


@cache
def network(name: str) -> StandIn:
    return StandIn(small(name).layer_names())


CONTENT = 0.2 + 0.6 * picture(1, SIDE, 20)[None]
STYLES = [0.2 + 0.6 * picture(2, 20, SIDE), picture(3, SIDE, 20) ** 2]


@pytest.fixture(autouse=True, scope="module")
def few_places() -> Iterator[None]:
    """Few places for the earth mover's distance, whose time they are."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(transport_loss, "PLACES", 64)
        patched.setattr(transport_loss, "STYLE_PLACES", 256)
        yield


def target(recipe: Recipe, style: Tensor, strength: float | None = None) -> StyleTarget:
    return style_target(style, recipe, network(recipe.name), CONTENT[0], strength)


@cache
def made(recipe: Recipe, shares: tuple[float, ...] = (1.0,), style_side: int = SIDE) -> Tensor:
    """The picture of the content in the first styles, by their shares."""
    styles = [resized(style[None], [style_side, style_side])[0] for style in STYLES[: len(shares)]]
    blend = blend_targets([target(recipe, style) for style in styles], shares)
    found = stylize_batch(Pairs(CONTENT, [blend], [4]), recipe, network(recipe.name))
    assert found.failed == [False]
    assert found.images.isfinite().all()
    assert found.images.shape == CONTENT.shape
    assert found.images.min() >= 0
    assert found.images.max() <= 1
    return found.images


def apart(one: Tensor, other: Tensor) -> float:
    return float((one - other).square().mean().sqrt())


def objective(recipe: Recipe) -> Objective:
    found = Objective(recipe, network(recipe.name), CONTENT, [target(recipe, STYLES[0])], seeds=[4])
    found.begin(CONTENT)
    return found


@every_recipe
class TestStrength:
    def test_from_0_on_the_content_is_what_the_recipe_seeks(self, name: str) -> None:
        """Its own loss goes from nothing to what it is in the recipe, and so does what the picture starts from."""
        recipe = small(name)
        ways = []
        for strength in (1e-6, 0.1, 0.3, 0.5):
            found = objective(replace(recipe, strength=strength))
            batch = Pairs(CONTENT, [target(recipe, STYLES[0], strength)], [4])
            ways.append((float(found.terms(CONTENT).total), apart(initial_images(batch, recipe, found), CONTENT)))
        plain = objective(recipe)
        totals, starts = zip(*ways, strict=True)
        assert totals[3] == plain.terms(CONTENT).total
        assert starts[3] == apart(initial_images(batch, recipe, plain), CONTENT)
        # Places drawn at random of one picture are not all the same.
        assert totals[0] < (0.6 if recipe.style.loss == "transport" else 0.02) * totals[3]
        assert starts[0] < 1e-4
        assert list(totals) == sorted(totals)
        assert list(starts) == sorted(starts)

    def test_strong_ones_reach_the_style_alone(self, name: str) -> None:
        recipe = small(name)
        weights = [objective(replace(recipe, strength=strength)).alpha.item() for strength in (0.5, 0.75, 1.0)]
        assert weights == pytest.approx([recipe.alpha, recipe.alpha / 3, 0], rel=1e-6)
        most = made(replace(recipe, strength=1.0))
        chosen_by_content = recipe.style.loss == "neighbours"  # which strength 1 ends, too
        assert chosen_by_content or torch.equal(most, made(replace(recipe, alpha=0.0)))


@every_recipe
def test_the_style_s_scale_changes_the_picture(name: str) -> None:
    recipe = small(name)
    sides = [small(name, style_scale=scale).style_size(SIDE) for scale in (1.0, 2.0)]
    assert sides == [SIDE, 2 * SIDE]
    assert not torch.equal(*(made(recipe, style_side=side) for side in sides))


@every_recipe
class TestColours:
    def test_by_luminance_the_chroma_is_the_content_s(self, name: str) -> None:
        kept = made(small(name, colour="content"))
        chroma, own = kept - luminance(kept), CONTENT - luminance(CONTENT)
        share = (chroma * own).sum(dim=1) / own.square().sum(dim=1)
        torch.testing.assert_close(chroma, share[:, None] * own, atol=1e-5, rtol=0)  # hues are kept everywhere
        assert ((share > 1 - 1e-3) | (luminance(kept)[:, 0] < 0.3) | (luminance(kept)[:, 0] > 0.7)).all()
        assert apart(luminance(kept), luminance(CONTENT)) > 1e-4

    def test_by_matching_the_style_has_the_content_s_colours_first(self, name: str) -> None:
        recipe = small(name, colour="content", keep_colour_by="matching")
        colours, own = target(recipe, STYLES[0]).colours, colour_statistics(CONTENT[0])
        torch.testing.assert_close(colours.mean, own.mean, atol=0.02, rtol=0)
        assert not torch.equal(made(recipe), made(small(name)))


@every_recipe
class TestSeveralStyles:
    def test_a_share_of_0_is_none(self, name: str) -> None:
        assert torch.equal(made(small(name), (1.0, 0.0)), made(small(name)))

    def test_halves_lie_between_the_two(self, name: str) -> None:
        recipe = small(name)
        one, both, other = (made(recipe, shares) for shares in ((1.0,), (0.5, 0.5), (1e-9, 1.0)))
        assert apart(one, other) > 0
        assert max(apart(one, both), apart(both, other)) < 1.05 * apart(one, other)


def test_pairs_of_a_batch_have_strengths_of_their_own() -> None:
    for name in ("fast", "nnst", "mmd", "sliced"):
        recipe, strengths = small(name), [0.0, 0.25, 0.5, 0.9]
        styles = [target(recipe, resized(STYLES[0][None], [SIDE, SIDE])[0], strength) for strength in strengths]
        batch = Pairs(CONTENT.expand(4, -1, -1, -1), styles, [4] * 4, strengths=strengths)
        together = stylize_batch(batch, recipe, network(name)).images
        for image, strength in zip(together, strengths, strict=True):
            alone = made(replace(recipe, strength=None if strength == 0.5 else strength))
            assert torch.equal(image, CONTENT[0]) if strength == 0 else apart(image, alone[0]) < 5e-3
