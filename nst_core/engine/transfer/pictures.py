"""The pictures of a transfer network for a batch of pairs: blends, regions, and colours as in an optimisation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nst_core.engine.batch import Pairs, StylizedBatch
from nst_core.engine.colour import colour_statistics, greyscale
from nst_core.engine.finishing import finished_images
from nst_core.engine.regions import region_batch
from nst_core.engine.style_targets import StyleTarget, luminance_only, recoloured
from nst_core.engine.transfer.network import TransferNetwork
from nst_core.engine.transfer.recipe import TransferRecipe
from nst_core.engine.watch import Watch


def transfer_batch(
    pairs: Pairs, recipe: TransferRecipe, network: TransferNetwork, watch: Watch | None = None
) -> StylizedBatch:
    """Stylize a batch in one pass per region; there are no losses, so that traces are empty.

    A pair whose picture is not finite is reported in `failed`. At strength 0 the content comes back as it is.

    Raises:
        Interrupted, ChunkTimeout: as the watch asks for.
    """
    watch = watch or Watch()
    watch.poll(0)
    strengths = pairs.strengths_under(recipe)
    contents = greyscale(pairs.contents) if luminance_only(recipe) else pairs.contents
    images = network_pictures(contents, pairs.targets, network, None if strengths is None else strengths.shares)
    failed = ~images.flatten(1).isfinite().all(dim=1)
    images = finished_images(images, pairs, recipe)
    if as_it_is := pairs.rows_of_strength_0(recipe):
        images[as_it_is], failed[as_it_is] = pairs.contents[as_it_is], False
    if watch.progress:
        watch.progress(recipe.total_evaluations, float("nan"))
    return StylizedBatch(images, [[] for _ in pairs.targets], failed.tolist(), 0, 0)


def network_pictures(
    contents: Tensor, targets: Sequence[StyleTarget], network: TransferNetwork, shares: Tensor | None = None
) -> Tensor:
    """What the network makes of contents, (B, 3, H, W), in the styles of the targets: the same shape, in [0, 1].

    Where a content has regions, it is painted once for each, and the pictures are put together by their soft masks.

    Args:
        shares: (B,), of the styles; by default 1.
    """
    shares = contents.new_ones(len(contents)) if shares is None else shares
    regions = region_batch([target.regions for target in targets], contents)

    def painted(number: int, guide: Tensor | None) -> Tensor:
        vectors = torch.stack([_vector(target.part(number)) for target in targets])
        found: Tensor = network(contents, vectors, shares)
        return found

    with torch.inference_mode():
        images = painted(0, None) if regions is None else regions.mixed(painted, contents)
    return images.clone()  # an ordinary tensor, which an optimisation may begin with


def transfer_target(
    image: Tensor, recipe: TransferRecipe, network: TransferNetwork, content: Tensor | None = None
) -> StyleTarget:
    """The target of a style image, (3, H, W) sRGB in [0, 1]: its vector and its colours.

    Args:
        content: (3, H, W), needed where the recipe keeps the content's colours.

    Raises:
        ValueError: the content is needed and missing.
    """
    if recipe.colour == "content":
        if content is None:
            raise ValueError("the content's colours need the content to make a style target")
        image = recoloured(image, content, recipe)
    return StyleTarget({}, colour_statistics(image), vector=style_vector(image, network))


def style_vector(image: Tensor, network: TransferNetwork) -> Tensor:
    """The vector, (V,), of one style image, (3, H, W)."""
    with torch.inference_mode():
        vector = network.style_vectors(image[None])[0]
    return vector.clone()


def _vector(target: StyleTarget) -> Tensor:
    if target.vector is None:
        raise ValueError("a transfer network needs targets made with it")
    return target.vector
