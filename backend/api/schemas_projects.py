"""Projects, labels and members on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from backend.api.schemas_base import Schema
from backend.api.schemas_people import Person
from backend.db import tables
from backend.domain.annotation import Code
from backend.domain.label_rules import LabelRules
from backend.domain.privacy import Privacy
from backend.domain.windows import ModalityWindows, ProjectWindows
from backend.domain.workflow import CaseState, Role
from backend.services.projects import NO_RULES, LabelDraft, ProjectView, code_of


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
    group: str = Field(default="", description="Labels of one group stand together")
    rules: LabelRules = Field(default=NO_RULES, description="Checked when a case is submitted")

    def to_domain(self) -> LabelDraft:
        return LabelDraft(self.name, self.color, self.value, _code(self.code), self.shortcut, self.group, self.rules)


_NEVER_NULL = ("name", "color", "group", "rules")


class LabelPatch(Schema):
    name: str | None = None
    color: str | None = None
    code: CodeValue | None = None
    shortcut: str | None = None
    group: str | None = None
    rules: LabelRules | None = None
    warm_start_id: UUID | None = Field(default=None, description="Learned prompt that the next cases start from")

    def changes(self) -> dict[str, Any]:
        """Only what was sent; null clears `code`, `shortcut` and `warm_start_id`."""
        sent = {name: getattr(self, name) for name in self.model_fields_set}
        if "code" in sent:
            sent["code"] = _code(self.code)
        return {name: value for name, value in sent.items() if value is not None or name not in _NEVER_NULL}


class Label(Schema):
    id: UUID
    name: str
    color: str
    value: int
    code: CodeValue | None
    shortcut: str | None
    group: str
    rules: LabelRules
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
            group=row.group_name,
            rules=LabelRules.model_validate(row.rules),
            warm_start_id=row.warm_start_id,
        )


class ProjectIn(Schema):
    name: str
    description: str = ""
    labels: list[LabelIn] = Field(default=[])
    privacy: Privacy = Field(default=Privacy.RETAIN_UIDS, description="How images are de-identified on their way in")
    keep_originals: bool = Field(default=True, description="Keep the files that images are read from, not voxels alone")
    exclusive_labels: bool = Field(default=False, description="A voxel belongs to one label at most")


class ProjectPatch(Schema):
    name: str | None = None
    description: str | None = None
    archived: bool | None = None
    own_cases_only: bool | None = Field(default=None, description="Annotators see only what is assigned to them")
    exclusive_labels: bool | None = Field(default=None, description="A voxel belongs to one label at most")
    privacy: Privacy | None = Field(default=None, description="For images that come from now on")
    keep_originals: bool | None = Field(default=None, description="For images that come from now on")
    windows: ProjectWindows | None = Field(
        default=None, description="In place of all; by modality. For the eye: what the model sees stays as it is"
    )


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
    own_cases_only: bool
    exclusive_labels: bool
    privacy: Privacy
    keep_originals: bool
    windows: dict[str, ModalityWindows]
    role: Role
    labels: list[Label]
    label_set_version: int = Field(description="Every change of a label makes a new one")
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
            own_cases_only=project.own_cases_only,
            exclusive_labels=project.exclusive_labels,
            privacy=Privacy(project.privacy),
            keep_originals=project.keep_originals,
            windows=project.windows,
            role=view.role,
            labels=[Label.of(row) for row in view.labels],
            label_set_version=project.label_set_version,
            counts=ProjectCounts(
                cases=view.cases,
                volumes=view.volumes,
                by_state={CaseState(state): count for state, count in view.cases_by_state.items()},
            ),
        )


class ArchiveIn(Schema):
    """How to export a whole project."""

    images: bool = Field(default=True, description="With voxels and original files")
    masks: bool = Field(default=True, description="With every mask as NIfTI and, of DICOM images, as DICOM SEG")


class MemberIn(Schema):
    email: str
    role: Role | None = Field(description="null removes the member")


class MemberInvitationIn(Schema):
    email: str
    name: str
    role: Role


class MemberInvitation(Schema):
    token: str = Field(description="Shown this once. The login link is /login?token=TOKEN")
    expires_at: datetime | None


class Member(Schema):
    user: Person
    role: Role


def _code(code: CodeValue | None) -> Code | None:
    return Code(code.scheme, code.value, code.meaning) if code else None
