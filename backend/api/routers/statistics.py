"""How much work a project was."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Response

from backend.api.deps import CurrentUser, ServicesDep
from backend.api.schemas_statistics import EffortOut, StatisticsOut, work_csv

router = APIRouter(prefix="/api", tags=["projects"])


@router.get("/projects/{project_id}/statistics", operation_id="get_statistics")
def get_statistics(project_id: UUID, user: CurrentUser, s: ServicesDep) -> StatisticsOut:
    """Work by person and label, and cases finished day by day, for those who review."""
    return StatisticsOut.of(s.statistics.of_project(user, project_id))


@router.get(
    "/projects/{project_id}/statistics.csv",
    operation_id="get_statistics_csv",
    response_class=Response,
    responses={200: {"content": {"text/csv": {}}}},
)
def get_statistics_csv(project_id: UUID, user: CurrentUser, s: ServicesDep) -> Response:
    """The same work as a table, a line for each person and label."""
    headers = {"Content-Disposition": 'attachment; filename="statistics.csv"'}
    return Response(work_csv(s.statistics.of_project(user, project_id)), media_type="text/csv", headers=headers)


@router.get("/cases/{case_id}/effort", operation_id="get_case_effort")
def get_case_effort(case_id: UUID, user: CurrentUser, s: ServicesDep) -> EffortOut:
    """What a case cost, for those who review: seconds, and on each slice how many points, boxes and strokes until its
    mask was nearly (Dice 0.9) the final one."""
    return EffortOut.of(s.efforts.of_case(user, case_id))
