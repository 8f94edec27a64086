"""Masks of other programs: bytes in, a job out."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from backend.api.deps import CurrentUser, ServicesDep
from backend.api.multipart import receive
from backend.api.schemas_jobs import Job
from backend.api.schemas_masks import MASKS_BODY, OPTIONS_FIELD, mask_options

router = APIRouter(prefix="/api", tags=["masks"])


@router.post(
    "/cases/{case_id}/masks",
    operation_id="import_masks",
    status_code=202,
    openapi_extra={"requestBody": MASKS_BODY},
)
async def import_masks(case_id: UUID, request: Request, user: CurrentUser, s: ServicesDep) -> Job:
    """DICOM SEG, RTSTRUCT, NIfTI, NRRD, `.seg.nrrd`, or zips of them, into the caller's own masks of a case, or, with
    `reader`, as those of a program. Answers with the job that reads them; its result tells, file by file and segment
    by segment, what became of them, or with `dry_run` what would. Nothing of the upload is kept."""
    upload = await run_in_threadpool(s.mask_imports.begin, user, case_id)
    fields = await receive(request, upload, fields=(OPTIONS_FIELD,))
    try:
        options = mask_options(fields.get(OPTIONS_FIELD, b""))
        return Job.of(await run_in_threadpool(s.mask_imports.submit, user, case_id, upload, options))
    except Exception:
        await run_in_threadpool(upload.discard)
        raise
