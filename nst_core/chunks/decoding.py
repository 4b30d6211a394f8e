"""Decoding: planned pairs read from files at their working sizes.

It happens on a chunk's decode thread, while the batch before is on the device; `batch_tensors` makes tensors of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from nst_core.engine.images.limits import ImageLimits
from nst_core.engine.images.pixels import (
    Pixels,
    decode_image,
    fit_pixels,
    fitted_size,
)
from nst_core.engine.method_session import MethodSession, StyleKey
from nst_core.engine.style_targets import StyleTarget, depends_on_content
from nst_core.engine.transfer.recipe import MethodRecipe
from nst_core.engine.working_size import Fit, padded_shape
from nst_core.errors import SKIPPED, InputError, SkippedInput, UnreadableName
from nst_core.plan.shapes import too_narrow_error
from nst_core.run_folder.plan_table import PlannedPair
from nst_core.run_folder.results import joined_hashes
from nst_core.sources.index.inputs import current_sha256
from nst_core.sources.pair_masks import PairMasks, read_masks, uses_masks
from nst_core.storage.paths import FileState, file_state, parse_path

Image = TypeVar("Image")


@dataclass(frozen=True)
class ScaledImage:
    """A decoded image at its working size.

    Attributes:
        pixels: (H, W, 3) uint8 sRGB, at the working size.
        width, height: of the original, upright.
        sha256: of the file's bytes.
    """

    pixels: Pixels
    width: int
    height: int
    sha256: str


@dataclass(frozen=True)
class CachedStyle:
    """A style that was not decoded, because the session has its target.

    It holds the target, because the session may drop it before the style's turn.
    """

    sha256: str
    target: StyleTarget


DecodedStyle = ScaledImage | CachedStyle


@dataclass(frozen=True)
class DecodedPair:
    """A planned pair with its decoded images."""

    row: PlannedPair
    content: ScaledImage
    styles: Sequence[DecodedStyle]
    masks: PairMasks | None = None

    @property
    def style_sha256(self) -> str | None:
        """The column of that name, of the bytes that were read."""
        return joined_hashes([style.sha256 for style in self.styles])


@dataclass(frozen=True)
class RefusedPair:
    """A pair with a bad input, and the hashes of the bytes found, by which a later run sees whether they changed."""

    row: PlannedPair
    error: InputError
    content_sha256: str | None
    style_sha256: str | None


@dataclass(frozen=True)
class ImageRequest:
    """An image file, and how it is to be read.

    Attributes:
        fit: how it is brought to its working size.
        needed: the shortest side, in pixels, that the method accepts.
        bucket: sides are padded to multiples of this many pixels before the first layer.
    """

    path: Path
    limits: ImageLimits
    fit: Fit
    needed: int
    bucket: int = 1


class BatchReader:
    """The reader of one chunk's batches, one after the other, on one thread.

    Within a batch each file is decoded once. A style is decoded only if the session has no target for it; the styles
    that the batch before decoded are kept, because their targets are made while this one is read.
    """

    def __init__(self, session: MethodSession, content_limits: ImageLimits, style_limits: ImageLimits) -> None:
        self._session, self._content_limits, self._style_limits = session, content_limits, style_limits
        self._least = session.least_sides
        self._decoded: dict[object, ScaledImage] = {}
        self._decoded_before: dict[object, ScaledImage] = {}

    def batch(self, rows: Sequence[PlannedPair]) -> list[DecodedPair | RefusedPair]:
        """Decode a batch, in the order of its rows. I/O errors, which are no fault of an image, propagate."""
        self._decoded_before, self._decoded = self._decoded, {}
        content, unstylized = _once(self.content), _once(self.unstylized)
        style, own_style = _once(self.style), _once(self.decoded_style)
        pairs: list[DecodedPair | RefusedPair] = []
        for row in rows:
            try:
                _check_planned(row)
                image = (content if row.style_paths else unstylized)(parse_path(row.content_path), row.size)
                if uses_masks(row.extras, len(row.style_paths), self._session.recipe):
                    pairs.append(self._masked(row, image))
                    continue
                read = own_style if has_own_target(row, self._session.recipe) else style
                pairs.append(DecodedPair(row, image, [read(parse_path(path), row.size) for path in row.style_paths]))
            except InputError as error:
                pairs.append(_refused(row, error))
        return pairs

    def _masked(self, row: PlannedPair, content: ScaledImage) -> DecodedPair:
        """A pair with masks, whose styles are decoded: their targets may be of regions. Raises InputError."""
        requests = [self._style_request(parse_path(path), row.size) for path in row.style_paths]
        styles = [self._decoded_style(request, file_state(request.path)) for request in requests]
        sizes = [(style.width, style.height) for style in styles]
        own, limit = (content.width, content.height), self._content_limits.max_pixels
        return DecodedPair(row, content, styles, read_masks(row.extras, own, sizes, self._session.recipe, limit))

    def content(self, path: Path, size: int) -> ScaledImage:
        """Read a content image at a working size. Raises InputError."""
        recipe = self._session.recipe
        fit, needed = recipe.content_fit(size), self._least.content
        return read_scaled(ImageRequest(path, self._content_limits, fit, needed, recipe.bucket))

    def unstylized(self, path: Path, size: int) -> ScaledImage:
        """Read a content that stays unstylized, however small it is. Raises InputError."""
        return read_scaled(ImageRequest(path, self._content_limits, self._session.recipe.content_fit(size), 1))

    def style(self, path: Path, size: int) -> DecodedStyle:
        """Read a style for contents of a working size; without decoding it if the session has its target.

        Raises InputError.
        """
        request, state = self._style_request(path, size), file_state(path)
        key = self._session.style_keys.get((request, state))
        target = None if key is None else self._session.kept_target(key)
        if key is not None and target is not None:
            return CachedStyle(key.sha256, target)
        return self._decoded_style(request, state)

    def decoded_style(self, path: Path, size: int) -> ScaledImage:
        """Read the pixels of a style for contents of a working size. Raises InputError."""
        return self._decoded_style(self._style_request(path, size), file_state(path))

    def _style_request(self, path: Path, size: int) -> ImageRequest:
        return ImageRequest(path, self._style_limits, self._session.recipe.style_fit(size), self._least.style)

    def _decoded_style(self, request: ImageRequest, state: FileState) -> ScaledImage:
        """The pixels of a style, decoded once for this batch and the next."""
        version = (request, state)
        image = self._decoded.get(version) or self._decoded_before.get(version) or read_scaled(request)
        if file_state(request.path) == state:  # not replaced while it was read
            self._session.style_keys.keep(version, style_key(image))
            self._decoded[version] = image
        return image


def read_scaled(request: ImageRequest) -> ScaledImage:
    """Decode an image and scale it to its working size.

    Raises:
        InputError: it cannot be used; `ImageTooSmall` if its shorter side is then below `needed`.
    """
    image = decode_image(request.path, request.limits)
    height, width = image.pixels.shape[:2]
    working = fitted_size(width, height, request.fit)
    if min(padded_shape(*working, request.bucket)) < request.needed:
        raise too_narrow_error(request.path, working, request.fit.size, request.needed)
    return ScaledImage(fit_pixels(image.pixels, request.fit), width, height, image.sha256)


def row_strength(row: PlannedPair, recipe: MethodRecipe) -> float | None:
    """The strength of a pair: the manifest's, else the recipe's, if it has one."""
    return recipe.strength if row.strength is None else row.strength


def has_own_target(row: PlannedPair, recipe: MethodRecipe) -> bool:
    """Whether the style targets of a pair are made for its content alone, and not kept."""
    return depends_on_content(recipe, row_strength(row, recipe))


def style_key(image: ScaledImage, region: str = "") -> StyleKey:
    """The key of a style's target in the session, or of one of its regions."""
    return StyleKey(image.sha256, image.pixels.shape, region)


def _once(read: Callable[[Path, int], Image]) -> Callable[[Path, int], Image]:
    """Wrap `read` so that each image is read once; a bad one raises its error each time."""
    found: dict[tuple[Path, int], Image | InputError] = {}

    def read_once(path: Path, size: int) -> Image:
        if (path, size) not in found:
            try:
                found[path, size] = read(path, size)
            except InputError as error:
                found[path, size] = error
        image = found[path, size]
        if isinstance(image, InputError):
            raise image
        return image

    return read_once


def _check_planned(row: PlannedPair) -> None:
    """Raise the planned errors that other bytes cannot mend: an image that is left out, or an unreadable file name."""
    if row.error_class in SKIPPED:
        path, _, reason = (row.error_message or "").partition(": ")
        raise SkippedInput(path, reason)
    if row.error_class == UnreadableName.__name__:
        raise UnreadableName((row.error_message or "").removesuffix(f": {UnreadableName.REASON}"))


def _refused(row: PlannedPair, error: InputError) -> RefusedPair:
    styles = joined_hashes([current_sha256(path) for path in row.style_paths])
    return RefusedPair(row, error, current_sha256(row.content_path), styles)
