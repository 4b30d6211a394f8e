"""The shapes of pairs as they are optimised, or the errors for which they cannot be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_core.config.fingerprint import Fingerprints
from nst_core.config.output import Output
from nst_core.config.resolved_method import ResolvedMethod
from nst_core.engine.images.pixels import fitted_size
from nst_core.engine.images.suffixes import OUTPUT_EXTENSIONS
from nst_core.engine.transfer.recipe import MethodRecipe
from nst_core.errors import ImageTooSmall, InputError
from nst_core.plan.mask_faults import MaskSetting, mask_faults
from nst_core.plan.pair_table import Combination, PairTable
from nst_core.sources.base import Item
from nst_core.sources.index.inputs import Input, first_error

Ints = NDArray[np.int64]

_FAULTS, _NARROW = 3, 2
"""The number of kinds of fault (left out on purpose, unusable, too narrow for the method), and the last one's index."""


@dataclass(frozen=True)
class PlanContext:
    """The method, inputs and exclusions that a plan part depends on besides its pairs.

    Attributes:
        recipe: with its precision resolved.
        min_side, min_style_side: shortest side, in pixels, of a content (a style) that the method accepts.
        extension: of the output files.
        inputs: every input file, inspected.
        skipped_contents, skipped_styles: by item id, why an image is left out before it is looked at.
        max_pixels: of a mask.
    """

    recipe: MethodRecipe
    fingerprints: Fingerprints
    min_side: int
    min_style_side: int
    extension: str
    inputs: Mapping[Path, Input]
    skipped_contents: Mapping[str, InputError] = field(default_factory=dict)
    skipped_styles: Mapping[str, InputError] = field(default_factory=dict)
    max_pixels: int = 100_000_000

    @classmethod
    def of(cls, method: ResolvedMethod, output: Output, inputs: Mapping[Path, Input]) -> PlanContext:
        """The context of a run's method and output, in which nothing is left out."""
        extension = OUTPUT_EXTENSIONS[output.format]
        return cls(method.recipe, method.fingerprints, method.min_side, method.min_style_side, extension, inputs)


@dataclass(frozen=True)
class Shapes:
    """The shape and the error of each of n pairs, in the order of their table.

    Attributes:
        size: (n,) side in pixels to work at: the recipe's, or the manifest row's own.
        working, padded: (n, 2) width and height, at that size and padded to the recipe's bucket; zeros with an error.
        error: (n,) index into `errors`; -1 for a pair without any.
    """

    size: Ints
    working: Ints
    padded: Ints
    error: Ints
    errors: Sequence[InputError]

    @classmethod
    def of(cls, pairs: PairTable, context: PlanContext) -> Shapes:
        own = np.array([s.overrides.size or context.recipe.size for s in pairs.settings], np.int64)
        size = own[pairs.setting]
        contents, content_of = _distinct(pairs.content, size)
        styles, styles_of = _distinct(pairs.combination, size)
        errors: list[InputError] = []
        content_shapes = [_content_shape(pairs.contents[place], side, context) for place, side in contents]
        style_faults = [_style_faults(pairs.combinations[place], side, context) for place, side in styles]
        error, narrow_from = np.full(len(pairs), -1, np.int64), 0
        for rank in range(_FAULTS):  # a pair has the first of its faults
            narrow_from = len(errors)
            of_contents = _add_errors([shape.faults[rank] for shape in content_shapes], errors)[content_of]
            of_styles = _add_errors([faults[rank] for faults in style_faults], errors)[styles_of]
            if rank == _NARROW:  # no layer shapes at a content that is delivered as it is
                of_contents = np.where(pairs.stylized, of_contents, -1)
            for fault in (of_contents, of_styles):
                error = np.where(error < 0, fault, error)
        of_masks, mask_errors = mask_faults(
            pairs, error < 0, MaskSetting(context.recipe, context.inputs, context.max_pixels)
        )
        error = np.where(of_masks >= 0, of_masks + len(errors), error)
        errors += mask_errors
        working = np.array([shape.working for shape in content_shapes], np.int64).reshape(-1, 2)
        padded = np.array([context.recipe.padded(*shape.working) for shape in content_shapes], np.int64).reshape(-1, 2)
        known = ((error < 0) | (error >= narrow_from))[:, None]  # the size of an image that is only too narrow, too
        return cls(size, working[content_of] * known, padded[content_of] * known, error, errors)


@dataclass(frozen=True)
class _ContentShape:
    """A content at a size, with its faults by kind."""

    working: tuple[int, int]
    faults: tuple[InputError | None, InputError | None, InputError | None]


def _content_shape(item: Item, size: int, context: PlanContext) -> _ContentShape:
    found = context.inputs[item.path]
    working = (0, 0) if found.error else fitted_size(found.width, found.height, context.recipe.content_fit(size))
    narrow = None
    if not found.error and min(context.recipe.padded(*working)) < context.min_side:
        narrow = too_narrow_error(found.path, working, size, context.min_side)
    return _ContentShape(working, (context.skipped_contents.get(item.id), found.error, narrow))


def _style_faults(combination: Combination, size: int, context: PlanContext) -> tuple[InputError | None, ...]:
    """The faults, by kind, of the styles of a combination for contents of a size."""
    items = [share.item for share in combination.styles]
    found = [context.inputs[item.path] for item in items]
    skipped = next((context.skipped_styles[item.id] for item in items if item.id in context.skipped_styles), None)
    error, narrow = first_error(found), None
    fit = context.recipe.style_fit(size)
    for style in [] if error else found:
        working = fitted_size(style.width, style.height, fit)
        if narrow is None and min(working) < context.min_style_side:
            narrow = too_narrow_error(style.path, working, fit.size, context.min_style_side)
    return skipped, error, narrow


def too_narrow_error(path: Path, working: tuple[int, int], size: int, needed: int) -> ImageTooSmall:
    """The error of an image whose shorter side, at its working size, is too small for the method's layers."""
    return ImageTooSmall(
        path,
        f"at size {size} it is {working[0]} × {working[1]} pixels, but this method needs {needed} on the shorter side",
    )


def _distinct(places: NDArray[Any], sizes: Ints) -> tuple[list[tuple[int, int]], Ints]:
    """The distinct (place, size), and the index of each pair's."""
    keys, inverse = np.unique(places.astype(np.int64) << 32 | sizes, return_inverse=True)
    return [(int(key) >> 32, int(key) & 0xFFFFFFFF) for key in keys], inverse


def _add_errors(faults: Iterable[InputError | None], errors: list[InputError]) -> Ints:
    """Append the faults that are not None to `errors`; return the index of each there, or -1."""
    places = []
    for fault in faults:
        places.append(len(errors) if fault is not None else -1)
        errors += [fault] if fault is not None else []
    return np.array(places, np.int64)
