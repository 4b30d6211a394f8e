"""Regions of an image in COCO's annotations, and the text by which a plan names them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

PREFIX = "coco:"
"""What a mask begins with that is drawn from annotations, and no file; a manifest says `coco:person`."""

CATEGORY = "category"
"""In place of names: each category is a region of its own."""


@dataclass(frozen=True)
class CocoReference:
    """Regions of one image, by kinds of annotation or names of categories, in an annotation file.

    As a text `coco:{"file": …, "image": …, "regions": […]}`.
    """

    file: str
    image: str
    regions: Sequence[str]

    @classmethod
    def to(cls, annotations: Path, image_id: object, regions: Sequence[str]) -> CocoReference:
        """Those of an image by its id."""
        return cls(str(annotations), str(image_id), list(regions))

    @classmethod
    def of(cls, mask: str) -> CocoReference | None:
        """The reference that a planned mask is; None for a file."""
        return cls(**json.loads(mask.removeprefix(PREFIX))) if mask.startswith(PREFIX) else None

    def __str__(self) -> str:
        return PREFIX + json.dumps(asdict(self))
