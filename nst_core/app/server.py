"""The requests: the page, and the HTTP API behind it (docs/app.md)."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.staticfiles import StaticFiles

from nst_core.app.desk import Desk
from nst_core.app.guard import Guard, Rules
from nst_core.app.jobs import FINAL, Job, Side
from nst_core.app.limits import SIZES, Limits
from nst_core.app.recipes import NEUTRAL, Offer
from nst_core.app.refusals import Refusal
from nst_core.app.shelves import Shelves, shown
from nst_core.app.uploads import Upload, Uploads
from nst_core.web import environment

PERSON = "nst_person"
ACCEPT = ("image/jpeg", "image/png", "image/webp", "image/gif", "image/tiff", "image/bmp")
GALLERY = "/gallery/index.html"
HEARTBEAT_SECONDS, LOOK_SECONDS = 15.0, 0.25
PAGE_POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; style-src-attr 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
NO_GALLERY = "<!doctype html><html lang=en><title>Gallery</title><p>There is no picture yet. <a href=/>Make one</a>."


@dataclass(frozen=True)
class Front:
    """What the requests need.

    Attributes:
        offers: recipes, the default one first.
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

    def options(self) -> dict[str, Any]:
        """What GET /api/options says."""
        limits, first = self.limits, next(iter(self.offers.values()))
        sizes = sorted({*(size for size in SIZES if size <= limits.size), min(first.size, limits.size)})
        return {
            "recipes": [offer.as_json() for offer in self.offers.values()],
            "default_recipe": first.name,
            "sizes": sizes,
            "default_size": min(first.size, limits.size),
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
    size: int | None = Field(None, ge=32)
    strength: float = Field(NEUTRAL, ge=0, le=100)


def person_of(request: Request) -> str:
    """Who asks: the name a client gives itself, or the cookie that the first answer set."""
    return str(request.state.person)


Person = Annotated[str, Depends(person_of)]
Offset = Annotated[int, Query(ge=0)]
Count = Annotated[int, Query(ge=1, le=500)]


def build(front: Front, rules: Rules) -> Guard:
    """The application."""
    app = FastAPI(title="nst app", docs_url=None, redoc_url=None, openapi_url=None)
    pages = environment("nst_core.app")
    _faults(app)
    _known(app)
    _collections(app, front)
    _uploads(app, front)
    _jobs(app, front)

    @app.get("/", response_class=HTMLResponse)
    def page() -> HTMLResponse:
        nonce = secrets.token_urlsafe(16)
        html = pages.get_template("app.html.j2").render(options=front.options(), nonce=nonce)
        headers = {"Content-Security-Policy": PAGE_POLICY.format(nonce=nonce), "Cache-Control": "no-store"}
        return HTMLResponse(html, headers=headers)

    @app.get("/api/options")
    def options() -> dict[str, Any]:
        return front.options()

    @app.get("/gallery/", response_class=HTMLResponse)
    @app.get(GALLERY, response_class=HTMLResponse)
    def gallery() -> Response:
        index = front.root / "gallery" / "index.html"
        if index.is_file():
            return FileResponse(index, headers={"Cache-Control": "no-cache"})
        return HTMLResponse(NO_GALLERY)

    for folder in ("gallery", "images"):
        (front.root / folder).mkdir(parents=True, exist_ok=True)
        app.mount(f"/{folder}", StaticFiles(directory=front.root / folder, follow_symlink=False))
    return Guard(app, rules)


def _known(app: FastAPI) -> None:
    @app.middleware("http")
    async def know(request: Request, proceed: Any) -> Response:
        name, cookie = request.headers.get("x-client"), request.cookies.get(PERSON)
        token = cookie or secrets.token_urlsafe(18)
        request.state.person = f"client:{name[:200]}" if name else f"cookie:{token[:200]}"
        response: Response = await proceed(request)
        if not name and not cookie:
            response.set_cookie(PERSON, token, httponly=True, samesite="strict", max_age=30 * 86_400)
        return response


def _faults(app: FastAPI) -> None:
    """Every refusal is a sentence."""

    @app.exception_handler(Refusal)
    def refused(_: Request, error: Refusal) -> JSONResponse:
        headers = {"Retry-After": str(error.retry_after)} if error.retry_after else None
        return JSONResponse({"error": str(error)}, error.status, headers)

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return JSONResponse({"error": "; ".join(map(_sentence, error.errors())) + "."}, 422)

    @app.exception_handler(HTTPException)
    def failed(_: Request, error: HTTPException) -> JSONResponse:
        sentence = "There is nothing here." if error.status_code == 404 else f"{error.detail}."
        return JSONResponse({"error": sentence}, error.status_code, error.headers)


def _sentence(fault: dict[str, Any]) -> str:
    """What pydantic finds wrong with one value."""
    where = ".".join(str(part) for part in fault["loc"][1:]) or "the request"
    return f"{where}: {fault['msg'].removeprefix('Value error, ')}"


def _collections(app: FastAPI, front: Front) -> None:
    shelves = front.shelves

    @app.get("/api/contents")
    def contents(offset: Offset = 0, count: Count = 60, q: str = "") -> dict[str, Any]:
        items, total = shelves.contents.page(offset, count, q)
        return {"items": [shelves.as_json(item, "contents") for item in items], "total": total}

    @app.get("/api/artists")
    def artists() -> dict[str, Any]:
        return {
            "items": [
                {
                    "id": slug,
                    "name": shown(works[0].artist or slug),
                    "styles": len(works),
                    "thumbnail": shelves.as_json(works[0], "styles")["thumbnail"],
                }
                for slug, works in shelves.artists.items()
            ]
        }

    @app.get("/api/styles")
    def styles(artist: str | None = None, offset: Offset = 0, count: Count = 60, q: str = "") -> dict[str, Any]:
        by = shelves.artist(artist)[0].artist if artist else None
        items, total = shelves.styles.page(offset, count, q, by)
        return {"items": [shelves.as_json(item, "styles") for item in items], "total": total}

    @app.get("/api/thumbnails/{role}/{key}")
    def thumbnail(role: str, key: str) -> Response:
        shelf = {"contents": shelves.contents, "styles": shelves.styles}.get(role)
        if shelf is None:
            raise Refusal(404, "There is no such collection.")
        return picture(shelves.thumbnail(shelf.find(key)), "image/webp", "private, max-age=86400")


def _uploads(app: FastAPI, front: Front) -> None:
    @app.post("/api/uploads", status_code=201)
    async def upload(request: Request, person: Person) -> dict[str, Any]:
        name, data = await _file_of(request, front.limits.upload_bytes)
        kept = await asyncio.to_thread(front.uploads.add, person, name, data)
        address = f"/api/uploads/{kept.id}/thumbnail"
        return {"id": kept.id, "name": kept.name, "width": kept.width, "height": kept.height, "thumbnail": address}

    @app.get("/api/uploads/{identity}/thumbnail")
    def thumbnail(identity: str, person: Person) -> Response:
        return picture(front.uploads.find(person, identity).thumbnail, "image/webp")

    @app.delete("/api/uploads/{identity}", status_code=204)
    def remove(identity: str, person: Person) -> None:
        front.uploads.remove(person, identity)


async def _file_of(request: Request, most: int) -> tuple[str, bytes]:
    """The name and the bytes of the file in a form; they never touch a disk before they are looked at."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise Refusal(415, "Send the picture as the field `file` of a form (multipart/form-data).")
    parser = MultiPartParser(request.headers, request.stream(), max_files=1, max_fields=4)
    parser.spool_max_size = most + 1
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise Refusal(422, f"The form cannot be read: {error.message}.") from error
    file = form.get("file")
    if file is None or isinstance(file, str):
        raise Refusal(422, "The form has no field `file` with a picture in it.")
    data = await file.read()
    await form.close()
    name = (file.filename or "picture").replace("%22", '"')  # as browsers write a quotation mark there
    if len(data) > most:
        raise Refusal(413, f"{name} is larger than {most / 1e6:.0f} MB: choose a smaller one.")
    return name, data


def _jobs(app: FastAPI, front: Front) -> None:
    desk = front.desk

    @app.post("/api/jobs", status_code=201)
    def ask(asked: Asked, person: Person) -> dict[str, Any]:
        job = _job(front, asked, person)
        desk.add(job)
        return desk.told(job)

    @app.get("/api/jobs")
    def mine(person: Person) -> dict[str, Any]:
        return {"items": [desk.told(job) for job in desk.of(person)]}

    @app.get("/api/jobs/{identity}")
    def one(identity: str, person: Person) -> dict[str, Any]:
        return desk.told(desk.find(person, identity))

    @app.delete("/api/jobs/{identity}")
    def cancel(identity: str, person: Person) -> dict[str, Any]:
        job = desk.find(person, identity)
        desk.cancel(job)
        return desk.told(job)

    @app.get("/api/jobs/{identity}/events")
    async def events(identity: str, person: Person, request: Request) -> StreamingResponse:
        job = desk.find(person, identity)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(_events(desk, job, request), media_type="text/event-stream", headers=headers)

    @app.get("/api/jobs/{identity}/preview")
    def preview(identity: str, person: Person) -> Response:
        shown = desk.find(person, identity).preview
        if shown is None:
            raise Refusal(404, "There is nothing to see of it yet.")
        return picture(shown[1], "image/jpeg")

    @app.get("/api/jobs/{identity}/result")
    def result(identity: str, person: Person, download: bool = False) -> FileResponse:
        job = desk.find(person, identity)
        if job.result is None:
            raise Refusal(404, "It is not finished.")
        path = front.root / job.result
        if not path.is_file():
            raise Refusal(410, "The picture was removed from the run folder.")
        return FileResponse(path, filename=path.name if download else None)

    @app.get("/api/jobs/{identity}/{which}")
    def side(identity: str, which: str, person: Person) -> Response:
        job = desk.find(person, identity)
        shown = {"content": job.content, "style": job.style}.get(which)
        if shown is None or not isinstance(shown.picture, Upload):
            raise Refusal(404, "There is nothing here.")
        return picture(shown.picture.thumbnail, "image/webp", "private, max-age=86400")


def _job(front: Front, asked: Asked, person: str) -> Job:
    """The job that a request describes. Raises Refusal."""
    offer = front.offers.get(asked.recipe) if asked.recipe else next(iter(front.offers.values()))
    if offer is None:
        raise Refusal(422, f"There is no recipe {asked.recipe!r}: GET /api/options lists them.")
    if offer.reason is not None:
        raise Refusal(422, f"The recipe {offer.name} cannot run here. {offer.reason}")
    size = asked.size or min(offer.size, front.limits.size)
    if size > front.limits.size:
        raise Refusal(422, f"Pictures are made at {front.limits.size} pixels at most, not at {size}.")
    if asked.content.artist is not None:
        raise Refusal(422, "content: an artist has no photographs: give an upload or an id.")
    identity = secrets.token_hex(12)
    content, style = (
        _side(front, asked.content, "contents", person, identity),
        _side(front, asked.style, "styles", person, identity),
    )
    return Job(person, content, style, offer, size, asked.strength, identity)


def _side(front: Front, choice: Choice, role: str, person: str, seed: str) -> Side:
    if choice.upload is not None:
        upload = front.uploads.find(person, choice.upload)
        return Side(upload, role, (upload.width, upload.height))
    shelves = front.shelves
    if choice.artist is not None:
        item = shelves.drawn(choice.artist, seed)
    else:
        item = (shelves.contents if role == "contents" else shelves.styles).find(str(choice.id))
    return Side(item, role, shelves.size(item))


async def _events(desk: Desk, job: Job, request: Request) -> AsyncIterator[str]:
    """The job, whenever something has happened to it, until it is over; now and then a line that says nothing."""
    seen, silent = -1, 0.0
    while not desk.closing and not await request.is_disconnected():
        if job.changed != seen:
            seen, silent = job.changed, 0.0
            told = desk.told(job)
            yield f"data: {json.dumps(told, ensure_ascii=False)}\n\n"
            if told["state"] in FINAL:
                return
        elif silent >= HEARTBEAT_SECONDS:
            silent = 0.0
            yield ": still here\n\n"
        await asyncio.sleep(LOOK_SECONDS)
        silent += LOOK_SECONDS


def picture(data: bytes, kind: str, cache: str = "private, max-age=3600") -> Response:
    """An image as an answer."""
    return Response(data, media_type=kind, headers={"Cache-Control": cache})
