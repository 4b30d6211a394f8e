"""Feature maps of the slim network, in VGG-19's own metric, and the file that its weights are kept in.

With the linear map P of a layer, from the network's features F to VGG-19's, inner products there are Fᵀ M F, M = PᵀP.
The root R of M (RᵀR = M) has as many rows as F: the maps R F have the inner products of P F, and so the distances and
the differences of Gram matrices (‖P ΔG Pᵀ‖² = tr M ΔG M ΔG = ‖R ΔG Rᵀ‖²), at the cost of the network's few channels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from nst_core.engine.array_files import array_bytes, half, read_arrays, single
from nst_core.engine.features.base import Extractor
from nst_core.engine.features.geometry import NetworkSection, Reach, Window
from nst_core.engine.features.slim_network import CONVOLUTIONS, LAYERS, TEACHER_CHANNELS, SlimNetwork
from nst_core.engine.features.weights import hash_file
from nst_core.errors import WeightsError

FORMAT = "nst slim 1"
SHIPPED = Path(__file__).with_name("slim.npz")
"""Weights that come with the package, beside the card of their training, `slim.json`."""

_MEND = "give the result of `nst train slim`, or set method.weights to shipped"


class SlimFeatures(Extractor):
    """The slim network as an extractor whose maps stand for VGG-19's `relu1_1`, `relu2_1`, `relu3_1` and `relu4_1`.

    A map has fewer channels than VGG-19's, and the same inner products, as far as the network knows them.

    Losses that are functions of inner products (of distances, of Gram matrices) are estimates of VGG-19's own.
    """

    name = "slim"
    layers = LAYERS

    def __init__(self, network: SlimNetwork, weights_sha256: str | None) -> None:
        super().__init__()
        self.network, self.weights_sha256 = network.requires_grad_(False), weights_sha256
        widths = zip(LAYERS, network.widths, TEACHER_CHANNELS, strict=True)
        self.channel_shares = {layer: own / counted for layer, own, counted in widths}
        for layer, projection in zip(LAYERS, network.projections(), strict=True):
            self.register_buffer(f"root_{layer}", metric_root(projection)[:, :, None, None], persistent=False)
        self.eval()

    def forward(self, images: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        depth = self._depth(layers)
        if not depth:
            return {}
        own = self.network(images, depth, self.precision)
        return {
            layer: F.conv2d(maps, self.get_buffer(f"root_{layer}").to(maps.dtype))
            for layer, maps in zip(LAYERS, own, strict=False)
            if layer in layers
        }

    def min_side(self, layers: Sequence[str]) -> int:
        return 1 << max(self._depth(layers) - 1, 0)

    def sections(self, layers: Sequence[str]) -> tuple[NetworkSection, ...]:
        """One: the maps are narrow, and see no more than 68 pixels."""
        reach, reaches = Reach(), {}
        for block, layer in enumerate(LAYERS):
            if block:
                reach = reach.then(*[Window(3, padding=1)] * (CONVOLUTIONS[block - 1] - 1), Window(2, 2))
            reach = reach.then(Window(3, padding=1))
            reaches[layer] = reach
        wanted = {layer: reaches[layer] for layer in LAYERS if layer in layers}
        return (NetworkSection(lambda images: self(images, tuple(wanted)), wanted),)

    def in_bfloat16(self) -> SlimFeatures:
        self.network.to(torch.bfloat16)
        super().in_bfloat16()
        return self

    def _depth(self, layers: Sequence[str]) -> int:
        """The number of blocks that are computed."""
        for layer in layers:
            if layer not in LAYERS:
                raise KeyError(f"{self.name} has no layer {layer!r}; it has {', '.join(LAYERS)}")
        return max((LAYERS.index(layer) + 1 for layer in layers), default=0)


def metric_root(projection: Tensor) -> Tensor:
    """The symmetric R, (C, C), with RᵀR = PᵀP, of P (N, C)."""
    wide = projection.detach().double()
    values, vectors = torch.linalg.eigh(wide.T @ wide)
    root: Tensor = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    return root.to(projection.dtype)


def slim_features(weights: str) -> SlimFeatures:
    """The extractor with weights that are `shipped`, `random` (seeded, for tests), or in a file of `nst train slim`.

    Raises:
        WeightsError: the file is not there, or not such a file.
    """
    if weights == "random":
        network = SlimNetwork(generator=torch.Generator().manual_seed(0))
        return SlimFeatures(network, hashlib.sha256(network_bytes(network)).hexdigest())
    path = SHIPPED if weights == "shipped" else Path(weights)
    try:
        sha256 = hash_file(path)
        network = read_network(path)
    except OSError as error:
        raise WeightsError(f"The weights file {path} cannot be read ({error.strerror or error}): {_MEND}.") from error
    return SlimFeatures(network, sha256)


def network_bytes(network: SlimNetwork) -> bytes:
    """The network as an uncompressed `.npz` of float16 arrays, which holds numbers alone: no code is in it."""
    state: dict[str, Any] = {"format": np.array(FORMAT)}
    for name, convolution in network.convolutions.items():
        state[f"{name}.weight"], state[f"{name}.bias"] = half(convolution.weight), half(convolution.bias)  # type: ignore[arg-type]
    for layer, projection, scale in zip(LAYERS, network.projections(), network.scales, strict=True):
        state[f"{layer}.map"] = half(projection / scale)
        state[f"{layer}.scale"] = np.float32(scale.item())
    return array_bytes(state)


def read_network(path: Path) -> SlimNetwork:
    """The network that a file of `network_bytes` holds.

    Raises:
        WeightsError: it is no such file.
        OSError: it cannot be read.
    """
    try:
        return _network(read_arrays(path))
    except (ValueError, KeyError, RuntimeError) as error:
        raise WeightsError(f"The weights file {path} is not one of a slim network, or damaged: {_MEND}.") from error


def _network(arrays: Mapping[str, NDArray[Any]]) -> SlimNetwork:
    if str(arrays["format"]) != FORMAT:
        raise ValueError("another format")
    widths = [len(arrays[f"conv{block}_1.bias"]) for block in range(1, len(CONVOLUTIONS) + 1)]
    network = SlimNetwork(widths)
    state = {"scales": torch.tensor([float(arrays[f"{layer}.scale"]) for layer in LAYERS])}
    for name in network.convolutions:
        for part in ("weight", "bias"):
            state[f"convolutions.{name}.{part}"] = single(arrays[f"{name}.{part}"])
    for layer in LAYERS:
        state[f"maps.{layer}.weight"] = single(arrays[f"{layer}.map"])[:, :, None, None]
    if not all(bool(torch.isfinite(values).all()) for values in state.values()):
        raise ValueError("not finite")
    network.load_state_dict(state)
    return network.eval()
