"""The file of `quick`'s weights."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from nst_core.engine.transfer.quick_network import QuickNetwork

FORMAT = "nst quick 1"


def quick_bytes(network: QuickNetwork) -> bytes:
    """The network as an uncompressed `.npz` of float16 arrays, which holds numbers alone: no code is in it."""
    state: dict[str, Any] = {"format": np.array(FORMAT)}
    for name, values in network.state_dict().items():
        if not name.startswith(("encoder.maps.", "encoder.scales")):
            state[name] = values.detach().cpu().numpy().astype(np.float16)
    buffer = io.BytesIO()
    np.savez(buffer, **state)
    return buffer.getvalue()
