"""Uploads: bytes in, a job out; in one request, or in many that are read together (intakes)."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from backend.api.deps import CurrentUser, ServicesDep
from backend.api.multipart import UPLOAD_BODY, receive
from backend.api.schemas_intakes import ArrivedFile, ArrivedFiles, IntakeIn, IntakeOut, KnownIn
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


# -- in many requests -------------------------------------------------------------------------------------------------
@router.post("/projects/{project_id}/intakes", operation_id="open_intake", status_code=201)
def open_intake(project_id: UUID, body: IntakeIn, user: CurrentUser, s: ServicesDep) -> IntakeOut:
    """An intake for files that are sent in many requests and read together. The same key gives the same intake until it
    is complete; after a week without a file it is forgotten."""
    return IntakeOut(id=s.intakes.open(user, project_id, body.key))


@router.post("/projects/{project_id}/intakes/known", operation_id="list_known_files")
def list_known_files(project_id: UUID, body: KnownIn, user: CurrentUser, s: ServicesDep) -> ArrivedFiles:
    """Which of these files came by intakes of the project before and need not be sent again."""
    return ArrivedFiles(items=[ArrivedFile.of(file) for file in s.intakes.known(user, project_id, body.sha256)])


@router.post(
    "/intakes/{intake_id}/files",
    operation_id="send_intake_files",
    status_code=201,
    openapi_extra={"requestBody": UPLOAD_BODY},
)
async def send_intake_files(intake_id: UUID, request: Request, user: CurrentUser, s: ServicesDep) -> ArrivedFiles:
    """More files of an intake: all of the request, or none. What it has already is not kept twice."""
    upload = await run_in_threadpool(s.intakes.begin, user, intake_id)
    await receive(request, upload)
    try:
        kept = await run_in_threadpool(s.intakes.keep, user, intake_id, upload)
    except Exception:
        await run_in_threadpool(upload.discard)
        raise
    return ArrivedFiles(items=[ArrivedFile.of(file) for file in kept])


@router.post("/intakes/{intake_id}/complete", operation_id="complete_intake", status_code=202)
def complete_intake(intake_id: UUID, user: CurrentUser, s: ServicesDep) -> Job:
    """All files have come. Answers with the job that reads them, however often it is said."""
    return Job.of(s.intakes.complete(user, intake_id))
