"""The routes below /api/jobs: create, list, follow, preview, download and cancel jobs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, StreamingResponse

from nst_core.app.context import AppContext, ClientName, RequestClient
from nst_core.app.job_queue import JobQueue
from nst_core.app.job_requests import JobRequest, new_job
from nst_core.app.jobs import FINAL, Job
from nst_core.app.request_errors import RequestError
from nst_core.app.responses import image_response, json_text
from nst_core.app.uploads import Upload
from nst_core.run_folder.own_files import own_file_or_none

POLL_SECONDS = 0.25
"""Interval at which a streamed job is checked for changes."""

KEEP_ALIVE_SECONDS = 15.0
"""Silence after which an empty line shows that the server is alive."""


def job_routes(context: AppContext) -> APIRouter:
    """Everything below /api/jobs."""
    routes, queue = APIRouter(prefix="/api/jobs"), context.queue

    @routes.post("", status_code=201)
    def create(body: JobRequest, client: RequestClient) -> dict[str, Any]:
        job = new_job(body, client, context)
        queue.add(job)
        return queue.job_json(job)

    @routes.get("")
    def list_jobs(client: ClientName) -> dict[str, Any]:
        return {"items": [queue.job_json(job) for job in queue.jobs_of(client)]}

    @routes.get("/{identity}")
    def show(identity: str, client: ClientName) -> dict[str, Any]:
        return queue.job_json(queue.find(client, identity))

    @routes.delete("/{identity}")
    def cancel(identity: str, client: ClientName) -> dict[str, Any]:
        job = queue.find(client, identity)
        queue.cancel(job)
        return queue.job_json(job)

    @routes.get("/{identity}/events")
    async def events(identity: str, client: ClientName, request: Request) -> StreamingResponse:
        job = queue.find(client, identity)
        return StreamingResponse(
            _events(queue, job, request), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
        )

    @routes.get("/{identity}/preview")
    def preview(identity: str, client: ClientName) -> Response:
        newest = queue.find(client, identity).preview
        if newest is None:
            raise RequestError(404, "There is nothing to see of it yet.")
        return image_response(newest[1], "image/jpeg")

    @routes.get("/{identity}/result")
    def result(identity: str, client: ClientName, download: bool = False) -> Response:
        job = queue.find(client, identity)
        if job.result is None:
            raise RequestError(404, "It is not finished.")
        path = own_file_or_none(context.root, job.result)
        if path is None or not path.is_file():
            raise RequestError(410, "The picture was removed from the run folder.")
        cache = {"Cache-Control": "private, max-age=3600"}
        return FileResponse(path, filename=path.name if download else None, headers=cache)

    @routes.get("/{identity}/{role}")
    def input_thumbnail(identity: str, role: str, client: ClientName) -> Response:
        job = queue.find(client, identity)
        picture = {"content": job.content, "style": job.style}.get(role)
        if picture is None or not isinstance(picture.source, Upload):
            raise RequestError(404, "There is nothing here.")
        return image_response(picture.source.thumbnail, "image/webp", "private, max-age=86400")

    return routes


async def _events(queue: JobQueue, job: Job, request: Request) -> AsyncIterator[str]:
    """Server-sent events: the whole job at each change until it is over, and a comment line after long silence."""
    version, silence = -1, 0.0
    while not await request.is_disconnected():
        if job.version != version:
            version, silence = job.version, 0.0
            data = queue.job_json(job)
            yield f"data: {json_text(data)}\n\n"
            if data["state"] in FINAL:
                return
        elif queue.closing:
            return
        elif silence >= KEEP_ALIVE_SECONDS:
            silence = 0.0
            yield ": still here\n\n"
        await asyncio.sleep(POLL_SECONDS)
        silence += POLL_SECONDS
