"""Requests about jobs: start, follow, look, download, cancel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, StreamingResponse

from nst_core.app.answers import json_text, picture
from nst_core.app.asking import Asked, job_of
from nst_core.app.desk import Desk
from nst_core.app.front import Front, Person
from nst_core.app.jobs import FINAL, Job
from nst_core.app.refusals import Refusal
from nst_core.app.uploads import Upload

LOOK_SECONDS = 0.25
"""Between two looks at a job that is followed."""

HEARTBEAT_SECONDS = 15.0
"""After which a line that says nothing shows that the server lives."""


def job_routes(front: Front) -> APIRouter:
    """Everything below /api/jobs."""
    routes, desk = APIRouter(prefix="/api/jobs"), front.desk

    @routes.post("", status_code=201)
    def ask(asked: Asked, person: Person) -> dict[str, Any]:
        job = job_of(asked, person, front)
        desk.add(job)
        return desk.told(job)

    @routes.get("")
    def mine(person: Person) -> dict[str, Any]:
        return {"items": [desk.told(job) for job in desk.of(person)]}

    @routes.get("/{identity}")
    def one(identity: str, person: Person) -> dict[str, Any]:
        return desk.told(desk.find(person, identity))

    @routes.delete("/{identity}")
    def cancel(identity: str, person: Person) -> dict[str, Any]:
        job = desk.find(person, identity)
        desk.cancel(job)
        return desk.told(job)

    @routes.get("/{identity}/events")
    async def events(identity: str, person: Person, request: Request) -> StreamingResponse:
        job = desk.find(person, identity)
        return StreamingResponse(
            _events(desk, job, request), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
        )

    @routes.get("/{identity}/preview")
    def preview(identity: str, person: Person) -> Response:
        shown = desk.find(person, identity).preview
        if shown is None:
            raise Refusal(404, "There is nothing to see of it yet.")
        return picture(shown[1], "image/jpeg")

    @routes.get("/{identity}/result")
    def result(identity: str, person: Person, download: bool = False) -> Response:
        job = desk.find(person, identity)
        if job.result is None:
            raise Refusal(404, "It is not finished.")
        path = front.root / job.result
        if not path.is_file():
            raise Refusal(410, "The picture was removed from the run folder.")
        cache = {"Cache-Control": "private, max-age=3600"}
        return FileResponse(path, filename=path.name if download else None, headers=cache)

    @routes.get("/{identity}/{which}")
    def side(identity: str, which: str, person: Person) -> Response:
        job = desk.find(person, identity)
        shown = {"content": job.content, "style": job.style}.get(which)
        if shown is None or not isinstance(shown.picture, Upload):
            raise Refusal(404, "There is nothing here.")
        return picture(shown.picture.thumbnail, "image/webp", "private, max-age=86400")

    return routes


async def _events(desk: Desk, job: Job, request: Request) -> AsyncIterator[str]:
    """The job, whenever something has happened to it, until it is over; now and then a line that says nothing."""
    seen, silent = -1, 0.0
    while not await request.is_disconnected():
        if job.changed != seen:
            seen, silent = job.changed, 0.0
            told = desk.told(job)
            yield f"data: {json_text(told)}\n\n"
            if told["state"] in FINAL:
                return
        elif desk.closing:
            return
        elif silent >= HEARTBEAT_SECONDS:
            silent = 0.0
            yield ": still here\n\n"
        await asyncio.sleep(LOOK_SECONDS)
        silent += LOOK_SECONDS
