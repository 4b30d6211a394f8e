"""Pictures of any kind that torchvision's transforms take, as a network takes them, and back."""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional as F

_LUMA = (0.299, 0.587, 0.114)
"""Grey of red, green and blue, as torchvision and Pillow have it (ITU-R 601)."""

_MODES = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}
"""Pillow's modes that become tensors, with their channels."""

_FAR = 0.5
"""How far beyond [0, 1] a float picture may go: resizing overshoots a little, normalisation goes to 2 and beyond."""


def picture_tensor(picture: Tensor | Image.Image) -> Tensor:
    """A picture, or a batch, as a plain tensor, (C, H, W) or (B, C, H, W) of 1 to 4 channels, uint8 or float.

    Raises:
        ValueError: it is something else; the sentence says what to do about it.
    """
    if isinstance(picture, Image.Image):
        if picture.mode not in _MODES:
            raise ValueError(f"Stylize takes no pictures of Pillow's mode {picture.mode}: .convert('RGB') them first")
        found: Tensor = F.pil_to_tensor(picture)
        return found
    plain = picture.as_subclass(Tensor)
    if plain.ndim not in (3, 4) or not 1 <= plain.shape[-3] <= 4:
        raise ValueError(
            f"Stylize takes pictures of shape (C, H, W) or (B, C, H, W), not {tuple(plain.shape)}; of several plain "
            "tensors in a sample the first one counts as the picture: make the picture a tv_tensors.Image"
        )
    if plain.dtype != torch.uint8 and not plain.is_floating_point():
        raise ValueError(f"Stylize takes pictures of uint8, or floats in [0, 1], not {plain.dtype}")
    return plain


def batch_of(picture: Tensor | Image.Image) -> Tensor:
    """`picture_tensor` with a dimension of the batch: (B, C, H, W)."""
    plain = picture_tensor(picture)
    return plain if plain.ndim == 4 else plain[None]


def to_colours(batch: Tensor) -> Tensor:
    """Pictures (B, C, H, W) of 1 to 4 channels as (B, 3, H, W) float32 in [0, 1], without their transparency.

    Raises:
        ValueError: they are floats far outside [0, 1].
    """
    colours = batch[:, : 1 if batch.shape[1] < 3 else 3].expand(-1, 3, -1, -1)
    if batch.dtype == torch.uint8:
        return colours.float() / 255
    low, high = (float(value) for value in colours.aminmax())
    if not -_FAR <= low <= high <= 1 + _FAR:
        raise ValueError(
            f"Stylize takes float pictures in [0, 1], and this one has values from {low:.3g} to {high:.3g}: put it "
            "before Normalize"
        )
    return colours.float().clamp(0, 1)


def from_colours(colours: Tensor, batch: Tensor) -> Tensor:
    """Pictures (B, 3, H, W) in [0, 1] with the channels and the type of `batch`, whose transparency they take."""
    channels = batch.shape[1]
    if channels < 3:
        colours = (colours * colours.new_tensor(_LUMA).view(3, 1, 1)).sum(dim=1, keepdim=True)
    found = (colours * 255).round() if batch.dtype == torch.uint8 else colours
    found = found.to(batch.dtype)
    return torch.cat([found, batch[:, -1:]], dim=1) if channels in (2, 4) else found


def to_pillow(picture: Tensor, mode: str) -> Image.Image:
    """A uint8 picture (C, H, W) in one of Pillow's modes that `picture_tensor` takes."""
    found: Image.Image = F.to_pil_image(picture, mode=mode)
    return found
