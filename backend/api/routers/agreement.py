"""How well readers agree, how near they come to gold cases, and one mask out of several."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from backend.api.deps import CurrentUser, ServicesDep
from backend.api.schemas_agreement import AgreementIn, AgreementOut, ConsensusIn, TestsOut, agreement_csv
from backend.api.schemas_jobs import Job
from backend.services.agreements import DEFAULT_TOLERANCE_MM

router = APIRouter(prefix="/api", tags=["review"])

ToleranceQuery = Annotated[float, Query(gt=0, le=100, description="Surfaces so near to each other agree, in mm")]


@router.get("/cases/{case_id}/agreement", operation_id="get_case_agreement")
def get_case_agreement(
    case_id: UUID, user: CurrentUser, s: ServicesDep, tolerance_mm: ToleranceQuery = DEFAULT_TOLERANCE_MM
) -> AgreementOut:
    """Between the blind readers of a case, for those who review it."""
    return AgreementOut.of(s.agreements.of_case(user, case_id, tolerance_mm), tolerance_mm)


@router.get("/projects/{project_id}/agreement", operation_id="get_agreement")
def get_agreement(
    project_id: UUID, user: CurrentUser, s: ServicesDep, tolerance_mm: ToleranceQuery = DEFAULT_TOLERANCE_MM
) -> AgreementOut:
    """Between the blind readers of all cases, and the means by label and pair of people."""
    return AgreementOut.of(s.agreements.of_project(user, project_id, tolerance_mm), tolerance_mm)


@router.get(
    "/projects/{project_id}/agreement.csv",
    operation_id="get_agreement_csv",
    response_class=Response,
    responses={200: {"content": {"text/csv": {}}}},
)
def get_agreement_csv(
    project_id: UUID, user: CurrentUser, s: ServicesDep, tolerance_mm: ToleranceQuery = DEFAULT_TOLERANCE_MM
) -> Response:
    """The same as a table, a line for each pair of masks."""
    headers = {"Content-Disposition": 'attachment; filename="agreement.csv"'}
    found = s.agreements.of_project(user, project_id, tolerance_mm)
    return Response(agreement_csv(found, tolerance_mm), media_type="text/csv", headers=headers)


@router.post("/projects/{project_id}/agreement", operation_id="start_agreement", status_code=202)
def start_agreement(project_id: UUID, body: AgreementIn, user: CurrentUser, s: ServicesDep) -> Job:
    """Compute what is missing or has changed, of readers and of tests against gold cases."""
    return Job.of(s.agreements.start(user, project_id, body.tolerance_mm))


@router.get("/projects/{project_id}/tests", operation_id="get_tests")
def get_tests(
    project_id: UUID, user: CurrentUser, s: ServicesDep, tolerance_mm: ToleranceQuery = DEFAULT_TOLERANCE_MM
) -> TestsOut:
    """How near each person came to the gold cases that were hidden in their queue, for managers."""
    return TestsOut.of(s.agreements.tests(user, project_id, tolerance_mm), tolerance_mm)


@router.post("/cases/{case_id}/consensus", operation_id="start_consensus", status_code=202)
def start_consensus(case_id: UUID, body: ConsensusIn, user: CurrentUser, s: ServicesDep) -> Job:
    """Propose to the caller, who reviews the case, one mask out of what these readers drew. The proposals are then
    among the caller's own."""
    return Job.of(s.consensus.start(user, case_id, body.method, body.reader_ids))
