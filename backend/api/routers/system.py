"""Is it alive, is it ready, what is wrong: for load balancers, for Prometheus, for the page."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from backend.api.deps import CurrentUser, ServicesDep
from backend.api.schemas_jobs import SystemOut, SystemProblem

router = APIRouter(tags=["system"])


@router.get("/healthz", operation_id="healthz", response_class=PlainTextResponse)
def healthz() -> str:
    """The process answers."""
    return "ok"


@router.get("/readyz", operation_id="readyz", response_class=PlainTextResponse)
def readyz(s: ServicesDep) -> str:
    """The database, Redis and the object store answer; else 503 with the reason."""
    s.system.need_ready()
    return "ready"


@router.get("/metrics", operation_id="metrics", include_in_schema=False)
def metrics(s: ServicesDep) -> Response:
    return Response(generate_latest(s.metrics.registry), media_type=CONTENT_TYPE_LATEST)


@router.get("/api/system", operation_id="get_system")
def get_system(user: CurrentUser, s: ServicesDep) -> SystemOut:
    """What works and what does not, for the status in the page's corner."""
    status = s.system.status()
    return SystemOut(
        version=status.version,
        database=status.database,
        redis=status.redis,
        cache=status.cache,
        workers=status.workers,
        model=status.model,
        problems=[SystemProblem(code=p.code, detail=p.detail, hint=p.hint or "") for p in status.problems],
    )
