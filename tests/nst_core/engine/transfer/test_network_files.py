"""What may stand in a network's files, and the sentence on everything else."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tiny_networks import adain_files, decoder_state, encoder_state, johnson_file, johnson_state

from nst_core.engine.features.slim import SHIPPED
from nst_core.engine.transfer.adain import AdaIN
from nst_core.engine.transfer.files import load_network, network_bytes
from nst_core.engine.transfer.johnson import Johnson
from nst_core.errors import WeightsError


def saved(folder: Path, state: object, name: str = "network.pth") -> Path:
    torch.save(state, folder / name)
    return folder / name


def test_files_are_told_by_what_is_in_them_in_any_order(tmp_path: Path) -> None:
    files = adain_files(tmp_path)
    found = [load_network(order) for order in (files, files[::-1])]
    assert all(isinstance(network, AdaIN) for network in found)
    hashes = ";".join(sorted(hashlib.sha256(file.read_bytes()).hexdigest() for file in files))
    assert [network.weights_sha256 for network in found] == [hashes, hashes]
    assert isinstance(load_network([johnson_file(tmp_path)]), Johnson)


def test_an_encoder_may_end_at_the_layer_that_is_used(tmp_path: Path) -> None:
    short = saved(tmp_path, encoder_state(whole=False), "short.pth")
    content = torch.rand(1, 3, 16, 16)
    pictures = []
    for encoder in (short, adain_files(tmp_path)[0]):
        network = load_network([encoder, tmp_path / "decoder.pth"])
        pictures.append(network(content, network.style_vectors(content), torch.ones(1)))
    torch.testing.assert_close(*pictures, rtol=0, atol=0)


def test_one_file_may_hold_both_parts_in_half_precision_and_of_data_parallel(tmp_path: Path) -> None:
    parts = {"encoder": encoder_state(whole=False), "decoder": decoder_state()}
    whole = {f"module.{part}.{key}": value.half() for part, state in parts.items() for key, value in state.items()}
    network = load_network([saved(tmp_path, whole)])
    assert isinstance(network, AdaIN)
    assert network.style_vectors(torch.rand(2, 3, 16, 16)).dtype == torch.float32


def test_files_without_code_hold_the_same_networks_and_say_what_they_were_trained_by(tmp_path: Path) -> None:
    parts = {"encoder": encoder_state(whole=False), "decoder": decoder_state()}
    whole = {f"{part}.{key}": value for part, state in parts.items() for key, value in state.items()}
    content = torch.rand(1, 3, 16, 16)
    for state, files in ((whole, adain_files(tmp_path)), (johnson_state(), [johnson_file(tmp_path)])):
        own = tmp_path / "own.npz"
        own.write_bytes(network_bytes(state, "slim"))
        found, public = load_network([own]), load_network(files)
        assert found.weights_sha256 == hashlib.sha256(own.read_bytes()).hexdigest()
        assert (type(found), found.features) == (type(public), "slim")
        made, expected = (each(content, each.style_vectors(content), torch.ones(1)) for each in (found, public))
        torch.testing.assert_close(made, expected, rtol=0, atol=0.02)


def test_other_files_of_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="is not of a transfer network, or damaged"):
        load_network([SHIPPED])
    own = tmp_path / "own.npz"
    data = network_bytes(johnson_state(), "slim")
    for cut in (0, 9, len(data) // 2, len(data) - 30):
        own.write_bytes(data[:cut])
        with pytest.raises(WeightsError, match="is not of a transfer network, or damaged"):
            load_network([own])
    own.write_bytes(network_bytes(without(johnson_state(), "in1.bias"), "slim"))
    with pytest.raises(WeightsError, match=r"is not of the transfer network that method\.network needs"):
        load_network([own])


class _Code:
    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return Path.touch, (Path("code-ran"),)  # type: ignore[return-value]


def without(state: dict[str, torch.Tensor], key: str) -> dict[str, torch.Tensor]:
    return {name: value for name, value in state.items() if name != key}


FAULTS: dict[str, tuple[object, str]] = {
    "another network": ({"features.0.weight": torch.zeros(3, 3)}, "is not of the transfer network that"),
    "an encoder alone": (encoder_state(), "is AdaIN's encoder alone: name its decoder, too"),
    "a decoder alone": (decoder_state(), "is AdaIN's decoder alone: name its encoder, too"),
    "a tensor is missing": (without(johnson_state(), "res3.in1.bias"), "is not of the transfer network that"),
    "a tensor too many": (johnson_state() | {"conv4.conv2d.bias": torch.zeros(3)}, "is not of the transfer network"),
    "another shape": (johnson_state() | {"conv2.conv2d.bias": torch.zeros(9)}, "is not of the transfer network"),
    "no number": (johnson_state() | {"in1.bias": torch.full((4,), torch.nan)}, "in1.bias holds values that are not"),
    "a module": (torch.nn.Linear(2, 2), "is not a PyTorch state dict"),
    "a list": ([torch.zeros(2)], "is not a PyTorch state dict"),
    "code": ({"conv1.conv2d.weight": _Code()}, "is not a PyTorch state dict"),
    "nothing": ({}, "is not of the transfer network"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_another_file_is_refused_in_a_sentence(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    content, said = FAULTS[fault]
    path = saved(tmp_path, content)
    with pytest.raises(WeightsError, match=said) as caught:
        load_network([path])
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "code-ran").exists()


@pytest.mark.parametrize("kept", [0, 1, 100, 0.5, 0.99])
def test_a_truncated_file_is_refused(kept: float, tmp_path: Path) -> None:
    for path in (johnson_file(tmp_path), *adain_files(tmp_path)):
        data = path.read_bytes()
        path.write_bytes(data[: int(kept * len(data)) if isinstance(kept, float) else kept])
        with pytest.raises(WeightsError, match=r"is not a PyTorch state dict|holds values that are not finite"):
            load_network([path])


def test_a_pickle_of_code_alone_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "code.pth").write_bytes(pickle.dumps(_Code()))
    with pytest.raises(WeightsError, match="is not a PyTorch state dict"):
        load_network([tmp_path / "code.pth"])
    assert not (tmp_path / "code-ran").exists()


def test_parts_that_do_not_fit_and_files_that_are_not_there(tmp_path: Path) -> None:
    encoder, _ = adain_files(tmp_path)
    wide = saved(tmp_path, decoder_state(widths=(3, 4, 4, 5, 5, 6, 6, 6, 6, 8)), "wide.pth")
    with pytest.raises(WeightsError, match="do not fit together"):
        load_network([encoder, wide])
    with pytest.raises(WeightsError, match="is not of the transfer network"):
        load_network([encoder, johnson_file(tmp_path)])
    with pytest.raises(WeightsError, match=r"cannot be read \(No such file.*: set method\.start_network to one"):
        load_network([tmp_path / "none.pth"], "method.start_network")
    with pytest.raises(WeightsError, match="cannot be read"):
        load_network([tmp_path])
