"""Background jobs and the state of the installation on the wire. Jobs that learn are in schemas_learning."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from backend.api.errors import status_of_record
from backend.api.schemas_base import Schema
from backend.db import tables
from backend.domain.jobs import ExportFormat, JobKind, JobState


class ExportJobIn(Schema):
    """POST /api/jobs with kind `export`."""

    kind: Literal["export"]
    case_id: UUID
    format: ExportFormat
    annotator_id: UUID | None = Field(default=None, description="Whose masks; null: one's own")


class JobProblem(BaseModel):
    """Why a job failed: problem details, with the HTTP status that a request would have got."""

    type: str
    title: str
    code: str
    detail: str
    hint: str | None = None
    context: dict[str, Any] | None = None
    status: int | None = None

    @classmethod
    def of(cls, record: dict[str, Any]) -> JobProblem:
        return cls.model_validate({**record, "status": status_of_record(record)})


class Job(Schema):
    id: UUID
    kind: JobKind
    state: JobState
    project_id: UUID | None
    volume_id: UUID | None = Field(description="Of jobs that learn on a volume")
    label_id: UUID | None = Field(description="Of jobs that learn")
    progress: float
    message: str = Field(description="What goes on: a code like `learning` that pages translate, or a sentence")
    message_params: dict[str, int] = Field(description="Numbers that go with the code")
    result: dict[str, Any] | None
    problem: JobProblem | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, row: tables.Job) -> Job:
        return cls(
            id=row.id,
            kind=JobKind(row.kind),
            state=JobState(row.state),
            project_id=row.project_id,
            volume_id=row.payload.get("volume_id"),
            label_id=row.payload.get("label_id"),
            progress=row.progress,
            message=row.message,
            message_params=row.message_params,
            result=row.result,
            problem=JobProblem.of(row.problem) if row.problem else None,
            created_at=row.created_at,
            started_at=row.started_at,
            finished_at=row.finished_at,
        )


class SystemProblem(Schema):
    code: str
    detail: str
    hint: str


class SystemOut(Schema):
    version: str
    database: Literal["ok", "down"]
    redis: Literal["ok", "down"]
    cache: Literal["ok", "down"]
    workers: dict[str, int]
    model: str
    problems: list[SystemProblem]
