"""Files of numbers, which hold no code: uncompressed `.npz` of arrays."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nst_core.engine.regular_files import open_regular

MOST_BYTES = 512_000_000
"""Of a file, unpacked; ours have less than 30 million."""


def array_bytes(arrays: Mapping[str, Any]) -> bytes:
    """The file of arrays, numbers and texts by name."""
    buffer = io.BytesIO()
    np.savez(buffer, **{name: np.asarray(value) for name, value in arrays.items()})  # type: ignore[arg-type]
    return buffer.getvalue()


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a file by name.

    Raises:
        ValueError: it is no such file, or holds objects, or is damaged.
        OSError: it cannot be read.
    """
    with open_regular(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                if sum(member.file_size for member in archive.infolist()) > MOST_BYTES:
                    raise ValueError("too large")
            file.seek(0)
            with np.load(file, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        except (KeyError, EOFError, MemoryError, OverflowError, RuntimeError, zipfile.BadZipFile) as error:
            raise ValueError(str(error)) from error


def is_array_file(path: Path) -> bool:
    """Whether a file is a zip of arrays alone. Raises OSError."""
    with open_regular(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                names = archive.namelist()
        except zipfile.BadZipFile:
            return False
    return bool(names) and all(name.endswith(".npy") for name in names)


def half(values: Tensor) -> NDArray[np.float16]:
    """The values of a tensor in half precision."""
    return values.detach().cpu().numpy().astype(np.float16)


def single(values: NDArray[Any]) -> Tensor:
    """An array as a tensor of float32."""
    return torch.from_numpy(values.astype(np.float32))
