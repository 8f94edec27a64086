"""The web server: routers, one error handler, the built pages, and the sweeper of jobs."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import mimetypes
from collections.abc import AsyncIterator
from importlib.metadata import version
from pathlib import Path

import anyio.to_thread
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import FileResponse, HTMLResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from backend.api import dicomweb, errors, routers
from backend.api.observe import Observe
from backend.errors import AppError
from backend.wiring import Services

log = structlog.get_logger(__name__)

THREADS = 64
"""Threads for requests; each waiting click holds one."""

SWEEP_S = 5.0
SWEEPS_AN_HOUR = int(3600 / SWEEP_S)


def create_app(services: Services) -> FastAPI:
    """The ASGI application of one object graph."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        sweeper = asyncio.create_task(_sweep(services))
        yield
        sweeper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sweeper

    app = FastAPI(
        title="sammed",
        version=version("sammed"),
        description="Annotate medical images: click, get a mask. Errors are problem details (RFC 9457).",
        docs_url=None,  # see _serve_docs
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=lifespan,
    )
    app.state.services = services
    errors.install(app)
    for router in routers.ALL:
        app.include_router(router)
    app.include_router(dicomweb.router)

    if services.settings.dicomweb_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=[origin.strip() for origin in services.settings.dicomweb_origins.split(",")],
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Accept", "Content-Type"],
            expose_headers=["X-Total-Count", "Warning"],
        )  # without credentials: a token is asked for, a cookie is never enough
    app.add_middleware(Observe, metrics=services.metrics)
    _serve_docs(app)
    _serve_pages(app, services.settings.frontend_dir)
    return app


async def _sweep(services: Services) -> None:
    """Until cancelled: send again what the courier lost, hand out what webhooks are to be told, delete what nobody uses
    any more and, every hour, forget sessions, links, deliveries and intakes that are old.
    A failure is logged and tried again, never fatal."""
    for sweep in itertools.count():
        try:
            if sweep % SWEEPS_AN_HOUR == 0:
                await run_in_threadpool(services.accounts.forget_expired)
                await run_in_threadpool(services.webhooks.forget_old)
                await run_in_threadpool(services.content.forget_unused_planes)
                await run_in_threadpool(services.intakes.forget_abandoned)
            sent = await run_in_threadpool(services.jobs.sweep)
            if sent:
                log.info("jobs sent again", count=sent)
            await run_in_threadpool(services.webhooks.carry)
            await run_in_threadpool(services.content.forget)
        except AppError as error:
            log.warning("sweep failed", code=error.code, detail=error.detail)
        await asyncio.sleep(SWEEP_S)


def _serve_docs(app: FastAPI) -> None:
    """The API's own page, with files that the frontend's build puts into `docs/`: it works without the internet."""

    @app.get("/api/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/api/openapi.json",
            title="sammed API",
            swagger_js_url="/docs/swagger-ui-bundle.js",
            swagger_css_url="/docs/swagger-ui.css",
            swagger_favicon_url="/docs/favicon-32x32.png",
        )


def _file(target: Path, headers: dict[str, str], accepted: str) -> FileResponse:
    """The file, or its gzip that the build has put beside it, for those who take that."""
    packed = target.with_name(f"{target.name}.gz")
    if not packed.is_file():
        return FileResponse(target, headers=headers)
    headers["Vary"] = "Accept-Encoding"
    if "gzip" not in accepted:
        return FileResponse(target, headers=headers)
    kind, _ = mimetypes.guess_type(target)
    return FileResponse(packed, media_type=kind, headers=headers | {"Content-Encoding": "gzip"})


def _serve_pages(app: FastAPI, folder: Path) -> None:
    """The built frontend: files by name; every other path that is no API gets the page, which routes by itself."""

    @app.get("/{path:path}", include_in_schema=False)
    def page(path: str, request: Request) -> Response:
        if path.startswith(("api/", "dicom-web/")):
            raise HTTPException(404)
        target = (folder / path).resolve()
        if path and target.is_file() and target.is_relative_to(folder.resolve()):
            cached = "public, max-age=31536000, immutable" if path.startswith("assets/") else "no-cache"
            return _file(target, {"Cache-Control": cached}, request.headers.get("Accept-Encoding", ""))
        index = folder / "index.html"
        if not index.is_file():
            raise HTTPException(404, "The pages are not built; `make setup` builds them.")
        return FileResponse(index, headers={"Cache-Control": "no-cache"})
