"""Cases: listing, changing, exporting."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from backend.api.deps import CurrentUser, ServicesDep
from backend.api.routers.jobs import download_response, finished
from backend.api.schemas_base import Page
from backend.api.schemas_cases import Case, CasePatch
from backend.domain.workflow import CaseState

router = APIRouter(prefix="/api", tags=["cases"])


@router.get("/projects/{project_id}/cases", operation_id="list_cases")
def list_cases(
    project_id: UUID,
    user: CurrentUser,
    s: ServicesDep,
    state: CaseState | None = None,
    assignee: UUID | None = None,
    search: str | None = None,
    limit: int = 100,
    cursor: str | None = None,
) -> Page[Case]:
    found = s.cases.search(
        user, project_id, state=state, assignee_id=assignee, search=search, limit=limit, cursor=cursor
    )
    return Page(items=[Case.of(view) for view in found.items], next_cursor=found.next_cursor)


@router.get("/cases/{case_id}", operation_id="get_case")
def get_case(case_id: UUID, user: CurrentUser, s: ServicesDep) -> Case:
    return Case.of(s.cases.get(user, case_id))


@router.patch("/cases/{case_id}", operation_id="change_case")
def change_case(case_id: UUID, body: CasePatch, user: CurrentUser, s: ServicesDep) -> Case:
    return Case.of(s.cases.change(user, case_id, body.changes()))


@router.get("/cases/{case_id}/export", operation_id="export_case", response_class=StreamingResponse)
async def export_case(
    case_id: UUID, user: CurrentUser, s: ServicesDep, format: Literal["nifti", "dicom-seg"] = "nifti"
) -> StreamingResponse:
    """The caller's annotations of a case as one file (a zip where there are several). For large cases start a job of
    kind `export` and download its result."""
    job = await finished(s, user, lambda: s.exports.submit(user, case_id, format))
    return download_response(s, user, job.id)
