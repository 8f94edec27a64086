"""Cases on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from backend.api.schemas_base import Schema
from backend.api.schemas_people import Person
from backend.db import tables
from backend.domain.workflow import CaseState
from backend.services.cases import CaseView


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
