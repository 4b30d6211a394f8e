"""What the sessions of all methods have in common: style targets that are kept, batches halved until they fit."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nst_core.engine.batch import Pairs, StylizedBatch
from nst_core.engine.cache import Cache
from nst_core.engine.devices import is_out_of_memory, set_convolution_precision
from nst_core.engine.evaluation import Evaluation
from nst_core.engine.style_targets import StyleTarget
from nst_core.engine.tiling.settings import AUTOMATIC, Tiling
from nst_core.engine.transfer.recipe import MethodRecipe
from nst_core.engine.watch import Watch
from nst_core.errors import ResourceError

TARGET_BYTES = 512 * 2**20
"""Bytes of style targets kept per session; one of VGG-19's five usual layers takes 1.4 MB, of all layers 11 MB."""

MAX_STYLE_KEYS = 16_384
"""Style files whose key is remembered; some hundred bytes each."""


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


@dataclass(frozen=True)
class LeastSides:
    """The shortest sides, in pixels, that a method accepts, of contents and of styles, at their working sizes."""

    content: int
    style: int


class MethodSession:
    """What a method needs on a device, and the style targets made with it, kept between chunks.

    Args:
        tiling: when pictures are computed tile by tile.

    Attributes:
        recipe: with its precision resolved.
        features: the network that makes the pictures, or by which their own network was trained: no judge of theirs.
        weights_sha256: of the files of the network that makes the pictures, None where there are none.
        start_sha256: of the files of the transfer network that an optimisation begins with, if it does.
        stages_sha256: of the weights of each stage of an optimisation that is not on the recipe's own network; None for
            those that are.
        least_sides: for pictures of any size that the recipe, or a row, may name.
        style_keys: the key of a style file's target, by the state of the file and the size asked for; so a file whose
            target is kept need not be read.
    """

    features: str
    weights_sha256: str | None
    start_sha256: str | None = None
    stages_sha256: tuple[str | None, ...] = ()
    least_sides: LeastSides

    def __init__(self, recipe: MethodRecipe, device: torch.device, tiling: Tiling = AUTOMATIC) -> None:
        self.recipe, self.device, self.tiling = recipe, device, tiling
        self.style_keys: Cache[StyleKey] = Cache(MAX_STYLE_KEYS)
        self._targets: Cache[StyleTarget] = Cache(TARGET_BYTES, lambda target: target.nbytes)
        self._batch_limits: dict[torch.Size, int] = {}  # pairs at a time, by shape, where memory has run out

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

    def style_target(
        self,
        image: Tensor,
        content: Tensor | None = None,
        strength: float | None = None,
        guide: Tensor | None = None,
    ) -> StyleTarget:
        """The target of a style image, (3, H, W) at its working size, on the device.

        Args:
            content: (3, H, W), needed where the target `depends_on_content`.
            strength: in place of the recipe's.
            guide: (H, W), 1 where the region of the style image is that the target is of; by default all of it.
        """
        raise NotImplementedError

    def pair_bytes(self, width: int, height: int) -> int:
        """Estimated peak memory per pair of `width` × `height` pixels, in bytes."""
        raise NotImplementedError

    def batch_that_fits(self, side: int, most: int) -> int:
        """The largest batch, at most `most` and at least 1, of `side` × `side` images that fits into free memory."""
        raise NotImplementedError

    def make_pictures(self, pairs: Pairs, watch: Watch, evaluation: Evaluation) -> StylizedBatch:
        """Stylize a batch as a whole."""
        raise NotImplementedError

    def is_tiled(self, pairs: Pairs) -> bool:
        """Whether the pictures of a batch are computed tile by tile."""
        return False

    def reduce_tiles(self, pairs: Pairs) -> bool:
        """Choose smaller tiles for a batch, because memory has run out; False where there are none."""
        return False

    def shortage(self, pairs: Pairs) -> str:
        """What would help where a pair does not fit into memory: a sentence's end."""
        return "set a smaller method.size"

    def stylize(self, pairs: Pairs, watch: Watch, evaluation: Evaluation = "eager") -> StylizedBatch:
        """Run `make_pictures`; where memory runs out, in parts of half as many pairs, down to one, then in tiles.

        The number that fitted, and the tiles, are remembered for later batches of that shape. Pictures in tiles are
        made one by one; pictures with regions are never computed in tiles.

        Raises:
            OutOfMemory: a single pair does not fit.
        """
        shape, count = pairs.contents.shape[2:], len(pairs.contents)
        tiled = self.is_tiled(pairs)
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
        try:
            set_convolution_precision(self.recipe.precision)
            return self.make_pictures(pairs.rows(rows), part_watch, evaluation)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            if len(rows) == 1 and not self.reduce_tiles(pairs):
                height, width = pairs.contents.shape[2:]
                raise OutOfMemory(
                    f"One pair of {width} × {height} pixels does not fit into the memory of {self.device}: "
                    f"{self.shortage(pairs)}."
                ) from error
        if self.device.type == "cuda":
            torch.cuda.empty_cache()  # not above: there the error's traceback still holds the tensors
        return None


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
