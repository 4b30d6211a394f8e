"""The file of a network for any style over the slim network: float16 numbers, no code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from torch import Tensor

from nst_core.engine.array_files import array_bytes, half, is_array_file, read_arrays, single
from nst_core.engine.features.slim_network import CONVOLUTIONS, SlimNetwork
from nst_core.engine.transfer.quick_network import QuickNetwork, QuickShape
from nst_core.errors import WeightsError

FORMAT = "nst quick 1"

_UNUSED = ("encoder.maps.", "encoder.scales")
"""Parts of the slim network that pictures do not need."""

_BLOCK = re.compile(r"residuals\.(\d+)\.(\d+)\.first\.weight")


def quick_bytes(network: QuickNetwork) -> bytes:
    """The file of a network: an uncompressed `.npz` of float16 arrays."""
    state = {name: half(values) for name, values in network.state_dict().items() if not name.startswith(_UNUSED)}
    return array_bytes({"format": FORMAT, **state})


def read_quick(path: Path) -> QuickNetwork:
    """The network that a file of `quick_bytes` holds, frozen.

    Raises:
        WeightsError: it is no such file.
        OSError: it cannot be read.
    """
    try:
        return _network(read_arrays(path))
    except (ValueError, KeyError, IndexError, TypeError, RuntimeError) as error:
        raise WeightsError(
            f"The network file {path} is not one of `nst train quick`, or damaged: give its result, or set "
            "method.network to quick."
        ) from error


def _network(arrays: Mapping[str, NDArray[Any]]) -> QuickNetwork:
    if str(arrays["format"]) != FORMAT:
        raise ValueError("another format")
    encoder = SlimNetwork(
        [len(arrays[f"encoder.convolutions.conv{n}_1.bias"]) for n in range(1, len(CONVOLUTIONS) + 1)]
    )
    network = QuickNetwork(encoder, _shape(arrays))
    expected = network.state_dict()
    given: dict[str, Tensor] = {name: single(values) for name, values in arrays.items() if name != "format"}
    if given.keys() != {name for name in expected if not name.startswith(_UNUSED)}:
        raise ValueError("other tensors")
    if not all(bool(values.isfinite().all()) for values in given.values()):
        raise ValueError("not finite")
    network.load_state_dict({**expected, **given})
    return network.requires_grad_(False).eval()


def _shape(arrays: Mapping[str, NDArray[Any]]) -> QuickShape:
    blocks = [match for match in map(_BLOCK.fullmatch, arrays) if match]
    levels = range(len(CONVOLUTIONS))
    return QuickShape(
        widths=tuple(len(arrays[f"entries.{level}.weight"]) for level in levels),
        blocks=tuple(sum(int(match[1]) == level for match in blocks) for level in levels),
        hidden=len(arrays["first.bias"]),
    )


def is_quick(path: Path) -> bool:
    """Whether a file says that it is one of `quick_bytes`. Raises OSError."""
    try:
        return is_array_file(path) and str(read_arrays(path).get("format")) == FORMAT
    except ValueError:
        return False
