"""The masks of a pair, as its extra columns name them: read, and checked against its images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nst_core.engine.images.label_images import LabelImage, decode_labels
from nst_core.engine.recipe import Recipe
from nst_core.errors import InputError, MissingImage, SourceError, UnusableMask
from nst_core.sources.base import MASK, MASK_HASH, STYLE_MASK, STYLE_MASK_HASH
from nst_core.sources.coco_reference import PREFIX, CocoReference
from nst_core.sources.coco_regions import read_regions
from nst_core.sources.index.inputs import current_sha256
from nst_core.storage.paths import parse_path

Size = tuple[int, int]
"""(width, height) of an upright image, in pixels."""


@dataclass(frozen=True)
class PairMasks:
    """The label images of a pair.

    Attributes:
        styles: one for each style, None where it has none.
        by_number: whether the content's label k takes the pair's style k, counted from 1.
    """

    content: LabelImage
    styles: tuple[LabelImage | None, ...] = ()
    by_number: bool = False


def uses_masks(extras: Mapping[str, str], styles: int, recipe: Recipe) -> bool:
    """Whether a pair of so many styles has masks that matter under the recipe."""
    if not styles or not extras.get(MASK_HASH) or not extras.get(MASK):
        return False
    return bool(recipe.keep or recipe.regions or extras.get(STYLE_MASK) or _by_number(extras, styles, recipe))


def is_drawn(mask: str) -> bool:
    """Whether a mask is drawn from COCO's annotations, and no file."""
    return mask.startswith(PREFIX)


def read_masks(
    extras: Mapping[str, str], content: Size, styles: Sequence[Size], recipe: Recipe, max_pixels: int
) -> PairMasks:
    """Read the masks of a pair that uses some.

    Raises:
        InputError: one is missing, is no label image, has another shape than its image, or has been changed since the
            pair was planned; or a label has no style.
    """
    names, hashes = (_cells(extras, name, len(styles)) for name in (STYLE_MASK, STYLE_MASK_HASH))
    labels = _read(extras[MASK], extras[MASK_HASH], content, max_pixels)
    by_number = _by_number(extras, len(styles), recipe)
    if by_number:
        _check_labels(extras[MASK], labels, len(styles))
    each = zip(names, hashes, styles, strict=True)
    found = tuple(_read(name, sha256, size, max_pixels) if name else None for name, sha256, size in each)
    return PairMasks(labels, found, by_number)


def _by_number(extras: Mapping[str, str], styles: int, recipe: Recipe) -> bool:
    """Several styles in a row with a label image of its own; COCO's regions have names, and no numbers to count by."""
    return styles > 1 and not recipe.regions and not is_drawn(extras[MASK])


def _check_labels(name: str, labels: LabelImage, styles: int) -> None:
    strange = [label for label in labels.numbers() if label > styles]
    if strange:
        shown = labels.name_of(strange[0])
        raise UnusableMask(
            name, f"it has the label {shown}, but the row has {styles} styles: label 1 takes the first, 2 the second, "
            "and 0 is the background (method.regions gives styles to labels by name)"
        )  # fmt: skip


def _cells(extras: Mapping[str, str], name: str, count: int) -> list[str]:
    """The cells of a column for each of so many styles."""
    found = extras.get(name, "").split(";") if count > 1 else [extras.get(name, "")]
    return [*found, *[""] * (count - len(found))][:count]


def _read(name: str, planned: str, size: Size, max_pixels: int) -> LabelImage:
    reference = CocoReference.of(name)
    if reference is not None:
        name = f"{reference.file}, image {reference.image}"
        found = _of_coco(reference, name)
    else:
        path = parse_path(name)
        try:
            found = decode_labels(path, max_pixels)
        except MissingImage as error:
            raise UnusableMask(name, "there is no such mask") from error
        except InputError as error:
            raise error if isinstance(error, UnusableMask) else UnusableMask(name, error.reason) from error
        if current_sha256(path) != planned:
            raise UnusableMask(name, "the mask is not the one that was planned: `nst run` plans it anew")
    found.check_fits(name, *size)
    return found


def _of_coco(reference: CocoReference, name: str) -> LabelImage:
    try:
        return read_regions(reference)
    except (OSError, SourceError) as error:
        raise UnusableMask(name, "its annotations cannot be read") from error
