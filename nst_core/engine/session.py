"""Sessions: a method's network on a device and its cache of style targets; they halve batches that do not fit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from nst_core.engine.batch import Pairs, StylizedBatch
from nst_core.engine.cache import Cache
from nst_core.engine.devices import is_out_of_memory, set_convolution_precision
from nst_core.engine.evaluation import Evaluation
from nst_core.engine.features import ConvNet, Extractor, build_extractor
from nst_core.engine.memory import batch_that_fits, pair_bytes
from nst_core.engine.optimisation import stylize_batch
from nst_core.engine.recipe import Recipe
from nst_core.engine.stages import Network
from nst_core.engine.style_targets import StyleTarget, style_target
from nst_core.engine.tiling.choice import TileChoice
from nst_core.engine.tiling.settings import AUTOMATIC, Tiling
from nst_core.engine.transfer.files import load_network
from nst_core.engine.transfer.network import TransferNetwork
from nst_core.engine.transfer.pictures import network_pictures, style_vector
from nst_core.engine.transfer.recipe import MethodRecipe
from nst_core.engine.watch import Watch
from nst_core.errors import ConfigError, ResourceError

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


class Session(MethodSession):
    """A session of an optimisation: a recipe's extractor on a device, and those of stages on other networks.

    Args:
        start_network: of `start: transfer`.
    """

    recipe: Recipe

    def __init__(
        self,
        recipe: Recipe,
        device: torch.device,
        tiling: Tiling = AUTOMATIC,
        start_network: TransferNetwork | None = None,
    ) -> None:
        super().__init__(recipe, device, tiling)
        self._extractors = {network: _extractor_of(recipe, network, device) for network in recipe.networks()}
        self.extractor = self._extractors[None]
        self._tiles = self._tile_choices()
        self.start_network = start_network
        self.features, self.weights_sha256 = recipe.features, self.extractor.weights_sha256
        self.start_sha256 = None if start_network is None else start_network.weights_sha256
        networks = [stage.network for stage in recipe.schedule()]
        self.stages_sha256 = tuple(None if each is None else self._extractors[each].weights_sha256 for each in networks)

    def _tile_choices(self) -> dict[Network | None, TileChoice]:
        return {
            network: TileChoice(self.recipe.under(network), extractor, self.device, self.tiling)
            for network, extractor in self._extractors.items()
        }

    @property
    def least_sides(self) -> LeastSides:  # type: ignore[override]
        content, style = (
            self.recipe.least_side(max(extractor.min_side(names) for extractor in self._extractors.values()))
            for names in (self.recipe.layer_names(), self.recipe.style_names())
        )
        if self.start_network is None:
            return LeastSides(content, style)
        return LeastSides(max(content, self.start_network.min_side), max(style, self.start_network.min_style_side))

    def under(self, recipe: Recipe) -> Session:
        """A session with the same network and targets for another recipe, which must use no layers but this one's."""
        other = copy(self)
        other.recipe = recipe
        other._tiles = other._tile_choices()
        return other

    def style_target(
        self,
        image: Tensor,
        content: Tensor | None = None,
        strength: float | None = None,
        guide: Tensor | None = None,
    ) -> StyleTarget:
        """As of any session; in tiles where the image is too large."""
        extractors = {
            network: self._tiles[network].extractor(*image.shape[1:]) if guide is None else whole
            for network, whole in self._extractors.items()
        }
        others = {network: extractor for network, extractor in extractors.items() if network}
        target = style_target(image, self.recipe, extractors[None], content, strength, guide, others)
        if self.start_network is None:
            return target
        return replace(target, vector=style_vector(image, self.start_network))

    def pair_bytes(self, width: int, height: int) -> int:
        by_network = self._extractors.items()
        return max(pair_bytes(self.recipe.under(network), each, width, height) for network, each in by_network)

    def batch_that_fits(self, side: int, most: int) -> int:
        return min(
            batch_that_fits(self.recipe.under(network), extractor, self.device, side, most, self.tiling.memory)
            for network, extractor in self._extractors.items()
        )

    def make_pictures(self, pairs: Pairs, watch: Watch, evaluation: Evaluation) -> StylizedBatch:
        if self.start_network is not None:
            starts = network_pictures(pairs.contents, pairs.targets, self.start_network)
            pairs = replace(pairs, starts=starts)

        def extractor_of(network: Network | None, height: int, width: int) -> Extractor:
            return self._extractors[network] if pairs.have_regions else self._tiles[network].extractor(height, width)

        return stylize_batch(pairs, self.recipe, self.extractor, watch, evaluation, extractor_of)

    def is_tiled(self, pairs: Pairs) -> bool:
        height, width = pairs.contents.shape[2:]
        return not pairs.have_regions and any(each.side(height, width) is not None for each in self._tiles.values())

    def reduce_tiles(self, pairs: Pairs) -> bool:
        if pairs.have_regions:
            return False
        height, width = pairs.contents.shape[2:]
        # Which network has run out of memory is not known: the one with the largest tiles, its own first, is changed.
        by_side = sorted(self._tiles.values(), key=lambda each: -(each.side(height, width) or max(height, width)))
        return any(each.reduce(height, width) for each in by_side)

    def shortage(self, pairs: Pairs) -> str:
        if pairs.have_regions:
            return "set a smaller method.size; pictures with regions are not computed in tiles"
        height, width = pairs.contents.shape[2:]
        return self._tiles[None].shortage(height, width)


_sessions: Cache[Session] = Cache(MAX_SESSIONS)
_extractors: Cache[Extractor] = Cache(MAX_SESSIONS)
_loading = threading.Lock()


def session_for(
    recipe: Recipe,
    device: torch.device,
    tiling: Tiling = AUTOMATIC,
    open_network: Callable[[Sequence[str], str], TransferNetwork] | None = None,
) -> Session:
    """This process's session for an optimisation (precision resolved) on a device.

    Args:
        tiling: when pictures are computed tile by tile.
        open_network: opens the transfer network of `start: transfer`, on the CPU, by its names and the key of the run
            file that has them; by default `load_network`.

    Raises:
        ConfigError, WeightsError: the recipe asks for something that does not exist.
    """
    key = (replace(recipe, size=1), device, tiling)  # targets are kept by their own size
    with _loading:
        found = _sessions.get(key)
        return found or _sessions.keep(key, _new_session(recipe, device, tiling, open_network or _load_network))


def _new_session(
    recipe: Recipe,
    device: torch.device,
    tiling: Tiling,
    open_network: Callable[[Sequence[str], str], TransferNetwork],
) -> Session:
    if recipe.start != "transfer":
        return Session(recipe, device, tiling)
    return Session(recipe, device, tiling, open_network(recipe.start_network, "method.start_network").to(device))


def _load_network(names: Sequence[str], key: str) -> TransferNetwork:
    return load_network([Path(name) for name in names], key)


def _extractor_of(recipe: Recipe, network: Network | None, device: torch.device) -> Extractor:
    """The extractor of one of a recipe's networks. Raises ConfigError, WeightsError."""
    try:
        return _shared_extractor(recipe.under(network), device)
    except ConfigError as error:
        if network is None:
            raise
        raise ConfigError(f"method.stages: of the stage with features {network.features}: {error}") from error


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
