"""A method that is a transfer network, as data: the contents of `configs/methods/*.yaml` with `kind: transfer`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from nst_core.engine.recipe import Recipe
from nst_core.engine.stages import Stage
from nst_core.engine.working_size import Fit, padded_shape


@dataclass(frozen=True)
class TransferRecipe:
    """Everything that decides a result, given the two images: a network, and what it is shown.

    Attributes:
        name: the recipe's name.
        source: its publication, or the reason for its settings.
        network: `quick` (ours, in the package), `magenta` (Ghiasi et al. 2017; extra `onnx`), or the path of a
            network's file, or a list of its files: AdaIN's public `vgg_normalised.pth` and `decoder.pth`, a network of
            fast_neural_style, the result of `nst train johnson`, `adain` or `quick` (transfer.md).
        strength: from 0, the content as it is, to 0.5, the network as it was trained; more changes nothing, since a
            network knows no more. Without any, 0.5. In between, twice the strength is what AdaIN calls alpha.
        colour: source of the result's colours: the `style`, or the `content`.
        keep_colour_by: how, with `colour: content`: `luminance` shows the network grey images and gives the content's
            chroma back, `matching` first gives the style image the content's colours.
        finish: what is done to the network's picture: nothing, or its chroma is given the mean and covariance of the
            style's, and smoothed where the luminance is smooth (`matched_chroma`).
        size: the side of the content, and of the delivered image, that `side` names, in pixels.
        side: which side of the content `size` names.
        bucket: sides are padded to multiples of this many pixels by reflection, so that images of nearly one shape
            share a batch; the result is cropped back. 1 leaves them as they are.
        style_scale: the style's side, as a multiple of `size`.
        style_size: the style's shorter side, in pixels, in place of that: whatever `size` is, and smaller styles are
            enlarged. So do the public tools.
        upscale: enlarge contents smaller than `size`.
        resizing: of contents and styles: by `lanczos`, or `bilinear`, as torchvision's Resize does it with Pillow's
            images: the other side is rounded down.
        crop: of contents, once they are resized, the middle square of so many pixels is painted and delivered.
        style_crop: of styles, the middle square is shown to the network.
        precision: `float32`, `tf32` (float32 with TensorFloat-32 products, CUDA only), or `auto` (tf32 on CUDA).
        keep: regions of the contents' masks whose pixels stay the content's; `background` is label 0.
        edge: pixels of the working size, on either side of a region's border, over which one fades into the other.
        regions: regions that the styles of a pair are given to, in their order, in place of a blend.
    """

    name: str
    network: tuple[str, ...]
    strength: float | None = None
    colour: Literal["style", "content"] = "style"
    keep_colour_by: Literal["luminance", "matching"] = "luminance"
    finish: Literal["as_is", "matched_chroma"] = "as_is"
    size: int = 256
    side: Literal["longer", "shorter"] = "longer"
    bucket: int = 1
    style_scale: float = 1.0
    style_size: int | None = None
    upscale: bool = False
    resizing: Literal["lanczos", "bilinear"] = "lanczos"
    crop: int | None = None
    style_crop: bool = False
    precision: Literal["auto", "float32", "tf32"] = "auto"
    keep: tuple[str, ...] = ()
    edge: float = 2.0
    regions: tuple[str, ...] = ()
    source: str = ""
    kind: Literal["transfer"] = "transfer"

    def content_fit(self, size: int) -> Fit:
        """How a content is brought to a working size."""
        return Fit(size, self.side, self.upscale, self.resizing, self.crop)

    def style_fit(self, size: int) -> Fit:
        """How a style is, for contents of a working size."""
        side = max(1, round(size * self.style_scale)) if self.style_size is None else self.style_size
        crop = side if self.style_crop else None
        if self.style_size is not None or self.style_crop:
            return Fit(side, "shorter", self.style_size is not None or self.upscale, self.resizing, crop)
        return Fit(side, self.side, self.upscale, self.resizing)

    def padded(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) of the image that the network sees for a working size of `width` × `height`."""
        return padded_shape(width, height, self.bucket)

    def schedule(self) -> tuple[Stage, ...]:
        """A pass through the network, which counts as one evaluation in forecasts and progress."""
        return (Stage(1.0, 1, 0),)

    @property
    def total_evaluations(self) -> int:
        """One: the pass through the network."""
        return 1

    def full_size_evaluations(self) -> float:
        """One."""
        return 1.0


NETWORK_SUFFIXES = (".npz", ".pth", ".pt", ".model")
"""Of files of networks, where `start` may name one."""

NETWORK_NAMES = ("quick", "magenta")
"""The networks that have a name; each has a recipe of that name."""


def is_network(start: str) -> bool:
    """Whether the start of an optimisation is a transfer network's name or file."""
    return start in NETWORK_NAMES or start.lower().endswith(NETWORK_SUFFIXES)


MethodRecipe = Recipe | TransferRecipe
"""A method as data: an optimisation, or a transfer network."""
