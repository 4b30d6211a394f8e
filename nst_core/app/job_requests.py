"""The body of POST /api/jobs, and the job that it becomes."""

from __future__ import annotations

import secrets

from pydantic import BaseModel, ConfigDict, Field, model_validator

from nst_core.app.access import Client
from nst_core.app.context import AppContext
from nst_core.app.jobs import Job, JobPicture
from nst_core.app.limits import SMALLEST
from nst_core.app.recipe_options import NEUTRAL, RecipeOption
from nst_core.app.request_errors import RequestError


class PictureChoice(BaseModel):
    """One of the two pictures: an upload, an item of the collection, or (style only) any painting by an artist."""

    model_config = ConfigDict(extra="forbid")

    upload: str | None = None
    id: str | None = None
    artist: str | None = None

    @model_validator(mode="after")
    def _one(self) -> PictureChoice:
        if sum(value is not None for value in (self.upload, self.id, self.artist)) != 1:
            raise ValueError("give one of `upload`, `id` and `artist`")
        return self


class JobRequest(BaseModel):
    """The body of POST /api/jobs."""

    model_config = ConfigDict(extra="forbid")

    content: PictureChoice
    style: PictureChoice
    recipe: str | None = None
    size: int | None = Field(None, ge=SMALLEST)
    strength: float = Field(NEUTRAL, ge=0, le=100)


def new_job(request: JobRequest, client: Client, context: AppContext) -> Job:
    """The job that a request describes. Raises RequestError where it cannot run here."""
    recipe = _recipe(request.recipe, context)
    size = request.size or context.default_size(recipe)
    if size > context.limits.size:
        raise RequestError(422, f"Pictures are made at {context.limits.size} pixels at most, not at {size}.")
    if request.content.artist is not None:
        raise RequestError(422, "content: an artist has no photographs: give an upload or an id.")
    identity = secrets.token_hex(12)
    content, style = (
        _picture(choice, role, client.name, identity, context)
        for choice, role in ((request.content, "contents"), (request.style, "styles"))
    )
    return Job(client.name, content, style, recipe, size, request.strength, identity, address=client.address)


def _recipe(name: str | None, context: AppContext) -> RecipeOption:
    recipe = context.default if name is None else context.recipes.get(name)
    if recipe is None:
        raise RequestError(422, f"There is no recipe {name!r}: GET /api/options lists them.")
    if recipe.reason is not None:
        raise RequestError(422, f"The recipe {recipe.name} cannot run here. {recipe.reason}")
    return recipe


def _picture(choice: PictureChoice, role: str, client: str, seed: str, context: AppContext) -> JobPicture:
    if choice.upload is not None:
        upload = context.uploads.find(client, choice.upload)
        return JobPicture(upload, role, upload.size)
    collections = context.collections
    if choice.artist is not None:
        item = collections.draw(choice.artist, seed)
    else:
        item = (collections.contents if role == "contents" else collections.styles).find(str(choice.id))
    return JobPicture(item, role, collections.size(item))
