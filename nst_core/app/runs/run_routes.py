"""The routes of runs: the page `/runs/`, whose forms work without JavaScript, and the API below `/api/runs`."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from nst_core.app.limits import Limits
from nst_core.app.pictures import decode_limited, image_limits, thumbnail_bytes
from nst_core.app.request_errors import RequestError
from nst_core.app.responses import PAGE_POLICY, image_response
from nst_core.app.runs.run_control import RunControl
from nst_core.app.runs.run_json import AT_WORK, run_json
from nst_core.app.runs.settings import RunSettings
from nst_core.app.runs.watched_runs import WatchedRun
from nst_core.engine.cache import Cache
from nst_core.errors import InputError
from nst_core.run_folder.own_files import own_file_or_none
from nst_core.storage.paths import file_state
from nst_core.views.web import environment, page_bytes

PAGE = "/runs/"

CLOSED = (
    "Runs are neither shown nor started here: that takes a password (--password), or an app that only this machine can "
    "reach."
)

COUNT = 20
"""Runs that are shown at a time."""

PICTURES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png"}
"""Media types of a run's pictures, by suffix."""

THUMBNAILS = 200
"""Thumbnails that are kept in memory."""

Offset = Annotated[int, Query(ge=0, le=1_000_000)]


@dataclass(frozen=True)
class Runs:
    """The page of runs. None of it is there where everybody could start a run."""

    settings: RunSettings
    control: RunControl
    limits: Limits

    def page_json(self, offset: int) -> dict[str, Any]:
        """The answer to GET /api/runs."""
        found = self.control.runs()
        items = [run_json(run, self.control) for run in found[offset : offset + COUNT]]
        items.sort(key=lambda item: item["state"] not in AT_WORK)  # which keeps the order of the others
        return {"items": items, "total": len(found), "offset": offset, "count": COUNT}

    def about(self) -> dict[str, Any]:
        """What the page says of run files."""
        return {
            "folder": str(self.settings.folder),
            "data": [str(folder) for folder in self.settings.data],
            "choices": list(self.settings.choices()),
            "at_once": self.settings.at_once,
            "pairs": self.settings.pairs,
            "size": self.limits.size,
        }


def run_routes(runs: Runs | None, has_password: bool) -> list[APIRouter]:
    """The page, its forms, and the API."""
    open_to_sender = Depends(_check_of_sender(runs, has_password))
    api = APIRouter(prefix="/api/runs", dependencies=[open_to_sender])
    pages = APIRouter(prefix="/runs")
    if runs is None:
        api.add_api_route("", _closed, methods=["GET", "POST"])
        api.add_api_route("/{rest:path}", _closed, methods=["GET", "POST"])
        pages.add_api_route("/", lambda: _page(None, None, 0, CLOSED, 403), response_class=HTMLResponse)
        return [api, pages]
    _add_api(api, runs)
    _add_pages(pages, runs, open_to_sender)
    return [api, pages]


def _check_of_sender(runs: Runs | None, has_password: bool) -> Callable[[Request], None]:
    """A dependency that raises RequestError for what came through a proxy that nobody told of, without a password."""

    def check(request: Request) -> None:
        through_proxy = any(name in request.headers for name in ("x-forwarded-for", "forwarded", "via"))
        if runs is None or (through_proxy and not has_password):
            raise RequestError(403, CLOSED)

    return check


def _closed() -> None:
    raise RequestError(403, CLOSED)


