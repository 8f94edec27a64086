"""Measuring the method on a project's own accepted masks: what can be asked for, and the form of what is kept.

An evaluation has no table of its own: the job's payload says what was asked, its result what was found, and the report
lies in the object store under `evaluations/<job>/`. The words are those of the paper's protocol.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from backend.domain.workflow import CaseState
from backend.errors import Conflict, NotFound, Rejected

Protocol = Literal["assist", "auto", "ablation"]
Prompt = Literal["points", "boxes", "composite"]
Scheme = Literal["uniform", "center", "boundary"]
GeneratorName = Literal["interpolation", "propagation", "classification", "sapnet"]
Baseline = Literal["grabcut", "random_walker", "region_growing"]

FINISHED = (CaseState.SUBMITTED, CaseState.ACCEPTED)
"""In a case in one of these states every slice without a mask is a slice without the label."""

MAX_CASES = 100
MAX_LABELS = 32


class EvaluationMessage(StrEnum):
    """What an evaluation says while it runs, for the page to say in its language; the numbers are named in brackets."""

    READING_MASKS = "reading_masks"
    MEASURING = "measuring"
    """(unit, of, masks): labels of cases, counted from 1, and the masks that the model was asked for so far"""
    GIVING_WAY = "giving_way"
    """what an annotator waits for is learned first"""
    WRITING_REPORT = "writing_report"


class CannotEvaluate(Rejected):
    """What was chosen cannot be measured. Raised by services.evaluations; stored on the job by its worker."""

    code = "cannot_evaluate"
    title = "This cannot be measured"


class EvaluationUnfinished(Conflict):
    """The caller has an evaluation of this project that has not ended. Raised by services.evaluations."""

    code = "evaluation_unfinished"
    title = "An evaluation is under way"


class EvaluationNotFound(NotFound):
    """No such evaluation in the caller's projects, or no such file of it. Raised by services.evaluations."""

    code = "evaluation_not_found"
    title = "There is no such evaluation"


class EvaluatePayload(BaseModel):
    """What to measure, and on what. Which fields count depends on the protocol, as with `sammed evaluate`."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    project_id: UUID
    case_ids: tuple[UUID, ...]
    label_ids: tuple[UUID, ...]
    protocol: Protocol
    unfinished_cases: bool
    model: str | None = None
    """the installation's where none is named; filled in when the job is queued"""
    slices: tuple[int, ...]
    repeats: int
    seed: int
    test_slices: int | None
    points: tuple[int, ...]
    prompts: tuple[Prompt, ...]
    schemes: tuple[Scheme, ...]
    baselines: tuple[Baseline, ...]
    generators: tuple[GeneratorName, ...]


class ReportFile(BaseModel):
    """One file of a report. `name` is its path within the report."""

    model_config = ConfigDict(frozen=True)

    name: str
    media_type: str
    size_bytes: int


class Reference(BaseModel):
    """Whose mask the method was measured against: one label of one volume, as its newest revision left it."""

    model_config = ConfigDict(frozen=True)

    case_id: UUID
    volume_id: UUID
    label_id: UUID
    annotator_id: UUID
    revision_id: UUID
    slices: int


class MethodScore(BaseModel):
    """Mean Dice of one method under the setting that the list of evaluations shows."""

    model_config = ConfigDict(frozen=True)

    method: str
    dice: float


class EvaluationResult(BaseModel):
    """A job's result: what was measured with what, and what the report consists of."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    files: tuple[ReportFile, ...]
    scores: tuple[MethodScore, ...]
    setting: str = Field(description="Of the scores, in words: `1 point, 2 annotated slices`")
    measured: int = Field(description="Labels of cases")
    rows: int
    left_out: tuple[str, ...]
    seconds: float
    model: str
    model_checksum: str
    code_version: str
    code_commit: str | None
    references: tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class LabelMasks:
    """One label of a case that can be measured: on how many slices (of all volumes of the case) there is a mask."""

    label_id: UUID
    slices: int
