"""What is done to pictures before they are delivered: the content's chroma or regions put back, the chroma matched."""

from __future__ import annotations

from torch import Tensor

from nst_core.engine.batch import Pairs
from nst_core.engine.chroma import with_matched_chroma
from nst_core.engine.colour import stacked_statistics, with_luminance
from nst_core.engine.regions import region_batch
from nst_core.engine.style_targets import luminance_only
from nst_core.engine.transfer.recipe import MethodRecipe


def finished_images(images: Tensor, pairs: Pairs, recipe: MethodRecipe) -> Tensor:
    """The images to write for optimised ones, or a network's, (B, 3, H, W) in [0, 1]."""
    regions = region_batch([target.regions for target in pairs.targets], pairs.contents)
    if luminance_only(recipe):
        images = with_luminance(images, pairs.contents)
    elif recipe.finish == "matched_chroma":
        own, strengths = images, pairs.strengths_under(recipe)

        def matched(number: int, guide: Tensor | None) -> Tensor:
            colours = stacked_statistics([target.part(number).colours for target in pairs.targets])
            return with_matched_chroma(own, colours, guide)

        images = matched(0, None) if regions is None else regions.mixed(matched, own)
        images = images if strengths is None else strengths.blended(own, images)
    return images if regions is None else regions.composite(images, pairs.contents)
