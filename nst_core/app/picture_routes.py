"""Requests about pictures: those that can be picked, and those that people bring."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, BinaryIO

from fastapi import APIRouter, Query, Request, Response
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from nst_core.app.answers import picture
from nst_core.app.front import Front, Person
from nst_core.app.limits import Limits
from nst_core.app.refusals import Refusal
from nst_core.app.uploads import Upload, Uploads

Offset = Annotated[int, Query(ge=0)]
Count = Annotated[int, Query(ge=1, le=500)]


def collection_routes(front: Front) -> APIRouter:
    """/api/contents, /api/artists, /api/styles and their thumbnails."""
    routes, shelves = APIRouter(prefix="/api"), front.shelves

    @routes.get("/contents")
    def contents(offset: Offset = 0, count: Count = 60, q: str = "") -> dict[str, Any]:
        items, total = shelves.contents.page(offset, count, q)
        return {"items": [shelves.as_json(item, "contents") for item in items], "total": total}

    @routes.get("/artists")
    def artists() -> dict[str, Any]:
        return {"items": [shelves.artist_json(slug) for slug in shelves.artists]}

    @routes.get("/styles")
    def styles(artist: str | None = None, offset: Offset = 0, count: Count = 60, q: str = "") -> dict[str, Any]:
        by = shelves.artist(artist)[0].artist if artist else None
        items, total = shelves.styles.page(offset, count, q, by)
        return {"items": [shelves.as_json(item, "styles") for item in items], "total": total}

    @routes.get("/thumbnails/{role}/{key}")
    def thumbnail(role: str, key: str) -> Response:
        shelf = {"contents": shelves.contents, "styles": shelves.styles}.get(role)
        if shelf is None:
            raise Refusal(404, "There is no such collection.")
        return picture(shelves.thumbnail(shelf.find(key)), "image/webp", "private, max-age=86400")

    return routes


def upload_routes(front: Front) -> APIRouter:
    """Everything below /api/uploads."""
    routes, uploads, arriving = APIRouter(prefix="/api/uploads"), front.uploads, Arriving(front.limits)

    @routes.post("", status_code=201)
    async def upload(request: Request, person: Person) -> dict[str, Any]:
        file = await arriving.file(request)
        try:
            name = (file.filename or "picture").replace("%22", '"')  # as browsers write a quotation mark there
            kept = await asyncio.to_thread(_kept, uploads, person, name, file.file, front.limits.upload_bytes)
        finally:
            await file.close()
        address, (width, height) = f"/api/uploads/{kept.id}/thumbnail", kept.size
        return {"id": kept.id, "name": kept.name, "width": width, "height": height, "thumbnail": address}

    @routes.get("/{identity}/thumbnail")
    def thumbnail(identity: str, person: Person) -> Response:
        return picture(uploads.find(person, identity).thumbnail, "image/webp")

    @routes.delete("/{identity}", status_code=204)
    def remove(identity: str, person: Person) -> None:
        uploads.remove(person, identity)

    return routes


class Arriving:
    """Files on their way: a few at a time, each in an unnamed temporary file that goes with the request."""

    def __init__(self, limits: Limits) -> None:
        self._limits, self._count = limits, 0

    async def file(self, request: Request) -> UploadFile:
        """The field `file` of a form. Raises Refusal."""
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            raise Refusal(415, "Send the picture as the field `file` of a form (multipart/form-data).")
        if self._count >= self._limits.arriving:
            raise Refusal(503, "Many files are on their way just now: try again in a while.", 5)
        self._count += 1
        try:
            async with asyncio.timeout(self._limits.arriving_seconds):
                form = await MultiPartParser(request.headers, request.stream(), max_files=1, max_fields=4).parse()
        except TimeoutError as error:
            raise Refusal(408, "The file took too long to arrive: try a smaller one.") from error
        except MultiPartException as error:
            raise Refusal(422, f"The form cannot be read: {error.message.removesuffix('.')}.") from error
        finally:
            self._count -= 1
        file = form.get("file")
        if file is None or isinstance(file, str):
            await form.close()
            raise Refusal(422, "The form has no field `file` with a picture in it.")
        return file


def _kept(uploads: Uploads, person: str, name: str, file: BinaryIO, most: int) -> Upload:
    data = file.read(most + 1)
    if len(data) > most:
        raise Refusal(413, f"The file is larger than {most / 1e6:g} MB: make it smaller first.")
    return uploads.add(person, name, data)
