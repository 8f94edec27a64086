"""Everything on the wire, as OpenAPI shows it. snake_case, UUIDs, UTC ISO-8601.

Voxel coordinates: x = column, y = row of the acquisition plane, integers at pixel centres. Masks: COCO compressed RLE.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from backend.db import tables
from backend.domain.annotation import Code, Origin, RevisionDraft, SliceFlips
from backend.domain.jobs import JobKind, JobState
from backend.domain.learning import PromptSource
from backend.domain.prompts import MaskPrompt, PointPrompt, PromptSet
from backend.domain.telemetry import Telemetry
from backend.domain.workflow import CaseState, Role
from backend.services.annotations import AnnotationView, Appended, Masks
from backend.services.cases import CaseView
from backend.services.learned_prompts import UsedPrompt
from backend.services.projects import LabelDraft, ProjectView, code_of
from backend.services.segmentation import Encodings, Prediction
from backend.services.volumes import VolumeView

Item = TypeVar("Item")


class Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class Page(Schema, Generic[Item]):
    items: list[Item]
    next_cursor: str | None = None


# -- people -----------------------------------------------------------------------------------------------------------
class LoginIn(Schema):
    email: str
    password: str


class OneTimeIn(Schema):
    token: str


class PasswordIn(Schema):
    password: str
    current_password: str | None = None


class Me(Schema):
    id: UUID
    email: str
    name: str
    is_admin: bool
    must_set_password: bool
    auto_learn: bool = Field(description="Learning starts by itself once a label has two annotated slices")

    @classmethod
    def of(cls, user: tables.User) -> Me:
        return cls(
            id=user.id,
            email=user.email,
            name=user.name,
            is_admin=user.is_admin,
            must_set_password=user.password_hash is None,
            auto_learn=user.auto_learn,
        )


class MePatch(Schema):
    auto_learn: bool


class TokenIn(Schema):
    name: str = Field(max_length=120)
    expires_at: datetime | None = None


class Token(Schema):
    id: UUID
    name: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None

    @classmethod
    def of(cls, row: tables.Credential) -> Token:
        return cls(
            id=row.id,
            name=row.name,
            created_at=row.created_at,
            expires_at=row.expires_at,
            last_used_at=row.last_used_at,
        )


class NewToken(Token):
    token: str = Field(description="Shown this once; only its hash is kept.")


class Person(Schema):
    id: UUID
    name: str
    email: str

    @classmethod
    def of(cls, user: tables.User) -> Person:
        return cls(id=user.id, name=user.name, email=user.email)


# -- projects ---------------------------------------------------------------------------------------------------------
class CodeValue(Schema):
    scheme: str = Field(description="Coding scheme designator, e.g. SCT", max_length=16)
    value: str = Field(max_length=64)
    meaning: str = Field(max_length=64)


class LabelIn(Schema):
    name: str
    color: str = Field(description="#rrggbb")
    value: int | None = Field(default=None, ge=1, le=255, description="Voxel value on export; the lowest free one.")
    code: CodeValue | None = None
    shortcut: str | None = None

    def to_domain(self) -> LabelDraft:
        return LabelDraft(self.name, self.color, self.value, _code(self.code), self.shortcut)


class LabelPatch(Schema):
    name: str | None = None
    color: str | None = None
    code: CodeValue | None = None
    shortcut: str | None = None
    warm_start_id: UUID | None = Field(default=None, description="Learned prompt that the next cases start from")

    def changes(self) -> dict[str, Any]:
        """Only what was sent; null clears `code`, `shortcut` and `warm_start_id`."""
        sent = {name: getattr(self, name) for name in self.model_fields_set}
        if "code" in sent:
            sent["code"] = _code(self.code)
        return {name: value for name, value in sent.items() if value is not None or name not in ("name", "color")}


class Label(Schema):
    id: UUID
    name: str
    color: str
    value: int
    code: CodeValue | None
    shortcut: str | None
    warm_start_id: UUID | None

    @classmethod
    def of(cls, row: tables.LabelRow) -> Label:
        code = code_of(row)
        return cls(
            id=row.id,
            name=row.name,
            color=row.color,
            value=row.value,
            code=CodeValue(scheme=code.scheme, value=code.value, meaning=code.meaning) if code else None,
            shortcut=row.shortcut,
            warm_start_id=row.warm_start_id,
        )


class ProjectIn(Schema):
    name: str
    description: str = ""
    labels: list[LabelIn] = []


class ProjectPatch(Schema):
    name: str | None = None
    description: str | None = None
    archived: bool | None = None


class ProjectCounts(Schema):
    cases: int
    volumes: int
    by_state: dict[CaseState, int]


class Project(Schema):
    id: UUID
    name: str
    description: str
    created_at: datetime
    archived: bool
    role: Role
    labels: list[Label]
    counts: ProjectCounts

    @classmethod
    def of(cls, view: ProjectView) -> Project:
        project = view.project
        return cls(
            id=project.id,
            name=project.name,
            description=project.description,
            created_at=project.created_at,
            archived=project.archived_at is not None,
            role=view.role,
            labels=[Label.of(row) for row in view.labels],
            counts=ProjectCounts(
                cases=view.cases,
                volumes=view.volumes,
                by_state={CaseState(state): count for state, count in view.cases_by_state.items()},
            ),
        )


class MemberIn(Schema):
    email: str
    role: Role | None = Field(description="null removes the member")


class Member(Schema):
    user: Person
    role: Role


# -- cases and volumes ------------------------------------------------------------------------------------------------
class VolumeBrief(Schema):
    id: UUID
    name: str
    modality: str
    shape_kji: tuple[int, int, int]
    warnings: list[str]

    @classmethod
    def of(cls, row: tables.VolumeRow) -> VolumeBrief:
        return cls(
            id=row.id,
            name=row.name,
            modality=row.modality,
            shape_kji=(row.slices, row.rows, row.columns),
            warnings=row.warnings,
        )


class Case(Schema):
    id: UUID
    project_id: UUID
    name: str
    state: CaseState
    priority: int
    modality: str
    created_at: datetime
    updated_at: datetime
    assignee: Person | None
    study: dict[str, Any]
    volumes: list[VolumeBrief]
    annotated_slices: int

    @classmethod
    def of(cls, view: CaseView) -> Case:
        case = view.case
        return cls(
            id=case.id,
            project_id=case.project_id,
            name=case.name,
            state=CaseState(case.state),
            priority=case.priority,
            modality="/".join(sorted({volume.modality for volume in case.volumes})),
            created_at=case.created_at,
            updated_at=case.updated_at,
            assignee=Person.of(view.assignee) if view.assignee else None,
            study=case.study,
            volumes=[VolumeBrief.of(volume) for volume in case.volumes],
            annotated_slices=view.annotated_slices,
        )


class CasePatch(Schema):
    state: CaseState | None = None
    assignee_id: UUID | None = None
    priority: int | None = Field(default=None, ge=-100, le=100)
    name: str | None = None

    def changes(self) -> dict[str, Any]:
        """Only what was sent; a null assignee unassigns."""
        sent = {name: getattr(self, name) for name in self.model_fields_set}
        return {name: value for name, value in sent.items() if value is not None or name == "assignee_id"}


class WindowValue(Schema):
    name: str = ""
    width: float
    center: float


class Volume(Schema):
    id: UUID
    case_id: UUID
    project_id: UUID
    name: str
    modality: str
    shape_kji: tuple[int, int, int]
    spacing_kji_mm: tuple[float, float, float]
    axis_letters: tuple[str, str, str] = Field(description="Direction of growing k, j, i: L R P A S I")
    affine_lps: list[list[float]] = Field(description="4 x 4, (k, j, i, 1) -> (x, y, z, 1) in mm, LPS")
    voxel_volume_mm3: float
    dtype: str
    channels: int
    value_range: tuple[float, float]
    windows: list[WindowValue]
    model_window: WindowValue | None
    warnings: list[str]
    study: dict[str, Any]
    series: dict[str, Any]
    source_kind: str

    @classmethod
    def of(cls, view: VolumeView) -> Volume:
        row, geometry = view.volume, view.geometry
        shown = row.presentation
        return cls(
            id=row.id,
            case_id=row.case_id,
            project_id=row.project_id,
            name=row.name,
            modality=row.modality,
            shape_kji=geometry.shape_kji,
            spacing_kji_mm=geometry.spacing_kji_mm,
            axis_letters=geometry.axis_letters,
            affine_lps=geometry.affine_lps.tolist(),
            voxel_volume_mm3=geometry.voxel_volume_mm3,
            dtype=row.dtype,
            channels=row.channels,
            value_range=tuple(shown["value_range"]),
            windows=[WindowValue.model_validate(window) for window in shown["windows"]],
            model_window=WindowValue.model_validate(shown["model_window"]) if shown["model_window"] else None,
            warnings=row.warnings,
            study=view.case.study,
            series=row.series,
            source_kind=row.source.get("kind", ""),
        )


# -- the click --------------------------------------------------------------------------------------------------------
class Rle(Schema):
    """COCO compressed run lengths."""

    size: tuple[int, int] = Field(description="[rows, columns]")
    counts: str


class Point(Schema):
    x: float = Field(description="Column, 0 is the centre of the first")
    y: float = Field(description="Row, 0 is the centre of the first")
    positive: bool = True


class PredictionIn(Schema):
    slice: int
    label_id: UUID | None = None
    points: list[Point] = []
    box: tuple[float, float, float, float] | None = Field(default=None, description="[x0, y0, x1, y1], both inside")
    mask: Rle | None = Field(default=None, description="An earlier mask of the slice as a prompt")
    model: str | None = None
    learned_prompt: UUID | Literal["auto"] | None = Field(
        default="auto", description="`auto`: what is active for the label, if any; null: the plain model"
    )

    def to_domain(self) -> PromptSet:
        return PromptSet(
            points=tuple(PointPrompt(point.x, point.y, point.positive) for point in self.points),
            box_xyxy=self.box,
            mask=MaskPrompt(self.mask.size, self.mask.counts) if self.mask else None,
        )


class Milliseconds(Schema):
    total: float
    encode: float
    decode: float


class LearnedPromptUsed(Schema):
    """The learned prompt that answers, and why: `volume` and `pictures` were learned there, `warm_start` is kept by the
    project, `chosen` was named by the request."""

    id: UUID
    source: PromptSource
    gain: float = Field(description="Dice over the plain model on held-out slices, when it was learned")
    examples: int = Field(description="Slices that it was learned from")

    @classmethod
    def of(cls, used: UsedPrompt) -> LearnedPromptUsed:
        row = used.row
        return cls(id=row.id, source=used.source, gain=row.verdict["gain"], examples=len(row.provenance["examples"]))


class PredictionOut(Schema):
    mask: Rle
    score: float = Field(description="The model's own estimate of its IoU, 0 to 1")
    model: str
    learned_prompt: LearnedPromptUsed | None = Field(description="null: the plain model answered")
    cached: bool = Field(description="The slice was encoded before this click")
    ms: Milliseconds

    @classmethod
    def of(cls, prediction: Prediction) -> PredictionOut:
        return cls(
            mask=rle(prediction.mask),
            score=prediction.score,
            model=prediction.model,
            learned_prompt=LearnedPromptUsed.of(prediction.learned_prompt) if prediction.learned_prompt else None,
            cached=prediction.cached,
            ms=Milliseconds(total=prediction.total_ms, encode=prediction.encode_ms, decode=prediction.decode_ms),
        )


class EncodingsIn(Schema):
    slices: list[int]
    model: str | None = None


class EncodingsOut(Schema):
    model: str
    ready: list[int]
    queued: list[int]

    @classmethod
    def of(cls, encodings: Encodings) -> EncodingsOut:
        return cls(model=encodings.model, ready=list(encodings.ready), queued=list(encodings.queued))


class ModelOut(Schema):
    name: str
    default: bool
    checksum: str


# -- annotations ------------------------------------------------------------------------------------------------------
class AnnotationIn(Schema):
    id: UUID | None = None
    volume_id: UUID
    label_id: UUID


class Annotation(Schema):
    id: UUID
    volume_id: UUID
    label_id: UUID
    annotator: Person
    head: UUID | None
    sequence: int
    slices: list[int]

    @classmethod
    def of(cls, view: AnnotationView) -> Annotation:
        return cls(
            id=view.annotation.id,
            volume_id=view.annotation.volume_id,
            label_id=view.annotation.label_id,
            annotator=Person.of(view.annotator),
            head=view.head,
            sequence=view.sequence,
            slices=list(view.slices),
        )


class AnnotationMasks(Schema):
    head: UUID | None
    sequence: int
    slices: dict[int, Rle]

    @classmethod
    def of(cls, found: Masks) -> AnnotationMasks:
        return cls(head=found.head, sequence=found.sequence, slices={k: rle(m) for k, m in found.by_slice.items()})


class AnnotationSlice(Schema):
    head: UUID | None
    sequence: int
    mask: Rle


class RevisionSliceIn(Schema):
    slice: int
    flips: Rle


class RevisionIn(Schema):
    id: UUID = Field(description="Made by the client (UUIDv7): sending it again changes nothing")
    parent: UUID | None = Field(description="The newest revision the client knows; null for the first")
    origin: Origin
    slices: list[RevisionSliceIn]
    prompts: dict[str, Any] | None = None
    model: dict[str, Any] | None = None
    reverts: UUID | None = None
    telemetry: Telemetry = Telemetry()

    def to_domain(self) -> RevisionDraft:
        return RevisionDraft(
            id=self.id,
            parent=self.parent,
            origin=self.origin,
            slices=tuple(SliceFlips(s.slice, s.flips.size, s.flips.counts) for s in self.slices),
            prompts=self.prompts,
            model=self.model,
            reverts=self.reverts,
            telemetry=self.telemetry.to_json(),
        )


class RestoreIn(Schema):
    id: UUID
    sequence: int = Field(ge=0, description="Bring back the state after this revision; 0 is empty")
    parent: UUID | None


class Revision(Schema):
    id: UUID
    annotation_id: UUID
    sequence: int
    parent: UUID | None
    origin: Origin
    author: UUID
    created_at: datetime
    slices: list[int]
    flipped_voxels: int
    prompts: dict[str, Any] | None
    model: dict[str, Any] | None
    reverts: UUID | None
    telemetry: dict[str, Any]

    @classmethod
    def of(cls, row: tables.Revision, slices: list[tables.RevisionSlice]) -> Revision:
        return cls(
            id=row.id,
            annotation_id=row.annotation_id,
            sequence=row.sequence,
            parent=row.parent_id,
            origin=Origin(row.origin),
            author=row.author_id,
            created_at=row.created_at,
            slices=[change.slice_index for change in slices],
            flipped_voxels=sum(change.flipped_voxels for change in slices),
            prompts=row.prompts,
            model=row.model,
            reverts=row.reverts_id,
            telemetry=row.telemetry,
        )

    @classmethod
    def appended(cls, appended: Appended) -> Revision:
        return cls.of(appended.revision, list(appended.slices))


# -- jobs -------------------------------------------------------------------------------------------------------------
class ExportJobIn(Schema):
    """POST /api/jobs with kind `export`."""

    kind: Literal["export"]
    case_id: UUID
    format: Literal["nifti", "dicom-seg"]


class JobProblem(BaseModel):
    """Why a job failed: problem details without an HTTP status."""

    type: str
    title: str
    code: str
    detail: str
    hint: str | None = None
    context: dict[str, Any] | None = None


class Job(Schema):
    id: UUID
    kind: JobKind
    state: JobState
    project_id: UUID | None
    volume_id: UUID | None = Field(description="Of jobs that learn on a volume")
    label_id: UUID | None = Field(description="Of jobs that learn")
    progress: float
    message: str
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
            result=row.result,
            problem=JobProblem.model_validate(row.problem) if row.problem else None,
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


def rle(mask: Any) -> Rle:
    return Rle(size=(mask["size"][0], mask["size"][1]), counts=mask["counts"])


def _code(code: CodeValue | None) -> Code | None:
    return Code(code.scheme, code.value, code.meaning) if code else None
