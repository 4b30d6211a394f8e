"""The transform: pictures of a training set in the styles of paintings, drawn anew each time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2.functional import is_pure_tensor

from nst_core.engine.recipe import AS_SHIPPED
from nst_core.engine.strength import style_share
from nst_core.transforms.network_copies import NetworkCopies, NetworkName
from nst_core.transforms.pictures import batch_of, from_colours, to_colours, to_pillow
from nst_core.transforms.style_collection import DrawKind, StyleCollection, Styles, collect_vectors

_PASS_BYTES = 2**30
"""Memory of one pass on a GPU: some 20 pictures of 224 px by AdaIN, which fill it; training needs the rest."""


@dataclass(frozen=True)
class StyleDraw:
    """What is drawn for one picture: a style vector, (V,), and its share, more than 0 and at most 1."""

    vector: Tensor
    share: float


class Stylize(v2.Transform):  # type: ignore[misc]  # torchvision has no types
    """Paints pictures in a style, each with probability `p`, by a transfer network.

    It takes a `tv_tensors.Image`, a Pillow image or a plain tensor, (C, H, W) or (B, C, H, W), of uint8 or of floats in
    [0, 1] (so it stands before Normalize), and gives back the same kind, type and size, on the same device. Bounding
    boxes, masks and labels pass through. Each picture of a batch is drawn for itself; several pictures of one sample
    share what is drawn, as in all of torchvision's transforms. Grey pictures stay grey, transparency stays. Pictures
    that are too small for the network (AdaIN and quick: below 9 px) are left as they are.

    What is drawn comes from torch's own generator: after `torch.manual_seed` the same pictures in the same order get
    the same styles, and DataLoader's workers, which it seeds, do not repeat each other. With `seed`, it depends on the
    seed, the epoch (`set_epoch`) and the picture alone, and so on no number of workers, order or batch.

    Args:
        network: `quick`, `magenta` (extra `onnx`), a network's file or files, as in run files, or a TransferNetwork.
        styles: the file that `nst styles` made with this network; or paintings: files, pictures. None for a network
            that knows one style.
        p: the probability that a picture is painted.
        strength: as in run files, or the range (lo, hi) from which it is drawn: 0 leaves a picture as it is, 0.5 is the
            network as it was trained, more changes nothing. AdaIN's alpha is twice the strength.
        draw: `uniform`, one of the styles; `gaussian`, from the normal distribution around them.
        seed: see above.
        style_size: the shorter side, in pixels, of paintings that are given as files.

    Raises:
        UsageError: network or styles cannot be used, or do not belong together (WeightsError).
        InputError: a painting cannot be used.
        ValueError: a number is out of range.
    """

    _transformed_types = (is_pure_tensor, tv_tensors.Image, Image.Image)

    def __init__(
        self,
        network: NetworkName,
        styles: Styles = None,
        *,
        p: float = 0.5,
        strength: float | tuple[float, float] = AS_SHIPPED,
        draw: DrawKind = "uniform",
        seed: int | None = None,
        style_size: int = 256,
    ) -> None:
        super().__init__()
        self.p, self.strength, self.seed, self.draw = p, _range(strength), seed, draw
        if not 0 <= p <= 1:
            raise ValueError(f"p is a probability, from 0 to 1, not {p}")
        self._copies = NetworkCopies(network)
        on_cpu = self._copies.on(torch.device("cpu"))
        self._least = on_cpu.min_side
        self._styles = StyleCollection(
            collect_vectors(styles, on_cpu, self._copies.weights_sha256, style_size), draw
        )  # fmt: skip
        self._epoch = torch.zeros((), dtype=torch.int64)
        self._epoch.share_memory_()  # type: ignore[no-untyped-call]  # workers that live on see it change

    def set_epoch(self, epoch: int) -> None:
        """With `seed`: what is drawn from now on, in all workers, is that of another epoch (0 at first)."""
        self._epoch.fill_(epoch)

    def extra_repr(self) -> str:
        seed = "" if self.seed is None else f", seed={self.seed}"
        return f"{len(self._styles)} styles, p={self.p}, strength={self.strength}, draw={self.draw}{seed}"

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        if any(isinstance(one, tv_tensors.Video) for one in flat_inputs):
            raise TypeError("Stylize is for pictures: it would paint each frame of a video for itself")

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """`draws`: for each picture of the batch a StyleDraw, or None where it stays as it is."""
        batches = [batch_of(one) for one in flat_inputs]
        if len({len(batch) for batch in batches}) > 1:
            raise ValueError("the batches of pictures in one sample have different lengths")
        return {"draws": [self._draw(picture) for picture in batches[0]] if batches else []}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Paint a picture or a batch."""
        batch, draws = batch_of(inpt), params["draws"]
        rows = [row for row, draw in enumerate(draws) if draw is not None]
        if not rows or min(batch.shape[2:]) < self._least:
            return inpt
        with torch.no_grad(), torch.autocast(batch.device.type, enabled=False):
            painted = batch.clone()
            for some in self._passes(rows, batch):
                painted[some] = self._painted(batch[some], [draws[row] for row in some])
        if isinstance(inpt, Image.Image):
            return to_pillow(painted[0], inpt.mode)
        painted = painted.reshape(inpt.shape)
        return tv_tensors.wrap(painted, like=inpt) if isinstance(inpt, tv_tensors.Image) else painted

    def _draw(self, picture: Tensor) -> StyleDraw | None:
        generator = None if self.seed is None else self._generator_of(self.seed, picture)
        chance, place = torch.rand(2, generator=generator).tolist()
        vector = self._styles.draw(generator)
        low, high = self.strength
        share = style_share(low + (high - low) * place)
        return StyleDraw(vector, share) if chance < self.p and share > 0 else None

    def _generator_of(self, seed: int, picture: Tensor) -> torch.Generator:
        """A generator that is a function of the seed, the epoch and the picture, (C, H, W)."""
        data = picture.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
        digest = hashlib.blake2b(f"{seed} {int(self._epoch)} {tuple(picture.shape)} ".encode(), digest_size=8)
        digest.update(data)
        return torch.Generator().manual_seed(int.from_bytes(digest.digest(), "big") >> 1)

    def _passes(self, rows: list[int], batch: Tensor) -> list[list[int]]:
        """The rows of each pass through the network: one on a CPU, so that a batch is painted as its pictures are."""
        height, width = batch.shape[2:]
        pair_bytes = self._copies.on(batch.device).pair_bytes(width, height)
        most = 1 if batch.device.type == "cpu" else max(1, _PASS_BYTES // pair_bytes)
        return [rows[start : start + most] for start in range(0, len(rows), most)]

    def _painted(self, batch: Tensor, draws: list[StyleDraw]) -> Tensor:
        vectors = torch.stack([draw.vector for draw in draws]).to(batch.device)
        shares = torch.tensor([draw.share for draw in draws], device=batch.device)
        return from_colours(self._copies.on(batch.device)(to_colours(batch), vectors, shares), batch)


def _range(strength: float | tuple[float, float]) -> tuple[float, float]:
    low, high = (strength, strength) if isinstance(strength, int | float) else strength
    if not 0 <= low <= high <= 1:
        raise ValueError(f"strength is a number from 0 to 1, or a range (lo, hi) within, not {strength}")
    return float(low), float(high)
