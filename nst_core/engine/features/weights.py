"""Where a network's weights come from: torchvision's ImageNet release, a file, or a seeded draw."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from nst_core.errors import WeightsError


@dataclass(frozen=True)
class Weights:
    """A state dict, the sha256 that identifies it, and what to call it in messages."""

    state: Mapping[str, Tensor]
    sha256: str
    origin: str

    def fitting(self, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors of the convolutional part, under its own names, each of the expected shape.

        A whole network's state (`features.0.weight`, `classifier…`), its convolutional part alone (`0.weight`), and
        either behind DataParallel's `module.` are understood.

        Raises:
            WeightsError: a tensor is missing or has another shape.
        """
        plain = {key.removeprefix("module.").removeprefix("features."): value for key, value in self.state.items()}
        for key, tensor in expected.items():
            found = plain.get(key)
            if found is None:
                raise WeightsError(f"{self.origin} does not fit this network: it has no tensor `features.{key}`.")
            if found.shape != tensor.shape:
                raise WeightsError(
                    f"{self.origin} does not fit this network: `features.{key}` has the shape {tuple(found.shape)}, "
                    f"not {tuple(tensor.shape)}. Is method.features the right network?"
                )
        return {key: plain[key].float() for key in expected}


def imagenet_weights(features: str) -> Weights:
    """torchvision's ImageNet weights of a network, downloaded on first use into torch's cache, hash-checked.

    Raises:
        WeightsError: they are not in the cache and cannot be downloaded, or the cached file is damaged.
    """
    import torchvision.models

    url = torchvision.models.get_model_weights(features).DEFAULT.url
    name = url.rsplit("/", 1)[1]
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    try:
        torch.hub.load_state_dict_from_url(url, progress=False, check_hash=True, weights_only=True, map_location="cpu")
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        reason = f"the file there is damaged ({_first_line(error)}): delete it" if path.exists() else _first_line(error)
        raise WeightsError(
            f"The ImageNet weights of {features} are not to be had: {reason}. Put {name} (from PyTorch's model zoo) "
            f"into {path.parent}, or set method.weights to a file, or use a recipe without weights (method.recipe=wavelet)."
        ) from error
    return file_weights(path)


def file_weights(path: Path) -> Weights:
    """Weights from a PyTorch state-dict file (loaded without running code from it).

    Raises:
        WeightsError: the file is not there, not readable, or not a state dict.
    """
    try:
        sha256 = hash_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise WeightsError(
            f"The weights file {path} cannot be read ({error.strerror or error}): set method.weights to one."
        ) from error
    except (RuntimeError, EOFError, pickle.UnpicklingError, ValueError, KeyError) as error:
        raise WeightsError(f"The weights file {path} is not a PyTorch state dict: {_first_line(error)}") from error
    if isinstance(state, Mapping) and isinstance(state.get("state_dict"), Mapping):
        state = state["state_dict"]
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(f"The weights file {path} is not a PyTorch state dict (name to tensor).")
    return Weights(state, sha256, f"The weights file {path}")


def drawn_weights(state: Mapping[str, Tensor]) -> Weights:
    """Weights drawn by seed, identified by the sha256 of their bytes."""
    digest = hashlib.sha256()
    for key in sorted(state):
        digest.update(key.encode())
        digest.update(state[key].contiguous().numpy().tobytes())
    return Weights(state, digest.hexdigest(), "The random draw")


def hash_file(path: Path) -> str:
    """sha256 of a file's bytes, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
