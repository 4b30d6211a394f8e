"""COCO annotations of a photograph, for a picture of it in another size: boxes, areas, polygons, masks, keypoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from numpy.typing import NDArray

Size = tuple[int, int]
"""Width and height in pixels."""


def scaled_annotation(annotation: Mapping[str, Any], source: Size, target: Size) -> dict[str, Any]:
    """An annotation with everything that is measured in pixels scaled; as it is where the sizes agree.

    Boxes `[x, y, w, h]`, polygons and keypoints are multiplied by the exact factor of each axis, areas by both; run
    lengths are decoded, scaled to the nearest pixel and encoded as they were. Captions have nothing to scale.

    Raises:
        ValueError: it is not what COCO's format says.
    """
    if source == target:
        return dict(annotation)
    x, y = target[0] / source[0], target[1] / source[1]
    scaled = dict(annotation)
    if "bbox" in annotation:
        scaled["bbox"] = _scaled_points(annotation["bbox"], (x, y), 4)
    if "area" in annotation:
        scaled["area"] = _number(annotation["area"]) * x * y
    if annotation.get("segmentation"):
        scaled["segmentation"] = _scaled_segmentation(annotation["segmentation"], source, target)
    if "keypoints" in annotation:
        scaled["keypoints"] = _scaled_keypoints(annotation["keypoints"], x, y)
    return scaled


def _scaled_points(values: Any, factors: tuple[float, float], length: int | None = None) -> list[float]:
    """x and y in turn."""
    if not isinstance(values, list) or len(values) % 2 or (length is not None and len(values) != length):
        raise ValueError(f"{str(values)[:60]} is not a list of x and y in turn")
    return [_number(value) * factor for value, factor in zip(values, cycle(factors), strict=False)]


def _scaled_keypoints(values: Any, x: float, y: float) -> list[float]:
    """x, y and visibility in turn; a keypoint that is not labelled stays at 0, 0."""
    if not isinstance(values, list) or len(values) % 3:
        raise ValueError("its keypoints are not x, y and visibility in turn")
    return [
        value if place == 2 else _number(value) * factor
        for value, (place, factor) in zip(values, cycle(enumerate((x, y, 1.0))), strict=False)
    ]


def _scaled_segmentation(segmentation: Any, source: Size, target: Size) -> Any:
    if isinstance(segmentation, list):
        factors = target[0] / source[0], target[1] / source[1]
        return [_scaled_points(polygon, factors) for polygon in segmentation]
    if isinstance(segmentation, dict):
        return _encoded(_resized(_decoded(segmentation, source), target), isinstance(segmentation["counts"], str))
    raise ValueError("its segmentation is neither polygons nor run lengths")


def _decoded(rle: Mapping[str, Any], source: Size) -> NDArray[np.uint8]:
    """A mask (height, width) of run lengths, compressed or not."""
    width, height = source
    counts = rle.get("counts")
    if rle.get("size") != [height, width]:
        raise ValueError(f"its run lengths are of a mask of {rle.get('size')}, the photograph is {height} × {width}")
    if isinstance(counts, str):
        counts = _uncompressed(counts)
    if not isinstance(counts, list) or sum(map(_run, counts)) != width * height:
        raise ValueError("its run lengths do not add up to the photograph")
    values = np.arange(len(counts), dtype=np.uint8) % 2
    return np.repeat(values, counts).reshape(height, width, order="F")


def _uncompressed(text: str) -> list[int]:
    """COCO's compressed run lengths as numbers: six bits a character, differences from the third run on.

    pycocotools would write past its memory where such a text is damaged.
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 30:
            raise ValueError("its compressed run lengths are damaged")
        value |= (bits & 0x1F) << shift
        shift += 5
        if not bits & 0x20:
            value -= (bits & 0x10) << (shift - 4)  # the sign
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value = shift = 0
    if shift:
        raise ValueError("its compressed run lengths are cut off")
    return counts


def _run(count: Any) -> int:
    if not isinstance(count, int) or count < 0:
        raise ValueError(f"{count!r} is not a run length")
    return count


def _resized(mask: NDArray[np.uint8], target: Size) -> NDArray[np.uint8]:
    """Each pixel takes the one of `mask` that its centre lies in."""
    rows, columns = (
        np.minimum((np.arange(after) + 0.5) * (before / after), before - 1).astype(np.intp)
        for after, before in zip((target[1], target[0]), mask.shape, strict=True)
    )
    resized: NDArray[np.uint8] = mask[rows][:, columns]
    return resized


def _encoded(pixels: NDArray[np.uint8], compressed: bool) -> dict[str, Any]:
    """Run lengths down the columns, of zeros first, as COCO has them."""
    from pycocotools import mask

    size = list(pixels.shape)
    if compressed:
        return {"size": size, "counts": mask.encode(np.asfortranarray(pixels))["counts"].decode("ascii")}
    flat = pixels.flatten(order="F")
    bounds: Sequence[int] = [0, *(np.flatnonzero(np.diff(flat)) + 1).tolist(), flat.size]
    counts = np.diff(bounds).tolist()
    return {"size": size, "counts": [0, *counts] if flat[0] else counts}


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is not a number")
    return value
