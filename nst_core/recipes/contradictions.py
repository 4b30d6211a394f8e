"""What is wrong with recipes whose values, each by itself, are right."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nst_core.engine.recipe import Recipe
from nst_core.engine.terms import KERNEL_OPTIONS, STYLE_OPTIONS, StyleTerm
from nst_core.engine.transfer.recipe import MethodRecipe, TransferRecipe
from nst_core.errors import short
from nst_core.recipes.files import TRANSFER

MAX_OTHER_SIZES = 4
"""The largest factor by which the style of `mrf` is enlarged and reduced."""


def contradictions(recipe: Recipe) -> Iterator[str]:
    """What is wrong with an optimisation."""
    if not recipe.layer_names():
        yield "method has no layers: name some in method.content.layers or method.style.layers"
    yield from _strength_faults(recipe)
    if (recipe.start == TRANSFER) != bool(recipe.start_network):
        missing = "method.start_network is missing: name a transfer network, such as quick, or its file"
        needless = f"method.start_network belongs to start: {TRANSFER}, and here it is {recipe.start}"
        yield missing if recipe.start == TRANSFER else needless
    if recipe.average >= 1:
        yield f"method.average is {recipe.average:g}; it must be below 1"
    if any(term.beside for term in recipe.style.beside):
        yield "method.style.beside has a term with terms beside it: put them all into method.style.beside"
    for number, term in enumerate((recipe.style, *recipe.style.beside)):
        yield from _option_faults(term, f"method.style.beside[{number - 1}]" if number else "method.style", recipe)
    if recipe.stages:
        yield from _stage_faults(recipe)
        return
    scales = recipe.scales or (recipe.size,)
    if any(after < before for before, after in itertools.pairwise(scales)):
        yield f"method.scales is {list(scales)}; a scale may not be smaller than the one before"
    if isinstance(recipe.evaluations, tuple) and len(recipe.evaluations) != len(scales):
        numbers, sides = _counted(recipe.evaluations, "number"), _counted(scales, "scale")
        yield f"method.evaluations has {numbers} for {sides}; give one for all, or one for each"


def transfer_contradictions(recipe: TransferRecipe) -> Iterator[str]:
    """What is wrong with a transfer network's recipe."""
    if not recipe.network:
        yield "method.network is missing: name a transfer network, such as quick, or its file"
    yield from _strength_faults(recipe)
    if recipe.crop and (recipe.keep or recipe.regions):
        yield "method.crop cuts contents off, and masks would not fit them any more: leave one of them out"


def schedules_at_odds(data: Mapping[str, Any], overrides: Mapping[str, Any]) -> Iterator[str]:
    """What overrides say of a schedule beside stages that have all of it."""
    if not data.get("stages") or "stages" in overrides:
        return
    for key in ("scales", "evaluations"):
        if overrides.get(key) is not None:
            yield f"method.{key} is given, and the recipe has stages, which say it: set method.stages, or that to null"


def _strength_faults(recipe: MethodRecipe) -> Iterator[str]:
    if recipe.strength is not None and recipe.strength > 1:
        yield f"method.strength is {recipe.strength:g}; it must be a number from 0 to 1"


def _stage_faults(recipe: Recipe) -> Iterator[str]:
    """What is wrong with the stages of a recipe."""
    if recipe.scales:
        yield "method.scales and method.stages are given: the stages have sizes of their own, leave scales out"
    sizes = [stage.size for stage in recipe.stages if stage.size is not None]
    if sizes and len(sizes) < len(recipe.stages):
        yield "method.stages has stages with a size and stages without: give all one, or none"
    if any(after < before for before, after in itertools.pairwise(sizes)):
        yield f"method.stages has the sizes {sizes}; one may not be smaller than the one before"
    if isinstance(recipe.evaluations, tuple) and any(stage.evaluations is None for stage in recipe.stages):
        yield "method.stages has a stage without evaluations, and method.evaluations is a list: give each stage its own"
    last = recipe.schedule()[-1].network
    if last is not None:
        yield (
            f"method.stages ends with features {last.features} and weights {short(last.weights)}, and the recipe's own "
            f"are {recipe.features} and {short(recipe.weights)}: the last stage must have the recipe's own, in whose "
            "losses results are told"
        )


def _option_faults(term: StyleTerm, where: str, recipe: Recipe) -> Iterator[str]:
    """What is wrong with the options of a style term."""
    for name in term.foreign_options():
        losses = [loss for loss, options in STYLE_OPTIONS.items() if name in options]
        if term.loss in losses:
            yield f"{where}.{name} belongs to kernel: {KERNEL_OPTIONS[name]}, and here it is {term.option('kernel')}"
        else:
            yield f"{where}.{name} belongs to the loss {' or '.join(losses)}, and here it is {term.loss}"
    options = term.options()
    if options.get("bandwidth") == 0:
        yield f"{where}.bandwidth is 0; it must be above 0"
    if options.get("other_sizes") is not None and not 1 < options["other_sizes"] <= MAX_OTHER_SIZES:
        yield f"{where}.other_sizes is {options['other_sizes']:g}; it must be above 1, and {MAX_OTHER_SIZES} at most"
    if options.get("draws") == "anew" and recipe.optimiser.name == "lbfgs":
        yield (
            f"{where}.draws is anew, another objective at each evaluation, which lbfgs cannot follow: set it to fixed, "
            "or method.optimiser.name to adam"
        )


def _counted(values: Sequence[int], what: str) -> str:
    return f"{len(values)} {what}{'s' * (len(values) != 1)}"
