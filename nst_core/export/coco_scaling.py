"""COCO annotations of a photograph, for a picture of it in another size: boxes, areas, polygons, masks, keypoints."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_core.sources.coco_entries import EntryFault, is_number

Size = tuple[int, int]
"""Width and height in pixels."""


def checked_annotation(annotation: Mapping[str, Any], source: Size) -> None:
    """Check an annotation of a photograph of this size. Raises EntryFault: it is not what COCO's format says."""
    if "bbox" in annotation and not (len(_numbers(annotation["bbox"], "bbox", _BOX)) == 4):
        raise EntryFault(_BOX, annotation["bbox"])
    if "area" in annotation and not is_number(annotation["area"]):
        raise EntryFault("whose area is no number", annotation["area"])
    if "keypoints" in annotation and len(_numbers(annotation["keypoints"], "keypoints", _KEYPOINTS)) % 3:
        raise EntryFault(_KEYPOINTS, annotation["keypoints"])
    segmentation = annotation.get("segmentation")
    if isinstance(segmentation, list):
        for polygon in segmentation:
            if not isinstance(polygon, list) or len(polygon) % 2 or len(polygon) < 6:
                raise EntryFault(_POLYGON, segmentation)
            _numbers(polygon, "segmentation", _POLYGON)
    elif isinstance(segmentation, dict):
        _runs(segmentation, source)
    elif segmentation is not None:
        raise EntryFault("whose segmentation is neither polygons nor run lengths", segmentation)


def scaled_annotation(annotation: Mapping[str, Any], source: Size, target: Size) -> dict[str, Any]:
    """An annotation with everything that is measured in pixels scaled; as it is where the sizes agree.

    Boxes `[x, y, w, h]`, polygons and keypoints are multiplied by the exact factor of each axis, areas by both; run
    lengths are decoded, scaled to the nearest pixel and encoded as they were. Captions have nothing to scale. A
    segmentation that is null is left out, as pycocotools fails on it.

    Raises:
        EntryFault: it is not what COCO's format says.
    """
    checked_annotation(annotation, source)
    scaled = {key: value for key, value in annotation.items() if key != "segmentation" or value is not None}
    if source == target:
        return scaled
    x, y = target[0] / source[0], target[1] / source[1]
    if "bbox" in scaled:
        scaled["bbox"] = _scaled_points(scaled["bbox"], (x, y))
    if "area" in scaled:
        scaled["area"] *= x * y
    if scaled.get("segmentation"):
        scaled["segmentation"] = _scaled_segmentation(scaled["segmentation"], source, target)
    if "keypoints" in scaled:
        scaled["keypoints"] = [
            value if place == 2 else value * factor
            for value, (place, factor) in zip(scaled["keypoints"], cycle(enumerate((x, y, 1.0))), strict=False)
        ]
    return scaled


_BOX = "whose bbox is not x, y, width and height"
_POLYGON = "whose segmentation is not polygons of three points or more, x and y in turn"
_KEYPOINTS = "whose keypoints are not x, y and visibility in turn"
_RUNS = "whose run lengths are damaged"


def _numbers(values: Any, key: str, reason: str) -> list[float]:
    """Check that a value is a list of finite numbers. Raises EntryFault."""
    if not isinstance(values, list):
        raise EntryFault(reason, values)
    if {*map(type, values)} <= {int, float}:  # quick: there are millions
        with contextlib.suppress(OverflowError):
            if math.isfinite(sum(values)):
                return values
    if not all(map(is_number, values)):
        raise EntryFault(f"whose {key} has what is no number", values)
    return values


def _scaled_points(values: list[float], factors: tuple[float, float]) -> list[float]:
    """x and y in turn."""
    return [value * factor for value, factor in zip(values, cycle(factors), strict=False)]


def _scaled_segmentation(segmentation: Any, source: Size, target: Size) -> Any:
    if isinstance(segmentation, list):
        factors = target[0] / source[0], target[1] / source[1]
        return [_scaled_points(polygon, factors) for polygon in segmentation]
    return _encoded(_resized(_decoded(segmentation, source), target), isinstance(segmentation["counts"], str))


def _decoded(rle: Mapping[str, Any], source: Size) -> NDArray[np.uint8]:
    """A mask (height, width) of run lengths, compressed or not."""
    width, height = source
    counts = _runs(rle, source)
    values = np.arange(len(counts), dtype=np.uint8) % 2
    return np.repeat(values, counts).reshape(height, width, order="F")


def _runs(rle: Mapping[str, Any], source: Size) -> list[int]:
    """The run lengths of a mask of a photograph of this size. Raises EntryFault."""
    width, height = source
    counts = rle.get("counts")
    if rle.get("size") != [height, width]:
        raise EntryFault("whose run lengths are of a mask of another size than the photograph", rle.get("size"))
    if isinstance(counts, str):
        counts = _uncompressed(counts)
    if not isinstance(counts, list) or sum(map(_run, counts)) != width * height:
        raise EntryFault("whose run lengths do not add up to the photograph")
    return counts


def _uncompressed(text: str) -> list[int]:
    """COCO's compressed run lengths as numbers: six bits a character, differences from the third run on.

    pycocotools would write past its memory where such a text is damaged.
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 30:
            raise EntryFault(_RUNS)
        value |= (bits & 0x1F) << shift
        shift += 5
        if not bits & 0x20:
            value -= (bits & 0x10) << (shift - 4)  # the sign
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value = shift = 0
    if shift:
        raise EntryFault(_RUNS)
    return counts


def _run(count: Any) -> int:
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise EntryFault("whose run lengths are no run lengths", count)
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
