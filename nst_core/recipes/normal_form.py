"""The normal form of an optimisation: methods that are the same are written the same, and have one fingerprint."""

from __future__ import annotations

from dataclasses import replace

from nst_core.engine.recipe import AS_SHIPPED, Recipe
from nst_core.engine.stages import Stage, StageSettings
from nst_core.engine.working_size import scaled_side


def normal_form(recipe: Recipe) -> Recipe:
    """The recipe with its options and stages written out, its scales to its size, and no strength that is its own."""
    return _with_stages(_with_scales_to_size(_with_options(_with_strength(recipe))))


def _with_strength(recipe: Recipe) -> Recipe:
    """The recipe without a strength where that is its own: the same method by another word."""
    return replace(recipe, strength=None) if recipe.strength == AS_SHIPPED else recipe


def _with_options(recipe: Recipe) -> Recipe:
    """The recipe with the options of its style losses written out: fingerprints then name what decides a result."""
    first, *others = (replace(term, **term.options()) for term in (recipe.style, *recipe.style.beside))
    return replace(recipe, style=replace(first, beside=tuple(others)))


def _with_scales_to_size(recipe: Recipe) -> Recipe:
    """The recipe with its scales multiplied so that the last is its size, and none below the least."""
    last = recipe.stages[-1].size if recipe.stages else (recipe.scales or (None,))[-1]
    if last is None or last == recipe.size:
        return recipe
    least = min(recipe.least_scale, recipe.size)
    sides = tuple(max(least, scaled_side(recipe.size, stage.factor)) for stage in recipe.schedule())
    if not recipe.stages:
        return replace(recipe, scales=sides)
    return replace(
        recipe, stages=tuple(replace(stage, size=side) for stage, side in zip(recipe.stages, sides, strict=True))
    )


def _with_stages(recipe: Recipe) -> Recipe:
    """The recipe with all that its stages leave out written out, and nothing that says what holds without it.

    So methods that are the same have one fingerprint. `evaluations` is their sum; stages on the recipe's own network
    alone are written as scales.
    """
    if not recipe.stages:
        return recipe
    if recipe.networks() == (None,):
        counts = tuple(stage.evaluations for stage in recipe.schedule())
        if len(counts) == 1:
            return replace(recipe, stages=(), evaluations=counts[0])
        return replace(
            recipe, stages=(), evaluations=counts, scales=tuple(s.size or recipe.size for s in recipe.stages)
        )
    sides = [stage.size for stage in recipe.stages]
    sides = [None] * len(sides) if set(sides) <= {recipe.size} else sides
    written = (_written_out(*each) for each in zip(recipe.schedule(), sides, strict=True))
    return replace(recipe, stages=tuple(written), evaluations=recipe.total_evaluations)


def _written_out(stage: Stage, size: int | None) -> StageSettings:
    return StageSettings(stage.evaluations, size, **(vars(stage.network) if stage.network else {}))
