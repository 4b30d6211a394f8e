"""The ASGI application: the page, the gallery, and the HTTP API behind them (docs/app.md)."""

from __future__ import annotations

import secrets
from typing import Any

from fastapi import FastAPI
from fastapi.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from nst_core.app.access import AccessRules
from nst_core.app.context import GALLERY, AppContext
from nst_core.app.job_routes import job_routes
from nst_core.app.middleware import AccessMiddleware
from nst_core.app.picture_routes import collection_routes, upload_routes
from nst_core.app.responses import PAGE_POLICY, AsciiJSONResponse, add_error_handlers
from nst_core.app.runs.run_routes import run_routes
from nst_core.views.web import environment, page_bytes

NO_GALLERY = "<!doctype html><html lang=en><title>Gallery</title><p>There is no picture yet. <a href=/>Make one</a>."


def build_app(context: AppContext, rules: AccessRules) -> AccessMiddleware:
    """The ASGI application with all routes, behind the access checks."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, default_response_class=AsciiJSONResponse)
    add_error_handlers(app)
    runs = run_routes(context.runs, has_password=rules.password is not None)
    for routes in (job_routes(context), upload_routes(context), collection_routes(context), *runs):
        app.include_router(routes)
    _add_pages(app, context)
    return AccessMiddleware(app, rules)


def _add_pages(app: FastAPI, context: AppContext) -> None:
    template = environment("nst_core.app").get_template("app.html.j2")

    @app.get("/", response_class=HTMLResponse)
    def page() -> Response:
        nonce = secrets.token_urlsafe(16)
        html = page_bytes(template.render(options=context.options(), nonce=nonce))
        headers = {"Content-Security-Policy": PAGE_POLICY.format(nonce=nonce), "Cache-Control": "no-store"}
        return HTMLResponse(html, headers=headers)

    @app.get("/api/options")
    def options() -> dict[str, Any]:
        return context.options()

    @app.get("/gallery/", response_class=HTMLResponse)
    @app.get(GALLERY, response_class=HTMLResponse)
    def gallery() -> Response:
        index = context.root / "gallery" / "index.html"
        if index.is_file():
            return FileResponse(index, headers={"Cache-Control": "no-cache"})
        return HTMLResponse(NO_GALLERY)

    for folder in ("gallery", "images"):  # no link leads out of them, nor `..`
        (context.root / folder).mkdir(parents=True, exist_ok=True)
        app.mount(f"/{folder}", StaticFiles(directory=context.root / folder, follow_symlink=False))
