"""Files of tiny transfer networks with random weights, in the layouts of the public ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

ENCODER_PLACES = (0, 2, 5, 9, 12, 16, 19, 22, 25, 29, 32, 35, 38, 42, 45, 48, 51)
DECODER_PLACES = (1, 5, 8, 11, 14, 18, 21, 25, 28)
WIDTHS = (3, 4, 4, 5, 5, 6, 6, 6, 6, 7)
"""Channels after each convolution of the encoder up to relu4_1."""

REAL_WIDTHS = (3, 64, 64, 128, 128, 256, 256, 256, 256, 512)


def encoder_state(widths: Sequence[int] = WIDTHS, seed: int = 0, whole: bool = True) -> dict[str, Tensor]:
    """As `vgg_normalised.pth` holds it; the layers behind relu4_1 only if `whole`."""
    channels = (3, *widths, *(widths[-1:] * 7 if whole else ()))
    kernels = (1, *[3] * (len(channels) - 2))
    return _state(ENCODER_PLACES, channels, kernels, seed)


def decoder_state(widths: Sequence[int] = WIDTHS, seed: int = 1) -> dict[str, Tensor]:
    """As `decoder.pth` holds it."""
    channels = (widths[9], widths[8], widths[7], widths[6], widths[5], widths[4], widths[3], widths[2], widths[1], 3)
    return _state(DECODER_PLACES, channels, [3] * 9, seed)


def adain_files(folder: Path, widths: Sequence[int] = WIDTHS, seed: int = 0) -> list[Path]:
    """`vgg_normalised.pth` and `decoder.pth`, the second as versions of torch before 1.6 wrote files."""
    files = [folder / "vgg_normalised.pth", folder / "decoder.pth"]
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(encoder_state(widths, seed), files[0])
    torch.save(decoder_state(widths, seed + 1), files[1], _use_new_zipfile_serialization=False)
    return files


def johnson_state(width: int = 4, seed: int = 0) -> dict[str, Tensor]:
    """As pytorch/examples' fast_neural_style saves it."""
    generator = torch.Generator().manual_seed(seed)
    state: dict[str, Tensor] = {}

    def convolution(name: str, before: int, after: int, kernel: int) -> None:
        bound = math.sqrt(6 / (before * kernel * kernel))
        shape = after, before, kernel, kernel
        state[f"{name}.conv2d.weight"] = bound * (2 * torch.rand(shape, generator=generator) - 1)
        state[f"{name}.conv2d.bias"] = 0.1 * torch.randn(after, generator=generator)

    def normalisation(name: str, channels: int) -> None:
        state[f"{name}.weight"] = 1 + 0.2 * torch.randn(channels, generator=generator)
        state[f"{name}.bias"] = 0.1 * torch.randn(channels, generator=generator)

    for number, (before, after, kernel) in enumerate([(3, 1, 9), (1, 2, 3), (2, 4, 3)], start=1):
        convolution(f"conv{number}", before if number == 1 else before * width, after * width, kernel)
        normalisation(f"in{number}", after * width)
    for block in range(1, 6):
        for number in (1, 2):
            convolution(f"res{block}.conv{number}", 4 * width, 4 * width, 3)
            normalisation(f"res{block}.in{number}", 4 * width)
    for number, (before, after) in enumerate([(4, 2), (2, 1)], start=1):
        convolution(f"deconv{number}", before * width, after * width, 3)
        normalisation(f"in{number + 3}", after * width)
    convolution("deconv3", width, 3, 9)
    state["deconv3.conv2d.weight"] *= 40  # of values in 0–255
    state["deconv3.conv2d.bias"] += 128
    return state


def johnson_file(folder: Path, name: str = "mosaic.pth", seed: int = 0) -> Path:
    """The file of a network for one style."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(johnson_state(seed=seed), folder / name)
    return folder / name


def _state(places: Sequence[int], channels: Sequence[int], kernels: Sequence[int], seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for place, before, after, kernel in zip(places, channels, channels[1:], kernels, strict=False):
        bound = math.sqrt(6 / (before * kernel * kernel))
        shape = after, before, kernel, kernel
        state[f"{place}.weight"] = bound * (2 * torch.rand(shape, generator=generator) - 1)
        state[f"{place}.bias"] = 0.1 * torch.randn(after, generator=generator)
    return state
