"""What the pairs of a draft look like: the shape that is optimised, or why there is nothing to make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_core.config.fingerprint import Fingerprints
from nst_core.engine.images.pixels import working_size
from nst_core.engine.recipe import Recipe
from nst_core.errors import ImageTooSmall, InputError, SkippedInput
from nst_core.plan.draft import Combination, Draft
from nst_core.sources.base import Item
from nst_core.sources.index.inputs import Input, first_error

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class PlanContext:
    """What a plan needs besides the pairs.

    Attributes:
        recipe: with its precision resolved.
        min_side, min_style_side: shortest side, in pixels, that the recipe's layers (style layers) can look at.
        extension: of the output files.
        inputs: what was found of every input file.
        skipped_contents, skipped_styles: by item id, why an image is left out on purpose.
    """

    recipe: Recipe
    fingerprints: Fingerprints
    min_side: int
    min_style_side: int
    extension: str
    inputs: Mapping[Path, Input]
    skipped_contents: Mapping[str, SkippedInput] = field(default_factory=dict)
    skipped_styles: Mapping[str, SkippedInput] = field(default_factory=dict)


@dataclass(frozen=True)
class Shapes:
    """What each pair of a draft looks like: shape and fault, by place in the draft.

    Attributes:
        size: (n,), of the recipe or the row's own.
        working, padded: (n, 2) width and height, as optimised and padded to the recipe's bucket; zeros with an error.
        error: (n,) index into `errors`; -1 where the pair can be made.
    """

    size: Ints
    working: Ints
    padded: Ints
    error: Ints
    errors: Sequence[InputError]

    @classmethod
    def of(cls, draft: Draft, context: PlanContext) -> Shapes:
        own = np.array([s.overrides.size or context.recipe.size for s in draft.settings], np.int64)
        size = own[draft.setting]
        contents, content_of = _distinct(draft.content, size)
        styles, styles_of = _distinct(draft.combination, size)
        errors: list[InputError] = []
        content_looks = [_content_shape(draft.contents[place], side, context) for place, side in contents]
        style_faults = [_style_faults(draft.combinations[place], side, context) for place, side in styles]
        stylized = np.array([bool(c.styles) for c in draft.combinations], bool)[draft.combination]
        error, narrow_from = np.full(len(draft), -1, np.int64), 0
        for rank in range(_FAULTS):  # the first that there is, counts
            narrow_from = len(errors)
            of_contents = _noted([look.faults[rank] for look in content_looks], errors)[content_of]
            of_styles = _noted([faults[rank] for faults in style_faults], errors)[styles_of]
            if rank == _NARROW:  # no layer looks at a content that is delivered as it is
                of_contents = np.where(stylized, of_contents, -1)
            for fault in (of_contents, of_styles):
                error = np.where(error < 0, fault, error)
        working = np.array([look.working for look in content_looks], np.int64).reshape(-1, 2)[content_of]
        shapes = np.array([context.recipe.padded(*look.working) for look in content_looks], np.int64).reshape(-1, 2)
        whole = ((error < 0) | (error >= narrow_from))[:, None]  # where it is only too narrow, the row tells its size
        return cls(size, working * whole, shapes[content_of] * whole, error, errors)


_FAULTS, _NARROW = 3, 2
"""Kinds of fault, in the order in which they count: left out on purpose, unusable, too narrow for the method; the last.
"""


@dataclass(frozen=True)
class _ContentShape:
    """Of a content at a size: `faults`: left out, unusable, too narrow for the method."""

    working: tuple[int, int]
    faults: tuple[InputError | None, InputError | None, InputError | None]


def _content_shape(item: Item, size: int, context: PlanContext) -> _ContentShape:
    found = context.inputs[item.path]
    working = (0, 0) if found.error else _working_size(found, size, context.recipe)
    narrow = None
    if not found.error and min(context.recipe.padded(*working)) < context.min_side:
        narrow = too_narrow(found.path, working, size, context.min_side)
    return _ContentShape(working, (context.skipped_contents.get(item.id), found.error, narrow))


def _style_faults(combination: Combination, size: int, context: PlanContext) -> tuple[InputError | None, ...]:
    """Of styles for contents of a size: left out, unusable, too narrow for the method."""
    items = [share.item for share in combination.styles]
    found = [context.inputs[item.path] for item in items]
    skipped = next((context.skipped_styles[item.id] for item in items if item.id in context.skipped_styles), None)
    error, narrow = first_error(found), None
    style_size = context.recipe.style_size(size)
    for style in [] if error else found:
        working = _working_size(style, style_size, context.recipe)
        if narrow is None and min(working) < context.min_style_side:
            narrow = too_narrow(style.path, working, style_size, context.min_style_side)
    return skipped, error, narrow


def too_narrow(path: Path, working: tuple[int, int], size: int, needed: int) -> ImageTooSmall:
    """The error of an image whose shorter side, at its working size, the method's layers cannot look at."""
    return ImageTooSmall(
        path,
        f"at size {size} it is {working[0]} × {working[1]} pixels, but this method needs {needed} on the shorter side",
    )


def _working_size(image: Input, size: int, recipe: Recipe) -> tuple[int, int]:
    return working_size(image.width, image.height, size, recipe.upscale, recipe.side)


def _distinct(places: NDArray[Any], sizes: Ints) -> tuple[list[tuple[int, int]], Ints]:
    """The distinct (place, size), and for each pair which of them it has."""
    keys, inverse = np.unique(places.astype(np.int64) << 32 | sizes, return_inverse=True)
    return [(int(key) >> 32, int(key) & 0xFFFFFFFF) for key in keys], inverse


def _noted(faults: Iterable[InputError | None], errors: list[InputError]) -> Ints:
    """Add the faults that there are to `errors`; where each stands, or -1."""
    places = []
    for fault in faults:
        places.append(len(errors) if fault is not None else -1)
        errors += [fault] if fault is not None else []
    return np.array(places, np.int64)
