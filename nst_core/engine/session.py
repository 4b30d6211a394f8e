"""Session: a recipe's extractor on a device and its cache of style targets; halves batches that do not fit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from copy import copy
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nst_core.engine.batch import Pairs, StylizedBatch
from nst_core.engine.cache import Cache
from nst_core.engine.devices import is_out_of_memory, set_convolution_precision
from nst_core.engine.evaluation import Evaluation
from nst_core.engine.features import ConvNet, Extractor, build_extractor
from nst_core.engine.optimisation import stylize_batch
from nst_core.engine.recipe import Recipe
from nst_core.engine.style_targets import StyleTarget, style_target
from nst_core.engine.tiling.choice import TileChoice
from nst_core.engine.tiling.settings import AUTOMATIC, Tiling
from nst_core.engine.watch import Watch
from nst_core.errors import ResourceError

TARGET_BYTES = 512 * 2**20
"""Bytes of style targets kept per session; one of VGG-19's five usual layers takes 1.4 MB, of all layers 11 MB."""

MAX_STYLE_KEYS = 16_384
"""Style files whose key is remembered; some hundred bytes each."""

MAX_SESSIONS = 4
"""Sessions kept per process, and extractors, which take up to 80 MB each; those in use are kept anyway."""


class OutOfMemory(ResourceError):
    """Not even a single pair fits into the device's memory."""


@dataclass(frozen=True)
class StyleKey:
    """The key of a style target.

    Attributes:
        sha256: hash of the style file's bytes.
        shape: (H, W, 3) of its pixels at the working size.
        region: hash of the mask of the region that it is of, empty where it is of the whole image.
    """

    sha256: str
    shape: tuple[int, ...]
    region: str = ""


