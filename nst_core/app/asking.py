"""From the body of a request to a job."""

from __future__ import annotations

import secrets

from pydantic import BaseModel, ConfigDict, Field, model_validator

from nst_core.app.front import Front
from nst_core.app.jobs import Job, Side
from nst_core.app.limits import SMALLEST
from nst_core.app.recipes import NEUTRAL, Offer
from nst_core.app.refusals import Refusal


class Choice(BaseModel):
    """One of the two pictures: an upload, one of the collection, or (of paintings) any by an artist."""

    model_config = ConfigDict(extra="forbid")

    upload: str | None = None
    id: str | None = None
    artist: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Choice:
        if sum(value is not None for value in (self.upload, self.id, self.artist)) != 1:
            raise ValueError("give one of `upload`, `id` and `artist`")
        return self


class Asked(BaseModel):
    """The body of POST /api/jobs."""

    model_config = ConfigDict(extra="forbid")

    content: Choice
    style: Choice
    recipe: str | None = None
    size: int | None = Field(None, ge=SMALLEST)
    strength: float = Field(NEUTRAL, ge=0, le=100)


def job_of(asked: Asked, person: str, front: Front) -> Job:
    """The job that a person asks for. Raises Refusal."""
    offer = _offer(asked.recipe, front)
    size = asked.size or front.default_size(offer)
    if size > front.limits.size:
        raise Refusal(422, f"Pictures are made at {front.limits.size} pixels at most, not at {size}.")
    if asked.content.artist is not None:
        raise Refusal(422, "content: an artist has no photographs: give an upload or an id.")
    identity = secrets.token_hex(12)
    content, style = (
        _side(choice, role, person, identity, front)
        for choice, role in ((asked.content, "contents"), (asked.style, "styles"))
    )
    return Job(person, content, style, offer, size, asked.strength, identity)


def _offer(name: str | None, front: Front) -> Offer:
    offer = front.default if name is None else front.offers.get(name)
    if offer is None:
        raise Refusal(422, f"There is no recipe {name!r}: GET /api/options lists them.")
    if offer.reason is not None:
        raise Refusal(422, f"The recipe {offer.name} cannot run here. {offer.reason}")
    return offer


def _side(choice: Choice, role: str, person: str, seed: str, front: Front) -> Side:
    if choice.upload is not None:
        upload = front.uploads.find(person, choice.upload)
        return Side(upload, role, upload.size)
    shelves = front.shelves
    if choice.artist is not None:
        item = shelves.drawn(choice.artist, seed)
    else:
        item = (shelves.contents if role == "contents" else shelves.styles).find(str(choice.id))
    return Side(item, role, shelves.size(item))
