"""The session of a method: of an optimisation, or of a transfer network by whatever name."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

import torch

from nst_core.engine import session as engine
from nst_core.engine.cache import Cache
from nst_core.engine.method_session import MethodSession
from nst_core.engine.tiling.settings import AUTOMATIC, Tiling
from nst_core.engine.transfer.files import load_network
from nst_core.engine.transfer.network import TransferNetwork
from nst_core.engine.transfer.recipe import MethodRecipe, TransferRecipe
from nst_core.engine.transfer.session import TransferSession
from nst_core.errors import WeightsError, suggestion
from nst_core.networks.files import NAMED, network_files, network_sha256

_sessions: Cache[TransferSession] = Cache(engine.MAX_SESSIONS)
_networks: Cache[TransferNetwork] = Cache(engine.MAX_SESSIONS)
_loading = threading.Lock()


def session_for(recipe: MethodRecipe, device: torch.device, tiling: Tiling = AUTOMATIC) -> MethodSession:
    """This process's session for a method (precision resolved) on a device.

    Args:
        tiling: when the pictures of an optimisation are computed tile by tile; `memory` is any method's.

    Raises:
        ConfigError, WeightsError: the recipe asks for something that does not exist.
    """
    if not isinstance(recipe, TransferRecipe):
        return engine.session_for(recipe, device, tiling, lambda names, key: open_network(names, key, device))
    key = (replace(recipe, size=1), device, tiling)  # vectors are kept by their own size
    with _loading:
        found = _sessions.get(key)
        if found is None:
            network = open_network(recipe.network, "method.network", device)
            found = _sessions.keep(key, TransferSession(recipe, device, network, tiling))
    return found


def open_network(names: Sequence[str], key: str, device: torch.device) -> TransferNetwork:
    """The transfer network of a name or of files, on a device; loaded once per process.

    Args:
        key: of the run file that names it.

    Raises:
        WeightsError: it is not here, or not what it should be.
    """
    of_device = (tuple(names), device)
    return _networks.get(of_device) or _networks.keep(of_device, _opened(names, key).to(device))


def _opened(names: Sequence[str], key: str) -> TransferNetwork:
    files = network_files(names)
    if tuple(names) == ("magenta",):
        from nst_core.networks.magenta import Magenta

        return Magenta(files, network_sha256(names))
    for file in files:
        if not file.exists():
            known = ", ".join(NAMED)
            hint = suggestion(file.name, NAMED)
            raise WeightsError(
                f"{key}: there is no network file {file}{hint}; it can be {known}, or the file, or files, "
                "of a network (docs/transfer.md)."
            )
    return load_network(files, key)
