"""Background jobs: start, watch, cancel, download what they made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from backend.api.deps import CurrentUser, ServicesDep
from backend.api.schemas_base import Page
from backend.api.schemas_evaluations import EvaluateJobIn
from backend.api.schemas_jobs import ExportJobIn, Job
from backend.api.schemas_learning import JobIn
from backend.db import tables
from backend.domain.jobs import JobState
from backend.errors import Unavailable
from backend.services.access import Principal
from backend.wiring import Services

router = APIRouter(prefix="/api", tags=["jobs"])

POLL_S = 0.25
EXPORT_WAIT_S = 120.0


class StillWorking(Unavailable):
    """An export takes longer than a request should wait. Raised by api.routers.jobs."""

    code = "still_working"
    title = "This takes longer"


@router.post("/jobs", operation_id="start_job", status_code=202)
def start_job(body: JobIn, user: CurrentUser, s: ServicesDep) -> Job:
    """Queue background work. A new job of `learn_prompt`, `auto_segment` or `propagate` takes the place of the caller's
    older one of that kind for the same volume and label."""
    if isinstance(body, ExportJobIn):
        return Job.of(s.exports.submit(user, body.case_id, body.format, body.annotator_id))
    if isinstance(body, EvaluateJobIn):
        return Job.of(s.evaluations.start(user, body.to_payload()))
    return Job.of(s.learning.start(user, body.to_payload(user.id)))


@router.get("/jobs", operation_id="list_jobs")
def list_jobs(
    project_id: UUID, user: CurrentUser, s: ServicesDep, limit: int = 50, cursor: str | None = None
) -> Page[Job]:
    found = s.jobs.of_project(user, project_id, limit=limit, cursor=cursor)
    return Page(items=[Job.of(row) for row in found.items], next_cursor=found.next_cursor)


@router.get("/jobs/{job_id}", operation_id="get_job")
def get_job(job_id: UUID, user: CurrentUser, s: ServicesDep) -> Job:
    return Job.of(s.jobs.get(user, job_id))


@router.delete("/jobs/{job_id}", operation_id="cancel_job")
def cancel_job(job_id: UUID, user: CurrentUser, s: ServicesDep) -> Job:
    return Job.of(s.jobs.cancel(user, job_id))


@router.get("/jobs/{job_id}/events", operation_id="watch_job", response_class=EventSourceResponse)
async def watch_job(job_id: UUID, request: Request, user: CurrentUser, s: ServicesDep) -> EventSourceResponse:
    """Server-sent events `job`, each a whole Job, whenever it changes; the stream ends with the job. Read from the
    database, so that it goes on when Redis does not."""
    await run_in_threadpool(s.jobs.get, user, job_id)  # 404 as a problem, not as a broken stream

    async def events() -> AsyncIterator[ServerSentEvent]:
        last: dict[str, Any] | None = None
        while not await request.is_disconnected():
            job = Job.of(await run_in_threadpool(s.jobs.get, user, job_id))
            now = job.model_dump(mode="json")
            if now != last:
                last = now
                yield ServerSentEvent(event="job", data=job.model_dump_json())
            if job.state.is_final:
                return
            await asyncio.sleep(POLL_S)

    return EventSourceResponse(events())


@router.get("/jobs/{job_id}/download", operation_id="download_job", response_class=StreamingResponse)
def download_job(job_id: UUID, user: CurrentUser, s: ServicesDep) -> StreamingResponse:
    """The file that an export made."""
    return download_response(s, user, job_id)


def download_response(s: Services, user: Principal, job_id: UUID) -> StreamingResponse:
    made = s.exports.download(user, job_id)
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(made.name)}",
        "Content-Length": str(made.size_bytes),
    }
    return StreamingResponse(made.chunks, media_type=made.media_type, headers=headers)


async def finished(s: Services, user: Principal, submit: Callable[[], tables.Job]) -> tables.Job:
    """Start a job and wait for its end without holding a thread. Raises StillWorking after EXPORT_WAIT_S."""
    job = await run_in_threadpool(submit)
    for _ in range(int(EXPORT_WAIT_S / POLL_S)):
        if JobState(job.state).is_final:
            return job
        await asyncio.sleep(POLL_S)
        job = await run_in_threadpool(s.jobs.get, user, job.id)
    raise StillWorking(
        f"The export is not ready after {EXPORT_WAIT_S:g} s.",
        hint=f"It goes on; fetch it from /api/jobs/{job.id}/download when the job is done.",
        context={"job_id": str(job.id)},
    )
