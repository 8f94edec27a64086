"""Cases: listing, changing, exporting."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from backend.api.deps import CurrentUser, ServicesDep
from backend.api.routers.jobs import download_response, finished
from backend.api.schemas_base import Page
from backend.api.schemas_cases import (
    Case,
    CasePatch,
    CasesChanged,
    CasesPatch,
    LeaseIn,
    LeaseOut,
    PlaceOut,
    RefusedCase,
    WorkItem,
)
from backend.domain.jobs import ExportFormat
from backend.domain.workflow import CaseState
from backend.services.case_finding import CaseFilter, CaseOrder

router = APIRouter(prefix="/api", tags=["cases"])


@router.get("/projects/{project_id}/cases", operation_id="list_cases")
def list_cases(
    project_id: UUID,
    user: CurrentUser,
    s: ServicesDep,
    state: CaseState | None = None,
    assignee: UUID | Literal["nobody", "left"] | None = None,
    label_id: UUID | None = None,
    search: str | None = None,
    overdue: bool = False,
    order: CaseOrder = CaseOrder.NEWEST,
    limit: int = 100,
    cursor: str | None = None,
) -> Page[Case]:
    """Cases that the caller sees. `assignee` left: open cases of people who cannot work on them any more. `label_id`:
    somebody drew this label. `overdue`: open, and the due date is past."""
    where = CaseFilter(state, assignee, label_id, search, overdue)
    found = s.cases.search(user, project_id, where, order=order, limit=limit, cursor=cursor)
    return Page(items=[Case.of(view) for view in found.items], next_cursor=found.next_cursor)


@router.patch("/projects/{project_id}/cases", operation_id="change_cases")
def change_cases(project_id: UUID, body: CasesPatch, user: CurrentUser, s: ServicesDep) -> CasesChanged:
    """Change many cases at once. Those that cannot change come back with the reason; the others change all the same."""
    changed, refused = s.cases.change_many(user, project_id, body.chosen(), body.to_domain())
    return CasesChanged(changed=changed, refused=[RefusedCase.of(refusal) for refusal in refused])


@router.get("/me/work", operation_id="list_my_work")
def list_my_work(user: CurrentUser, s: ServicesDep, limit: int = 100, cursor: str | None = None) -> Page[WorkItem]:
    """The caller's queue in all projects: assigned to them and open, the most urgent first."""
    found = s.cases.work(user, limit=limit, cursor=cursor)
    items = [WorkItem(case=Case.of(view), project_name=project.name) for view, project in found.items]
    return Page(items=items, next_cursor=found.next_cursor)


@router.get("/cases/{case_id}/place", operation_id="get_case_place")
def get_case_place(case_id: UUID, user: CurrentUser, s: ServicesDep) -> PlaceOut:
    return PlaceOut.of(s.cases.place(user, case_id))


@router.post("/cases/{case_id}/lease", operation_id="take_lease")
def take_lease(case_id: UUID, body: LeaseIn, user: CurrentUser, s: ServicesDep) -> LeaseOut:
    """Say that the caller has the case open, again every half minute. Answers who has it."""
    return LeaseOut.of(s.leases.take(user, case_id, take_over=body.take_over))


@router.delete("/cases/{case_id}/lease", operation_id="release_lease", status_code=204)
def release_lease(case_id: UUID, user: CurrentUser, s: ServicesDep) -> None:
    s.leases.release(user, case_id)


@router.get("/cases/{case_id}", operation_id="get_case")
def get_case(case_id: UUID, user: CurrentUser, s: ServicesDep) -> Case:
    return Case.of(s.cases.get(user, case_id))


@router.patch("/cases/{case_id}", operation_id="change_case")
def change_case(case_id: UUID, body: CasePatch, user: CurrentUser, s: ServicesDep) -> Case:
    return Case.of(s.cases.change(user, case_id, body.changes()))


@router.get("/cases/{case_id}/export", operation_id="export_case", response_class=StreamingResponse)
async def export_case(
    case_id: UUID,
    user: CurrentUser,
    s: ServicesDep,
    format: ExportFormat = "nifti",
    annotator_id: UUID | None = None,
) -> StreamingResponse:
    """Somebody's annotations of a case as one file (a zip where there are several). Without `annotator_id`, for who
    reviews: what was accepted, else of who the case is assigned to, else one's own; for others, their own. For large
    cases start a job of kind `export` and download its result."""
    job = await finished(s, user, lambda: s.exports.submit(user, case_id, format, annotator_id))
    return download_response(s, user, job.id)
