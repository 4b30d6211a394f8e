"""Transfer networks read from files, by the names and shapes of the tensors in them; no code in a file is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from nst_core.engine.array_files import array_bytes, half, is_array_file, read_arrays, single
from nst_core.engine.features.weights import Weights, file_weights, hash_file
from nst_core.engine.transfer.adain import build_adain, decoder_tensors, encoder_tensors
from nst_core.engine.transfer.johnson import johnson_network
from nst_core.engine.transfer.network import TransferNetwork
from nst_core.engine.transfer.quick import quick_network
from nst_core.engine.transfer.quick_file import is_quick
from nst_core.errors import WeightsError

FORMAT = "nst transfer 1"
"""Of the files that `nst train` writes."""

PARTS = ("encoder", "decoder")
"""Prefixes of the tensors of AdaIN's two parts in one file."""

_KNOWN = (
    "it takes AdaIN's vgg_normalised.pth and decoder.pth, both, or one file of fast_neural_style, or one that "
    "`nst train` wrote"
)


def load_network(paths: Sequence[Path], key: str = "method.network") -> TransferNetwork:
    """The network whose files these are, on the CPU.

    Args:
        key: of the run file that names them.

    Raises:
        WeightsError: a file cannot be read, is no state dict, holds values that are not finite, or is of no network
            that is known here; or one of two files is missing.
    """
    paths = list(dict.fromkeys(paths))
    if len(paths) == 1 and _is_quick(paths[0]):
        return quick_network(paths[0], hash_file(paths[0]))
    files, trained_by = [], ""
    for path in paths:
        file, features = _read(path, key)
        _check_finite(file)
        files.append(file)
        trained_by = trained_by or features
    sha256 = joined_sha256([file.sha256 for file in files])
    states = [plain_state(file.state) for file in files]
    if len(files) == 1:
        parts = _split(states[0])
        found = johnson_network(states[0], sha256) if parts is None else _adain(parts, sha256)
    else:
        found = _adain(states, sha256)
    if found is None:
        raise WeightsError(_refusal(files, states, key))
    if trained_by:
        found.features = trained_by
    return found


def network_bytes(state: Mapping[str, Tensor], features: str) -> bytes:
    """The file of a network's tensors, in half precision, without code.

    Args:
        features: the network by whose features it was trained.
    """
    numbers = {name: half(values) for name, values in state.items()}
    return array_bytes({"format": FORMAT, "features": features, **numbers})


def _read(path: Path, key: str) -> tuple[Weights, str]:
    """A file of tensors, and by whose features it was trained, if it says so. Raises WeightsError."""
    try:
        if path.suffix.lower() != ".npz" and not is_array_file(path):
            return file_weights(path, key=key), ""
        arrays = read_arrays(path)
        if str(arrays.pop("format", "")) != FORMAT:
            raise ValueError("another format")
        features = str(arrays.pop("features", ""))
        state = {name: single(values) for name, values in arrays.items()}
        return Weights(state, hash_file(path), f"The network file {path}"), features
    except ValueError as error:
        raise WeightsError(f"The network file {path} is not of a transfer network, or damaged: {_KNOWN}.") from error
    except OSError:
        return file_weights(path, key=key), ""  # which tells what is wrong with it


def joined_sha256(hashes: Sequence[str]) -> str:
    """The hashes of a network's files as one, whatever their order."""
    return ";".join(sorted(hashes))


def plain_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state without DataParallel's `module.`."""
    return {key.removeprefix("module."): value for key, value in state.items()}


def _split(state: Mapping[str, Tensor]) -> list[dict[str, Tensor]] | None:
    """The states of AdaIN's two parts in one file; None where it is another's."""
    if {key.partition(".")[0] for key in state} != set(PARTS):
        return None
    return [
        {key.partition(".")[2]: value for key, value in state.items() if key.startswith(f"{part}.")} for part in PARTS
    ]


def _adain(states: Sequence[Mapping[str, Tensor]], sha256: str) -> TransferNetwork | None:
    encoders = [tensors for tensors in map(encoder_tensors, states) if tensors]
    decoders = [tensors for tensors in map(decoder_tensors, states) if tensors]
    if len(states) != 2 or len(encoders) != 1 or len(decoders) != 1:
        return None
    if encoders[0][-1].shape[0] != decoders[0][0].shape[1]:
        return None
    return build_adain(encoders[0], decoders[0], sha256)


def _is_quick(path: Path) -> bool:
    try:
        return is_quick(path)
    except OSError:
        return False  # told where the file is read


def _check_finite(file: Weights) -> None:
    for name, tensor in file.state.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise WeightsError(f"{file.origin} is damaged: its tensor {name} holds values that are not finite.")


def _refusal(files: Sequence[Weights], states: Sequence[Mapping[str, Tensor]], key: str) -> str:
    """A sentence on files that make no network."""
    roles = ["encoder" if encoder_tensors(s) else "decoder" if decoder_tensors(s) else "" for s in states]
    if len(files) == 1 and roles[0]:
        other = PARTS[roles[0] == "encoder"]
        return f"{files[0].origin} is AdaIN's {roles[0]} alone: name its {other}, too, as {key}: [FILE, FILE]."
    if sorted(roles) == ["decoder", "encoder"]:
        return (
            f"{files[0].origin} and {files[1].origin[0].lower()}{files[1].origin[1:]} do not fit together: the "
            "encoder's last maps have another number of channels than the decoder's first."
        )
    strange = files[roles.index("")] if "" in roles else files[-1]
    return f"{strange.origin} is not of the transfer network that {key} needs: {_KNOWN}."
