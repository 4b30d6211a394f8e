"""A transfer network on the devices that pictures lie on, in whichever process: what a transform carries of it."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch

from nst_core.engine.transfer.network import TransferNetwork
from nst_core.engine.transfer.recipe import NETWORK_NAMES
from nst_core.errors import WeightsError
from nst_core.networks.sessions import open_network
from nst_core.storage.written_paths import written_path

NetworkName = str | Path | Sequence[str | Path] | TransferNetwork
"""A name, a file, a network's files, or the network itself."""


class NetworkCopies:
    """A network, and a copy of it for each device that it is asked for.

    Pickled, one that has a name or files is these alone: another process reads them itself. A network that was given
    as an object is pickled whole.

    Raises:
        WeightsError: it is not here, or not what it should be.
    """

    def __init__(self, network: NetworkName) -> None:
        own = isinstance(network, TransferNetwork)
        self._names: tuple[str, ...] = () if own else _names(network)
        self._own: TransferNetwork | None = network if isinstance(network, TransferNetwork) else None
        self._by_device: dict[torch.device, TransferNetwork] = {}
        self.weights_sha256: str | None = None
        self.weights_sha256 = getattr(self.on(torch.device("cpu")), "weights_sha256", None)

    def on(self, device: torch.device) -> TransferNetwork:
        """The network on a device. Raises WeightsError where its files have changed since it was first read."""
        found = self._by_device.get(device)
        if found is None:
            found = self._by_device[device] = self._opened(device) if self._own is None else _moved(self._own, device)
        return found

    def _opened(self, device: torch.device) -> TransferNetwork:
        network = open_network(self._names, "network", device)
        if self.weights_sha256 not in (None, network.weights_sha256):
            raise WeightsError(
                f"The files of the network {', '.join(self._names)} have changed since the transform was made: make "
                "it anew."
            )
        return network

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_by_device": {}}


def _names(network: Any) -> tuple[str, ...]:
    names = [network] if isinstance(network, str | Path) else list(network)
    return tuple(str(name) if name in NETWORK_NAMES else str(written_path(name)) for name in names)


def _moved(network: TransferNetwork, device: torch.device) -> TransferNetwork:
    """The network itself, if it is there already, or a copy."""
    here = next((tensor.device for tensor in network.parameters()), device)
    return network if here == device else deepcopy(network).to(device)