def _add_api(routes: APIRouter, runs: Runs) -> None:
    control, thumbnails = runs.control, Cache[bytes](THUMBNAILS)

    @routes.get("")
    def list_runs(offset: Offset = 0) -> dict[str, Any]:
        return runs.page_json(offset)

    @routes.post("", status_code=201)
    async def start(request: Request) -> dict[str, Any]:
        run = await _start(request, control)
        return await asyncio.to_thread(run_json, run, control)

    @routes.get("/{identity}")
    def show(identity: str) -> dict[str, Any]:
        return run_json(control.find(identity), control)

    @routes.post("/{identity}/pause")
    def pause(identity: str, at_once: bool = False) -> dict[str, Any]:
        return run_json(control.pause(control.find(identity), at_once), control)

    @routes.post("/{identity}/resume")
    def resume(identity: str) -> dict[str, Any]:
        return run_json(control.resume(control.find(identity)), control)

    @routes.get("/{identity}/pictures/{pair_id}")
    def picture(identity: str, pair_id: str, full: bool = False) -> Response:
        run = control.find(identity).read()
        path = own_file_or_none(run.folder, run.pictures.get(pair_id))
        if path is None or path.suffix.lower() not in PICTURES or not path.is_file():
            raise RequestError(404, "There is no such picture among the last ones.")
        if full:
            media_type = PICTURES[path.suffix.lower()]
            return FileResponse(path, media_type=media_type, headers={"Cache-Control": "private, max-age=3600"})
        key = path, file_state(path)
        try:
            data = thumbnails.get(key) or thumbnails.keep(
                key, thumbnail_bytes(decode_limited(path, image_limits(runs.limits)))
            )
        except InputError as error:
            raise RequestError(404, f"The picture cannot be shown: {error.reason.removesuffix('.')}.") from error
        return image_response(data, "image/webp")


def _add_pages(routes: APIRouter, runs: Runs, open_to_sender: Any) -> None:
    control = runs.control

    @routes.get("/", response_class=HTMLResponse, dependencies=[open_to_sender])
    def page(offset: Offset = 0) -> Response:
        return _page(runs.page_json(offset), runs.about(), offset)

    @routes.post("/", response_class=HTMLResponse, dependencies=[open_to_sender])
    async def start(request: Request) -> Response:
        return await _answered(runs, _start(request, control))

    @routes.post("/{identity}/pause", response_class=HTMLResponse, dependencies=[open_to_sender])
    async def pause(identity: str, at_once: bool = False) -> Response:
        return await _answered(runs, asyncio.to_thread(lambda: control.pause(control.find(identity), at_once)))

    @routes.post("/{identity}/resume", response_class=HTMLResponse, dependencies=[open_to_sender])
    async def resume(identity: str) -> Response:
        return await _answered(runs, asyncio.to_thread(lambda: control.resume(control.find(identity))))


async def _answered(runs: Runs, doing: Any) -> Response:
    """The page again, at the run; or with the sentence why not."""
    try:
        run = await doing
    except RequestError as error:
        content = await asyncio.to_thread(runs.page_json, 0)
        return _page(content, runs.about(), 0, str(error), error.status)
    return RedirectResponse(f"{PAGE}#run-{quote(run.id)}", 303)


async def _start(request: Request, control: RunControl) -> WatchedRun:
    """Start the run of the form's field `file`, or of the run file that its field `choice` names."""
    try:
        async with request.form(max_files=1, max_fields=4) as form:
            file, choice = form.get("file"), form.get("choice")
            data = await file.read() if isinstance(file, UploadFile) else b""
    except HTTPException as error:
        raise RequestError(422, f"The form cannot be read: {str(error.detail).removesuffix('.')}.") from error
    if isinstance(file, UploadFile) and (file.filename or data):
        return await asyncio.to_thread(control.start_uploaded, data, file.filename or "run.yaml")
    if isinstance(choice, str) and choice:
        return await asyncio.to_thread(control.start_chosen, choice)
    raise RequestError(422, "Choose a run file first.")


_TEMPLATE = environment("nst_core.app").get_template("runs.html.j2")


def _page(
    content: dict[str, Any] | None, about: dict[str, Any] | None, offset: int, fault: str = "", status: int = 200
) -> Response:
    nonce = secrets.token_urlsafe(16)
    html = _TEMPLATE.render(content=content, about=about, offset=offset, fault=fault, nonce=nonce)
    headers = {
        "Content-Security-Policy": PAGE_POLICY.format(nonce=nonce),
        "Cache-Control": "no-store",
        "Referrer-Policy": "same-origin",  # or a form would be sent with the origin `null`
    }
    return HTMLResponse(page_bytes(html), status, headers)
