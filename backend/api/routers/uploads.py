"""Uploads: bytes in, a job out."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from backend.api.deps import CurrentUser, ServicesDep
from backend.api.multipart import FIELD, Receiver
from backend.api.schemas_jobs import Job

router = APIRouter(prefix="/api", tags=["uploads"])

_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": [FIELD],
                "properties": {FIELD: {"type": "array", "items": {"type": "string", "format": "binary"}}},
            }
        }
    },
}


@router.post(
    "/projects/{project_id}/uploads",
    operation_id="upload_files",
    status_code=202,
    openapi_extra={"requestBody": _BODY},
)
async def upload_files(project_id: UUID, request: Request, user: CurrentUser, s: ServicesDep) -> Job:
    """Any mix of DICOM, zip, NIfTI, PNG, JPEG, TIFF. Answers with the job that reads them; its result tells, file by
    file, what became of them."""
    upload = await run_in_threadpool(s.imports.begin, user, project_id)
    try:
        receiver = Receiver(request.headers.get("Content-Type", ""), upload)
        async for chunk in request.stream():
            await run_in_threadpool(receiver.feed, chunk)
        receiver.close()
        return Job.of(await run_in_threadpool(s.imports.submit, user, project_id, upload))
    except Exception:
        await run_in_threadpool(upload.discard)
        raise


@router.post("/projects/{project_id}/samples", operation_id="load_samples", status_code=202)
def load_samples(project_id: UUID, user: CurrentUser, s: ServicesDep) -> Job:
    """Import a generated body phantom with known organs and the test images inside the installed packages."""
    return Job.of(s.imports.submit_samples(user, project_id))
