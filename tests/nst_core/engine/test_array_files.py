"""Files of numbers: what is written comes back, and nothing else is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from nst_core.engine.array_files import array_bytes, half, is_array_file, read_arrays, single


def test_arrays_and_texts_come_back(tmp_path: Path) -> None:
    weights = torch.randn(2, 3)
    (tmp_path / "own.npz").write_bytes(array_bytes({"weights": half(weights), "format": "own 1"}))
    arrays = read_arrays(tmp_path / "own.npz")
    assert str(arrays["format"]) == "own 1"
    torch.testing.assert_close(single(arrays["weights"]), weights, rtol=1e-3, atol=1e-3)
    assert is_array_file(tmp_path / "own.npz")


def test_objects_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "own.npz", one=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="Object arrays"):
        read_arrays(tmp_path / "own.npz")


@pytest.mark.parametrize("kept", [0, 10, 0.5, 0.95])
def test_a_truncated_file_is_refused(kept: float, tmp_path: Path) -> None:
    data = array_bytes({"weights": np.arange(500.0), "bias": np.arange(20.0)})
    (tmp_path / "own.npz").write_bytes(data[: int(kept * len(data)) if isinstance(kept, float) else kept])
    assert not is_array_file(tmp_path / "own.npz")
    with pytest.raises(ValueError, match=r".+"):
        read_arrays(tmp_path / "own.npz")


def test_a_file_of_torch_is_no_such_file(tmp_path: Path) -> None:
    torch.save({"weights": torch.zeros(2)}, tmp_path / "own.pth")
    assert not is_array_file(tmp_path / "own.pth")
