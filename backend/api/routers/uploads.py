"""Uploads: bytes in, a job out."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from backend.api.deps import CurrentUser, ServicesDep
from backend.api.multipart import UPLOAD_BODY, receive
from backend.api.schemas_jobs import Job

router = APIRouter(prefix="/api", tags=["uploads"])


@router.post(
    "/projects/{project_id}/uploads",
    operation_id="upload_files",
    status_code=202,
    openapi_extra={"requestBody": UPLOAD_BODY},
)
async def upload_files(project_id: UUID, request: Request, user: CurrentUser, s: ServicesDep) -> Job:
    """Any mix of DICOM, zip, NIfTI, PNG, JPEG, TIFF. Answers with the job that reads them; its result tells, file by
    file, what became of them."""
    upload = await run_in_threadpool(s.imports.begin, user, project_id)
    await receive(request, upload)
    try:
        return Job.of(await run_in_threadpool(s.imports.submit, user, project_id, upload))
    except Exception:
        await run_in_threadpool(upload.discard)
        raise


@router.post("/projects/{project_id}/samples", operation_id="load_samples", status_code=202)
def load_samples(project_id: UUID, user: CurrentUser, s: ServicesDep) -> Job:
    """Import a generated body phantom with known organs and the test images inside the installed packages."""
    return Job.of(s.imports.submit_samples(user, project_id))
