"""The routes of pictures: those of the collections, and those that clients upload."""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from nst_core.app.access import Client
from nst_core.app.address_slots import AddressSlots
from nst_core.app.context import AppContext, ClientName, RequestClient
from nst_core.app.limits import Limits
from nst_core.app.request_errors import RequestError, file_too_large
from nst_core.app.responses import image_response
from nst_core.app.uploads import Upload, Uploads

Offset = Annotated[int, Query(ge=0)]
Count = Annotated[int, Query(ge=1, le=500)]


def collection_routes(context: AppContext) -> APIRouter:
    """/api/contents, /api/artists, /api/styles and their thumbnails."""
    routes, collections = APIRouter(prefix="/api"), context.collections

    @routes.get("/contents")
    def contents(offset: Offset = 0, count: Count = 60, q: str = "") -> dict[str, Any]:
        items, total = collections.contents.page(offset, count, q)
        return {"items": [collections.item_json(item, "contents") for item in items], "total": total}

    @routes.get("/artists")
    def artists() -> dict[str, Any]:
        return {"items": [collections.artist_json(slug) for slug in collections.artists]}

    @routes.get("/styles")
    def styles(artist: str | None = None, offset: Offset = 0, count: Count = 60, q: str = "") -> dict[str, Any]:
        name = collections.paintings_by(artist)[0].artist if artist else None
        items, total = collections.styles.page(offset, count, q, name)
        return {"items": [collections.item_json(item, "styles") for item in items], "total": total}

    @routes.get("/thumbnails/{role}/{key}")
    def thumbnail(role: str, key: str) -> Response:
        collection = {"contents": collections.contents, "styles": collections.styles}.get(role)
        if collection is None:
            raise RequestError(404, "There is no such collection.")
        return image_response(collections.thumbnail(collection.find(key)), "image/webp", "private, max-age=86400")

    return routes


def upload_routes(context: AppContext) -> APIRouter:
    """Everything below /api/uploads."""
    routes, uploads, receiver = APIRouter(prefix="/api/uploads"), context.uploads, UploadReceiver(context.limits)

    @routes.post("", status_code=201)
    async def create(request: Request, client: RequestClient) -> dict[str, Any]:
        with receiver.slot(client):
            file = await receiver.receive(request)
            try:
                upload = await asyncio.to_thread(_add, uploads, client, file, context.limits.upload_bytes)
            finally:
                await file.close()
        url, (width, height) = f"/api/uploads/{upload.id}/thumbnail", upload.size
        return {"id": upload.id, "name": upload.name, "width": width, "height": height, "thumbnail": url}

    @routes.get("/{identity}/thumbnail")
    def thumbnail(identity: str, client: ClientName) -> Response:
        return image_response(uploads.find(client, identity).thumbnail, "image/webp")

    @routes.delete("/{identity}", status_code=204)
    def remove(identity: str, client: ClientName) -> None:
        uploads.remove(client, identity)

    return routes


class UploadReceiver:
    """Receives a few files at a time, each into an unnamed temporary file that is gone with the request."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._slots = AddressSlots(
            limits.concurrent_uploads,
            limits.address_uploads,
            "Many files are on their way just now: try again in a while.",
        )

    def slot(self, client: Client) -> AbstractContextManager[None]:
        """A slot for a file, until it is kept. Raises RequestError."""
        return self._slots.slot(client.address)

    async def receive(self, request: Request) -> UploadFile:
        """The field `file` of a form. Raises RequestError."""
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            raise RequestError(415, "Send the picture as the field `file` of a form (multipart/form-data).")
        try:
            async with asyncio.timeout(self._limits.upload_seconds):
                form = await MultiPartParser(request.headers, request.stream(), max_files=1, max_fields=4).parse()
        except TimeoutError as error:
            raise RequestError(408, "The file took too long to arrive: try a smaller one.") from error
        except MultiPartException as error:
            raise RequestError(422, f"The form cannot be read: {error.message.removesuffix('.')}.") from error
        file = form.get("file")
        if file is None or isinstance(file, str):
            await form.close()
            raise RequestError(422, "The form has no field `file` with a picture in it.")
        return file


def _add(uploads: Uploads, client: Client, file: UploadFile, most: int) -> Upload:
    name = (file.filename or "picture").replace("%22", '"')  # as browsers write a quotation mark there
    data = file.file.read(most + 1)
    if len(data) > most:
        raise file_too_large(most)
    return uploads.add(client.name, name, data, client.address)