class Session:
    """A recipe's extractor on a device, and the style targets made with it, kept between chunks.

    Args:
        tiling: when pictures are computed tile by tile.

    Attributes:
        style_keys: the key of a style file's target, by the state of the file and the size asked for; so a file whose
            target is kept need not be read.
    """

    def __init__(self, recipe: Recipe, device: torch.device, tiling: Tiling = AUTOMATIC) -> None:
        self.recipe, self.device, self.tiling = recipe, device, tiling
        self.extractor = _shared_extractor(recipe, device)
        self._tiles = TileChoice(recipe, self.extractor, device, tiling)
        self.style_keys: Cache[StyleKey] = Cache(MAX_STYLE_KEYS)
        self._targets: Cache[StyleTarget] = Cache(TARGET_BYTES, lambda target: target.nbytes)
        self._batch_limits: dict[torch.Size, int] = {}  # pairs at a time, by shape, where memory has run out

    def under(self, recipe: Recipe) -> Session:
        """A session with the same network and targets for another recipe, which must use no layers but this one's."""
        other = copy(self)
        other.recipe = recipe
        other._tiles = TileChoice(recipe, self.extractor, self.device, self.tiling)
        return other

    def style_target(
        self,
        image: Tensor,
        content: Tensor | None = None,
        strength: float | None = None,
        guide: Tensor | None = None,
    ) -> StyleTarget:
        """The target of a style image, as `style_targets.style_target` makes it; in tiles where it is too large."""
        extractor = self._tiles.extractor(*image.shape[1:]) if guide is None else self.extractor
        return style_target(image, self.recipe, extractor, content, strength, guide)

    def kept_target(self, key: Hashable) -> StyleTarget | None:
        """The style target kept as `key`, or None."""
        return self._targets.get(key)

    def target(self, key: Hashable, make: Callable[[], StyleTarget]) -> StyleTarget:
        """The style target of `key`, made by `make` on first use and kept; the least recently used ones are dropped."""
        kept = self._targets.get(key)
        if kept is not None:
            return kept
        # Without a lock: another thread may make the same one meanwhile, and the first is kept.
        return self._targets.keep(key, self.unkept_target(make))

    def unkept_target(self, make: Callable[[], StyleTarget]) -> StyleTarget:
        """A style target that is not kept. Raises OutOfMemory."""
        try:
            set_convolution_precision(self.recipe.precision)
            return make()
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            raise OutOfMemory(
                f"A style does not fit into the memory of {self.device}: set a smaller method.size."
            ) from error

    def stylize(self, pairs: Pairs, watch: Watch, evaluation: Evaluation = "eager") -> StylizedBatch:
        """Run `stylize_batch`; where memory runs out, in parts of half as many pairs, down to one, then in tiles.

        The number that fitted, and the tiles, are remembered for later batches of that shape. Pictures in tiles are
        made one by one; pictures with regions are never computed in tiles.

        Raises:
            OutOfMemory: a single pair does not fit.
        """
        shape, count = pairs.contents.shape[2:], len(pairs.contents)
        tiled = not pairs.have_regions and self._tiles.side(*shape) is not None
        most = 1 if tiled else min(count, self._batch_limits.get(shape, count))
        parts: list[StylizedBatch] = []
        first = 0
        while first < count:
            rows = range(first, min(first + most, count))
            part = self._stylize_rows(pairs, rows, watch, evaluation)
            if part is None:
                most = max(1, len(rows) // 2)
                continue
            if most < count and not tiled:
                self._batch_limits[shape] = min(most, self._batch_limits.get(shape, most))
            parts.append(part)
            first = rows.stop
        return _joined(parts)

    def _stylize_rows(self, pairs: Pairs, rows: range, watch: Watch, evaluation: Evaluation) -> StylizedBatch | None:
        """Stylize some pairs of a batch; None where they do not fit into memory, and fewer or smaller tiles might."""
        part_watch = _part_watch(watch, self.recipe.total_evaluations, rows, len(pairs.contents))
        height, width = pairs.contents.shape[2:]
        try:
            set_convolution_precision(self.recipe.precision)
            extractor_of = None if pairs.have_regions else self._tiles.extractor
            return stylize_batch(pairs.rows(rows), self.recipe, self.extractor, part_watch, evaluation, extractor_of)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            if len(rows) == 1 and (pairs.have_regions or not self._tiles.reduce(height, width)):
                with_regions = "set a smaller method.size; pictures with regions are not computed in tiles"
                remedy = with_regions if pairs.have_regions else self._tiles.shortage(height, width)
                raise OutOfMemory(
                    f"One pair of {width} × {height} pixels does not fit into the memory of {self.device}: {remedy}."
                ) from error
        if self.device.type == "cuda":
            torch.cuda.empty_cache()  # not above: there the error's traceback still holds the tensors
        return None


_sessions: Cache[Session] = Cache(MAX_SESSIONS)
_extractors: Cache[Extractor] = Cache(MAX_SESSIONS)
_loading = threading.Lock()


def session_for(recipe: Recipe, device: torch.device, tiling: Tiling = AUTOMATIC) -> Session:
    """This process's session for a recipe (precision resolved) on a device.

    Args:
        tiling: when pictures are computed tile by tile.

    Raises:
        ConfigError, WeightsError: the recipe asks for something that does not exist.
    """
    key = (replace(recipe, size=1), device, tiling)  # targets are kept by their own size
    with _loading:
        return _sessions.get(key) or _sessions.keep(key, Session(recipe, device, tiling))


def _shared_extractor(recipe: Recipe, device: torch.device) -> Extractor:
    """A recipe's extractor on a device, shared by all recipes with the same network, weights and precision."""
    key = (recipe.features, recipe.weights, recipe.pooling, recipe.inputs, recipe.normalised, recipe.precision, device)
    kept = _extractors.get(key)
    if kept is not None and set(recipe.layer_names()) <= set(kept.layers):
        return kept
    extractor = build_extractor(recipe)  # which says what is wrong, where a layer is missing
    if device.type == "cuda" and isinstance(extractor, ConvNet):
        extractor = extractor.channels_last()
    return _extractors.keep(key, extractor.to(device))


def _part_watch(watch: Watch, evaluations: int, rows: range, count: int) -> Watch:
    """The watch for some rows of a batch of `count`, which reports their share of the whole; earlier rows are done."""
    progress, preview = watch.progress, watch.preview
    before = rows.start * evaluations
    return replace(
        watch,
        progress=progress and (lambda done, total: progress((before + len(rows) * done) // count, total)),
        preview=preview and (lambda done, row, image: preview(done, rows.start + row, image)),
    )


def _joined(parts: list[StylizedBatch]) -> StylizedBatch:
    return StylizedBatch(
        torch.cat([part.images for part in parts]),
        [trace for part in parts for trace in part.traces],
        [failed for part in parts for failed in part.failed],
        parts[0].iterations,
        parts[0].evaluations,
    )
