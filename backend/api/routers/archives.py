"""Whole projects: exported as one file, imported from one."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool

from backend.api.deps import CurrentUser, ServicesDep
from backend.api.multipart import UPLOAD_BODY, receive
from backend.api.schemas_jobs import Job
from backend.api.schemas_projects import ArchiveIn

router = APIRouter(prefix="/api", tags=["projects"])


@router.post("/projects/{project_id}/export", operation_id="export_project", status_code=202)
def export_project(project_id: UUID, body: ArchiveIn, user: CurrentUser, s: ServicesDep) -> Job:
    """The whole project as one file, for its managers: /api/jobs/{id}/download has it when the job is done."""
    return Job.of(s.archives.submit(user, project_id, images=body.images, masks=body.masks))


@router.post(
    "/projects/import",
    operation_id="import_project",
    status_code=202,
    openapi_extra={"requestBody": UPLOAD_BODY},
)
async def import_project(
    request: Request,
    user: CurrentUser,
    s: ServicesDep,
    name: Annotated[str | None, Query(description="Import it under this name, also beside the one it was")] = None,
) -> Job:
    """What exporting a project made, as the one file of a multipart body. For administrators. The job's result names
    the project."""
    upload = await run_in_threadpool(s.archives.begin_restore, user)
    await receive(request, upload)
    try:
        return Job.of(await run_in_threadpool(s.archives.submit_restore, user, upload, name))
    except Exception:
        await run_in_threadpool(upload.discard)
        raise
