"""Evaluations on the wire: what to measure, what was measured, what its report consists of."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, TypeVar
from uuid import UUID

from pydantic import Field

from backend.api.schemas_base import Schema
from backend.api.schemas_jobs import JobProblem
from backend.domain.evaluation import (
    MAX_CASES,
    MAX_LABELS,
    Baseline,
    EvaluatePayload,
    EvaluationResult,
    GeneratorName,
    Prompt,
    Protocol,
    Scheme,
)
from backend.domain.jobs import JobState
from backend.domain.workflow import CaseState
from backend.services.evaluations import Candidate, EvaluationView

_T = TypeVar("_T")

Counts = Annotated[list[Annotated[int, Field(ge=1, le=64)]], Field(min_length=1, max_length=8)]


class EvaluationSettings(Schema):
    """What is measured and how; the words of `sammed evaluate`. What the protocol does not use is not looked at."""

    case_ids: list[UUID] = Field(min_length=1, max_length=MAX_CASES)
    label_ids: list[UUID] = Field(min_length=1, max_length=MAX_LABELS)
    protocol: Protocol
    unfinished_cases: bool = Field(
        default=False, description="Also cases that are neither submitted nor accepted; `assist` only"
    )
    model: str | None = Field(default=None, description="null: the installation's")
    slices: Counts = Field(default=[2, 5], description="Numbers of annotated slices")
    repeats: int = Field(default=1, ge=1, le=20, description="Each with other annotated slices and prompts")
    seed: int = Field(default=0, ge=0, lt=2**31)
    test_slices: int | None = Field(default=20, ge=1, description="At most so many of a case; null: all")
    points: Counts = Field(default=[1, 3, 5, 10], description="Of `assist`: points for each instance")
    prompts: list[Prompt] = Field(default=["points", "boxes", "composite"], min_length=1, description="Of `assist`")
    schemes: list[Scheme] = Field(default=["uniform"], min_length=1, description="Of `assist`: how points are drawn")
    baselines: list[Baseline] = Field(
        default=["grabcut", "random_walker", "region_growing"], description="Of `assist`: what stands beside it"
    )
    generators: list[GeneratorName] = Field(
        default=["interpolation", "propagation", "classification", "sapnet"], min_length=1, description="Of `auto`"
    )


class EvaluateJobIn(EvaluationSettings):
    """POST /api/jobs with kind `evaluate`: the protocol of the paper on the project's accepted masks."""

    kind: Literal["evaluate"]
    project_id: UUID

    def to_payload(self) -> EvaluatePayload:
        return EvaluatePayload(
            project_id=self.project_id,
            case_ids=_once(self.case_ids),
            label_ids=_once(self.label_ids),
            protocol=self.protocol,
            unfinished_cases=self.unfinished_cases,
            model=self.model,
            slices=_once(self.slices),
            repeats=self.repeats,
            seed=self.seed,
            test_slices=self.test_slices,
            points=_once(self.points),
            prompts=_once(self.prompts),
            schemes=_once(self.schemes),
            baselines=_once(self.baselines),
            generators=_once(self.generators),
        )


class EvaluationLabel(Schema):
    label_id: UUID
    slices: int = Field(description="Slices with a mask, of all volumes of the case")


class EvaluationCase(Schema):
    """A case with masks to measure against."""

    id: UUID
    name: str
    state: CaseState
    pictures: bool = Field(description="Single pictures: those of all chosen cases are measured together")
    labels: list[EvaluationLabel]

    @classmethod
    def of(cls, found: Candidate) -> EvaluationCase:
        return cls(
            id=found.case.id,
            name=found.case.name,
            state=CaseState(found.case.state),
            pictures=found.pictures,
            labels=[EvaluationLabel(label_id=label.label_id, slices=label.slices) for label in found.labels],
        )


class Evaluation(Schema):
    """One measurement. `result` is there when it is done; its files are under /api/evaluations/{id}/files/{name}."""

    id: UUID
    project_id: UUID
    state: JobState
    author: str
    progress: float
    message: str = Field(description="What goes on: a code like `measuring`")
    message_params: dict[str, int] = Field(description="Numbers that go with the code")
    settings: EvaluationSettings
    result: EvaluationResult | None
    problem: JobProblem | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, view: EvaluationView) -> Evaluation:
        job = view.job
        asked = EvaluatePayload.model_validate(job.payload)
        return cls(
            id=job.id,
            project_id=asked.project_id,
            state=JobState(job.state),
            author=view.author,
            progress=job.progress,
            message=job.message,
            message_params=job.message_params,
            settings=EvaluationSettings.model_validate(asked.model_dump(exclude={"project_id"})),
            result=EvaluationResult.model_validate(job.result) if job.result else None,
            problem=JobProblem.of(job.problem) if job.problem else None,
            created_at=job.created_at,
            started_at=job.started_at,
            finished_at=job.finished_at,
        )


def _once(items: list[_T]) -> tuple[_T, ...]:
    """Each item once, in order."""
    return tuple(dict.fromkeys(items))
