"""Weights of networks: torchvision's ImageNet release, a file, or seeded random numbers."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import NoReturn

import torch
from torch import Tensor

from nst_core.engine.regular_files import open_regular
from nst_core.errors import WeightsError


@dataclass(frozen=True)
class Weights:
    """A state dict, the sha256 that identifies it, and its name in messages."""

    state: Mapping[str, Tensor]
    sha256: str
    origin: str

    def state_for(self, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors of the convolutional part, under its own names, each of the expected shape.

        A whole network's state (`features.0.weight`, `classifier…`), its convolutional part alone (`0.weight`), and
        DataParallel's `module.` before or after `features.` are understood.

        Raises:
            WeightsError: a tensor is missing or has another shape.
        """
        plain = {_plain(key): value for key, value in self.state.items()}
        for key, tensor in expected.items():
            found = plain.get(key)
            if found is None:
                self._refuse(f"it has no tensor features.{key}")
            elif found.shape != tensor.shape:
                self._refuse(f"features.{key} has the shape {tuple(found.shape)}, not {tuple(tensor.shape)}")
        return {key: plain[key].float() for key in expected}

    def _refuse(self, reason: str) -> NoReturn:
        raise WeightsError(f"{self.origin} does not fit this network: {reason}. Is method.features the right network?")


def imagenet_weights(features: str) -> Weights:
    """torchvision's ImageNet weights of a network, downloaded on first use into torch's cache, hash-checked each time.

    Raises:
        WeightsError: the file is not in the cache and cannot be downloaded, or is damaged.
    """
    url, path = _release(features)
    prefix = path.stem.rsplit("-", 1)[1]  # torchvision's file names end in the first digits of their sha256
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(url, str(path), hash_prefix=prefix, progress=False)
    except (OSError, RuntimeError, HTTPException) as error:
        raise WeightsError(
            f"The ImageNet weights of {features} are not to be had ({_first_line(error)}): put {path.name} (from "
            f"{url}) into {path.parent}, or set method.weights to a file, or use a recipe without weights "
            "(method.recipe=wavelet)."
        ) from error
    return file_weights(path, prefix)


def imagenet_file(features: str) -> Path:
    """The path of torchvision's ImageNet weights of a network, once they have been downloaded."""
    return _release(features)[1]


def _release(features: str) -> tuple[str, Path]:
    import torchvision.models

    url = torchvision.models.get_model_weights(features).DEFAULT.url
    return url, Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[1]


def file_weights(path: Path, sha256_prefix: str = "", key: str = "method.weights") -> Weights:
    """Weights from a PyTorch state-dict file (loaded without running code from it).

    Args:
        key: of the run file that names it.

    Raises:
        WeightsError: the file is not there, not readable, not what its sha256 should be, or not a state dict.
    """
    try:
        sha256 = hash_file(path)
    except OSError as error:
        raise WeightsError(
            f"The weights file {path} cannot be read ({error.strerror or error}): set {key} to one that can."
        ) from error
    if not sha256.startswith(sha256_prefix):
        raise WeightsError(
            f"The weights file {path} is damaged (its sha256 begins with {sha256[:8]}): delete it, then try again."
        )
    return Weights(_state(path), sha256, f"The weights file {path}")


def _state(path: Path) -> Mapping[str, Tensor]:
    refusal = (
        f"The weights file {path} is not a PyTorch state dict (a mapping of names to tensors, nothing else), or part "
        "of it is missing: save one by torch.save(model.state_dict(), path)."
    )
    try:
        with warnings.catch_warnings(action="ignore"):  # of a pickle's version, before it is refused
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # any bytes may be in it; torch's own advice would be to run the code in the file
        raise WeightsError(refusal) from error
    if isinstance(state, Mapping) and isinstance(state.get("state_dict"), Mapping):
        state = state["state_dict"]
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(refusal)
    return {str(key): value for key, value in state.items()}


def random_weights(state: Mapping[str, Tensor]) -> Weights:
    """Random weights, identified by the sha256 of their bytes."""
    digest = hashlib.sha256()
    for key in sorted(state):
        digest.update(key.encode())
        digest.update(state[key].contiguous().numpy().tobytes())
    return Weights(state, digest.hexdigest(), "The random draw")


def hash_file(path: Path) -> str:
    """sha256 of a file's bytes, hexadecimal."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _plain(key: str) -> str:
    return key.removeprefix("module.").removeprefix("features.").removeprefix("module.")


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
