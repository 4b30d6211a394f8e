"""The interface of transfer networks."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn


class TransferNetwork(nn.Module):
    """Makes a stylized picture in one pass; frozen, float32.

    What it knows of a style is a vector, made once per style image and reused for every content. Vectors blend: a
    weighted mean of several is the vector of the blend.

    Attributes:
        title: its kind, for people.
        features: the network by whose features it was trained: no judge of its pictures.
        proportional: whether a pass takes time in proportion to the pixels.
        min_side: the shortest side, in pixels, that a content may have; `min_style_side`, a style.
        weights_sha256: sha256 of its files, sorted, with `;` between them.
    """

    title: ClassVar[str]
    features: str
    proportional: ClassVar[bool] = True
    min_side: ClassVar[int]
    min_style_side: ClassVar[int]
    weights_sha256: str

    def style_vectors(self, styles: Tensor) -> Tensor:
        """The vectors of style images, (B, 3, H, W) sRGB in [0, 1]: (B, V)."""
        raise NotImplementedError

    def forward(self, contents: Tensor, vectors: Tensor, shares: Tensor) -> Tensor:
        """Contents, (B, 3, H, W) sRGB in [0, 1], in the styles of the vectors: the same shape and range.

        Args:
            vectors: (B, V).
            shares: (B,) in [0, 1]: of the style, the rest being the content's own; 1 is the network as it was trained.
        """
        raise NotImplementedError

    def pair_bytes(self, width: int, height: int) -> int:
        """Estimated peak memory of a pass per content of `width` × `height` pixels, in bytes."""
        raise NotImplementedError
