"""What the routes need, and what the page can choose from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Request

from nst_core.app.desk import Desk
from nst_core.app.limits import SIZES, Limits
from nst_core.app.recipes import NEUTRAL, Offer
from nst_core.app.shelves import Shelves
from nst_core.app.uploads import Uploads

GALLERY = "/gallery/index.html"
ACCEPT = ("image/jpeg", "image/png", "image/webp", "image/gif", "image/tiff", "image/bmp")


@dataclass(frozen=True)
class Front:
    """What the requests need.

    Attributes:
        offers: recipes by name, the default one first.
        root: the run folder.
        device: in words.
    """

    desk: Desk
    uploads: Uploads
    shelves: Shelves
    offers: dict[str, Offer]
    limits: Limits
    root: Path
    device: str

    @property
    def default(self) -> Offer:
        """The recipe of a job that names none."""
        return next(iter(self.offers.values()))

    def default_size(self, offer: Offer) -> int:
        """The size of a job that names none."""
        return min(offer.size, self.limits.size)

    def options(self) -> dict[str, Any]:
        """What GET /api/options says."""
        limits, size = self.limits, self.default_size(self.default)
        return {
            "recipes": [offer.as_json() for offer in self.offers.values()],
            "default_recipe": self.default.name,
            "sizes": sorted({*(size for size in SIZES if size <= limits.size), size}),
            "default_size": size,
            "strength": {"min": 0, "max": 100, "default": int(NEUTRAL)},
            "limits": {
                "upload_bytes": limits.upload_bytes,
                "pixels": limits.pixels,
                "queue": limits.queue,
                "per_person": limits.per_person,
                "seconds": limits.seconds,
            },
            "accept": list(ACCEPT),
            "gallery": GALLERY,
            "device": self.device,
        }


def _person(request: Request) -> str:
    return str(request.state.person)


Person = Annotated[str, Depends(_person)]
"""Who asks, as the guard has found out."""
