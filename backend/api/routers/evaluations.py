"""Measuring the method on a project's accepted masks. An evaluation is started, watched and cancelled as a job is."""

from __future__ import annotations

from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from backend.api.deps import CurrentUser, ServicesDep
from backend.api.schemas_base import Page
from backend.api.schemas_evaluations import Evaluation, EvaluationCase
from backend.services.download import Download
from backend.services.evaluations import ARCHIVE

router = APIRouter(prefix="/api", tags=["evaluations"])


@router.get("/projects/{project_id}/evaluation-cases", operation_id="list_evaluation_cases")
def list_evaluation_cases(
    project_id: UUID, user: CurrentUser, s: ServicesDep, limit: int = 100, cursor: str | None = None
) -> Page[EvaluationCase]:
    """The cases with masks, and of each label on how many slices."""
    found = s.evaluations.candidates(user, project_id, limit=limit, cursor=cursor)
    return Page(items=[EvaluationCase.of(case) for case in found.items], next_cursor=found.next_cursor)


@router.get("/projects/{project_id}/evaluations", operation_id="list_evaluations")
def list_evaluations(
    project_id: UUID, user: CurrentUser, s: ServicesDep, limit: int = 50, cursor: str | None = None
) -> Page[Evaluation]:
    found = s.evaluations.of_project(user, project_id, limit=limit, cursor=cursor)
    return Page(items=[Evaluation.of(view) for view in found.items], next_cursor=found.next_cursor)


@router.get("/evaluations/{job_id}", operation_id="get_evaluation")
def get_evaluation(job_id: UUID, user: CurrentUser, s: ServicesDep) -> Evaluation:
    return Evaluation.of(s.evaluations.get(user, job_id))


@router.get("/evaluations/{job_id}/download", operation_id="download_evaluation", response_class=StreamingResponse)
def download_evaluation(job_id: UUID, user: CurrentUser, s: ServicesDep) -> StreamingResponse:
    """The whole report as a zip."""
    return _handed_out(s.evaluations.file(user, job_id, ARCHIVE), f"evaluation-{job_id}.zip")


@router.get(
    "/evaluations/{job_id}/files/{name:path}",
    operation_id="get_evaluation_file",
    response_class=StreamingResponse,
)
def get_evaluation_file(job_id: UUID, name: str, user: CurrentUser, s: ServicesDep) -> StreamingResponse:
    """One file of the report: report.md, results.csv, protocol.json, or a plot below plots/."""
    made = s.evaluations.file(user, job_id, name)
    return _handed_out(made, made.name)


def _handed_out(made: Download, name: str) -> StreamingResponse:
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}",  # pictures are shown all the same
        "Content-Length": str(made.size_bytes),
        "Cache-Control": "private, max-age=31536000, immutable",
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingResponse(made.chunks, media_type=made.media_type, headers=headers)
