"""The context that the routes share: queue, uploads, collections, recipes, limits; and the client of a request."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast

from fastapi import Depends, Request

from nst_core.app.access import Client
from nst_core.app.job_queue import JobQueue
from nst_core.app.limits import SIZES, Limits
from nst_core.app.picture_collections import PictureCollections
from nst_core.app.recipe_options import NEUTRAL, RecipeOption
from nst_core.app.runs.run_routes import PAGE, Runs
from nst_core.app.uploads import Uploads

GALLERY = "/gallery/index.html"
ACCEPT = ("image/jpeg", "image/png", "image/webp", "image/gif", "image/tiff", "image/bmp")


@dataclass(frozen=True)
class AppContext:
    """Everything that the routes work with.

    Attributes:
        recipes: the recipes by name, the default one first.
        root: the run folder.
        device: name of the device, for display.
        runs: the page of runs; None where everybody could start one.
    """

    queue: JobQueue
    uploads: Uploads
    collections: PictureCollections
    recipes: dict[str, RecipeOption]
    limits: Limits
    root: Path
    device: str
    runs: Runs | None = None

    @property
    def default(self) -> RecipeOption:
        """The recipe of a job that names none."""
        return next(iter(self.recipes.values()))

    def default_size(self, recipe: RecipeOption) -> int:
        """The size of a job that names none, in pixels."""
        return min(recipe.size, self.limits.size)

    def options(self) -> dict[str, Any]:
        """The answer to GET /api/options."""
        limits, size = self.limits, self.default_size(self.default)
        return {
            "recipes": [recipe.as_json() for recipe in self.recipes.values()],
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
            "runs": PAGE if self.runs is not None else None,
            "device": self.device,
        }


def _client(request: Request) -> Client:
    return cast(Client, request.state.client)


def _client_name(request: Request) -> str:
    return _client(request).name


RequestClient = Annotated[Client, Depends(_client)]
"""The client, as the middleware has set it."""

ClientName = Annotated[str, Depends(_client_name)]
"""The name of the client."""
