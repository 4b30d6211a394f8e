"""The pairs that quality is measured on: the demo's, and those of the developers' real data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from nst_core.engine.images.limits import ImageLimits
from nst_core.engine.images.pixels import Pixels, decode_image, resize_pixels, to_tensor, working_size
from nst_core.sources.sample import sample_paintings, sample_photographs

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
SQUEEZENET = SHARED / "weights" / "squeezenet1_0-imagenet.pth"


@dataclass(frozen=True)
class Pair:
    """A content and a style, as they are in their files."""

    content: Path
    style: Path


def demo_pairs(folder: Path) -> list[Pair]:
    """Every photograph with the first painting of every artist, written to `folder` on first use."""
    photographs = [item.path for item in sample_photographs(folder).items]
    paintings = {item.artist: item.path for item in reversed(sample_paintings(folder).items)}
    return [Pair(photograph, painting) for painting in sorted(paintings.values()) for photograph in photographs]


def shared_pairs(shared: Path = SHARED) -> list[Pair]:
    """Every COCO image with every artwork; none where there is no such folder."""
    contents = sorted((shared / "data/coco/val2017").glob("*.jpg"))
    styles = sorted((shared / "data/artworks/images/images").rglob("*.jpg"))
    return [Pair(content, style) for style in styles for content in contents]


def spread(pairs: list[Pair], count: int) -> list[Pair]:
    """`count` of the pairs, so that every style and every content comes as often as any other (nearly)."""
    styles = sorted({pair.style for pair in pairs})
    contents = sorted({pair.content for pair in pairs})
    turns = sorted(pairs, key=lambda p: (contents.index(p.content) - styles.index(p.style)) % len(contents))
    return turns[:count]


def load(path: Path, size: int) -> Tensor:
    """The image at `size` pixels on its longer side, (3, H, W) in [0, 1]."""
    return to_tensor(fitted(decode_image(path, ImageLimits()).pixels, size))


def fitted(pixels: Pixels, size: int) -> Pixels:
    return resize_pixels(pixels, *working_size(pixels.shape[1], pixels.shape[0], size))
