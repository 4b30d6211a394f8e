"""Sessions of optimisations: a recipe's extractors on a device; one for each recipe, kept by this process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from nst_core.engine.batch import Pairs, StylizedBatch
from nst_core.engine.cache import Cache
from nst_core.engine.evaluation import Evaluation
from nst_core.engine.features import ConvNet, Extractor, build_extractor
from nst_core.engine.memory import batch_that_fits, pair_bytes
from nst_core.engine.method_session import LeastSides, MethodSession
from nst_core.engine.optimisation import stylize_batch
from nst_core.engine.recipe import Recipe
from nst_core.engine.stages import Network
from nst_core.engine.style_targets import StyleTarget, style_target
from nst_core.engine.tiling.choice import TileChoice
from nst_core.engine.tiling.settings import AUTOMATIC, Tiling
from nst_core.engine.transfer.files import load_network
from nst_core.engine.transfer.network import TransferNetwork
from nst_core.engine.transfer.pictures import network_pictures, style_vector
from nst_core.engine.watch import Watch
from nst_core.errors import ConfigError

MAX_SESSIONS = 4
"""Sessions kept per process, and extractors, which take up to 80 MB each; those in use are kept anyway."""


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
