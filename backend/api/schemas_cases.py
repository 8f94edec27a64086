"""Cases on the wire."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from backend.api.schemas_base import Schema
from backend.api.schemas_people import Person
from backend.api.schemas_volumes import pixels_name
from backend.db import tables
from backend.domain.reading import MOST_READERS
from backend.domain.workflow import CaseState
from backend.imaging.dicom.text_risk import TextRisk
from backend.services.case_dealing import CaseChange
from backend.services.case_finding import CaseFilter
from backend.services.case_views import CaseView
from backend.services.cases import CasePlace, Refusal
from backend.services.leases import LeaseView
from backend.services.readings import ReadingView

Priority = Annotated[int, Field(ge=-100, le=100)]


class VolumeBrief(Schema):
    id: UUID
    name: str
    modality: str
    shape_kji: tuple[int, int, int]
    pixels: str = Field(description="Names the voxels as they are now; `v` of the slices' addresses")
    warnings: list[str]
    text_risk: TextRisk | None = Field(description="Its pixels may show text of the patient, and nobody has looked")

    @classmethod
    def of(cls, row: tables.VolumeRow) -> VolumeBrief:
        return cls(
            id=row.id,
            name=row.name,
            modality=row.modality,
            shape_kji=(row.slices, row.rows, row.columns),
            pixels=pixels_name(row.voxels_hash),
            warnings=row.warnings,
            text_risk=TextRisk(row.warns_of_text) if row.warns_of_text else None,
        )


class ReadingOut(Schema):
    """One person's blind reading of a case."""

    reader: Person
    state: CaseState
    submitted_at: datetime | None

    @classmethod
    def of(cls, view: ReadingView) -> ReadingOut:
        reading = view.reading
        return cls(reader=Person.of(view.reader), state=CaseState(reading.state), submitted_at=reading.submitted_at)


class Case(Schema):
    id: UUID
    project_id: UUID
    name: str
    state: CaseState
    priority: int = Field(description="More is sooner")
    due_on: date | None
    modality: str
    created_at: datetime
    updated_at: datetime
    assignee: Person | None
    opened_by: Person | None = Field(description="Has it open right now")
    study: dict[str, Any]
    volumes: list[VolumeBrief]
    annotated_slices: int
    readings: list[ReadingOut] = Field(description="For who reviews: everybody who reads the case blind")
    gold: bool = Field(description="For who reviews: readers are tested against its result")
    result_by: Person | None = Field(description="For who reviews: whose masks were accepted")

    @classmethod
    def of(cls, view: CaseView) -> Case:
        case = view.case
        return cls(
            id=case.id,
            project_id=case.project_id,
            name=case.name,
            state=view.state,
            priority=case.priority,
            due_on=case.due_on,
            modality="/".join(sorted({volume.modality for volume in case.volumes})),
            created_at=case.created_at,
            updated_at=case.updated_at,
            assignee=Person.of(view.assignee) if view.assignee else None,
            opened_by=Person.of(view.opened_by) if view.opened_by else None,
            study=case.study,
            volumes=[VolumeBrief.of(volume) for volume in case.volumes],
            annotated_slices=view.annotated_slices,
            readings=[ReadingOut.of(reading) for reading in view.readings],
            gold=view.is_gold,
            result_by=Person.of(view.result_by) if view.result_by else None,
        )


class CasePatch(Schema):
    state: CaseState | None = None
    confirmed: bool = Field(default=False, description="Submit although rules of labels that only warn are broken")
    assignee_id: UUID | None = None
    priority: Priority | None = None
    due_on: date | None = None
    name: str | None = None
    result_by_id: UUID | None = Field(default=None, description="With the state `accepted`: whose masks count")

    def changes(self) -> dict[str, Any]:
        """Only what was sent; a null assignee unassigns, a null date clears it."""
        sent = {name: getattr(self, name) for name in self.model_fields_set}
        return {name: value for name, value in sent.items() if value is not None or name in ("assignee_id", "due_on")}


class CaseFilterIn(Schema):
    state: CaseState | None = None
    assignee: UUID | Literal["nobody", "left"] | None = None
    label_id: UUID | None = None
    search: str | None = None
    overdue: bool = False

    def to_domain(self) -> CaseFilter:
        return CaseFilter(self.state, self.assignee, self.label_id, self.search, self.overdue)


class CasesPatch(Schema):
    """Change the cases named, or all that match the filter. What is null stays as it is."""

    cases: Annotated[list[UUID], Field(max_length=10_000)] | None = None
    filter: CaseFilterIn = CaseFilterIn()
    assign_to: list[UUID] | None = Field(
        default=None, description="Dealt out so that everybody's open cases become even; [] unassigns"
    )
    readers: int = Field(
        default=1, ge=1, le=MOST_READERS, description="From 2 on: so many of `assign_to` read each case blind"
    )
    gold: bool | None = Field(default=None, description="Accepted cases are what readers are tested against, or not")
    text_checked: bool | None = Field(
        default=None, description="Somebody looked at the pixels and found no text that names a patient, or nobody did"
    )
    test: list[UUID] | None = Field(
        default=None, description="Gold cases come into these people's queues and look like any other"
    )
    priority: Priority | None = None
    due_on: date | None = None
    clear_due: bool = False
    state: CaseState | None = None

    def chosen(self) -> CaseFilter | list[UUID]:
        return self.filter.to_domain() if self.cases is None else self.cases

    def to_domain(self) -> CaseChange:
        return CaseChange(
            assign_to=self.assign_to,
            readers=self.readers,
            gold=self.gold,
            text_checked=self.text_checked,
            test=self.test,
            priority=self.priority,
            due_on=self.due_on,
            clear_due=self.clear_due,
            state=self.state,
        )


class RefusedCase(Schema):
    case_id: UUID
    name: str
    code: str
    detail: str
    hint: str | None

    @classmethod
    def of(cls, refusal: Refusal) -> RefusedCase:
        case, error = refusal.case, refusal.error
        return cls(case_id=case.id, name=case.name, code=error.code, detail=error.detail, hint=error.hint)


class CasesChanged(Schema):
    changed: int
    refused: list[RefusedCase]


class PlaceOut(Schema):
    index: int = Field(description="From 0, among the cases that the caller sees, the newest first")
    total: int
    previous_id: UUID | None
    next_id: UUID | None

    @classmethod
    def of(cls, place: CasePlace) -> PlaceOut:
        return cls(index=place.index, total=place.total, previous_id=place.previous_id, next_id=place.next_id)


class WorkItem(Schema):
    """A case in the caller's queue."""

    case: Case
    project_name: str


class LeaseIn(Schema):
    take_over: bool = False


class LeaseOut(Schema):
    holder: Person
    mine: bool
    expires_at: datetime

    @classmethod
    def of(cls, lease: LeaseView) -> LeaseOut:
        return cls(holder=Person.of(lease.holder), mine=lease.is_mine, expires_at=lease.expires_at)
