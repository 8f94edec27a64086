"""Statistics of a project on the wire, as JSON and as CSV."""

from __future__ import annotations

import csv
import io
from datetime import date
from uuid import UUID

from pydantic import Field

from backend.api.schemas_base import Schema
from backend.api.schemas_people import Person
from backend.api.schemas_projects import Label
from backend.services.effort import CaseEffort
from backend.services.statistics import Day, ProjectStatistics, Work


class WorkOut(Schema):
    """One person's work on one label."""

    person: Person
    label: Label
    cases: int
    slices: int = Field(description="Changed at least once")
    revisions: int
    edits_after_model: int = Field(description="Changes by hand of a slice that a model had drawn last")
    seconds: float = Field(description="Worked, without idle time")
    clicks: int
    boxes: int
    strokes: int
    undos: int

    @classmethod
    def of(cls, work: Work) -> WorkOut:
        return cls(
            person=Person.of(work.person),
            label=Label.of(work.label),
            cases=work.cases,
            slices=work.slices,
            revisions=work.revisions,
            edits_after_model=work.edits_after_model,
            seconds=round(work.seconds, 1),
            clicks=work.clicks,
            boxes=work.boxes,
            strokes=work.strokes,
            undos=work.undos,
        )


class DayOut(Schema):
    day: date
    submitted: int
    accepted: int

    @classmethod
    def of(cls, day: Day) -> DayOut:
        return cls(day=day.day, submitted=day.submitted, accepted=day.accepted)


class StatisticsOut(Schema):
    work: list[WorkOut]
    days: list[DayOut]

    @classmethod
    def of(cls, found: ProjectStatistics) -> StatisticsOut:
        return cls(work=[WorkOut.of(work) for work in found.work], days=[DayOut.of(day) for day in found.days])


class SliceEffortOut(Schema):
    volume_id: UUID
    label_id: UUID
    annotator_id: UUID
    slice: int
    seconds: float
    actions: int = Field(description="Points, boxes and strokes")
    actions_until_nearly: int = Field(description="Until the mask had Dice 0.9 with the final one; 0: as proposed")


class EffortOut(Schema):
    seconds: float = Field(description="Time without idling, of all slices")
    slices: list[SliceEffortOut] = Field(description="Slices that have a mask in the end")

    @classmethod
    def of(cls, found: CaseEffort) -> EffortOut:
        return cls(
            seconds=found.seconds,
            slices=[
                SliceEffortOut(
                    volume_id=one.volume_id,
                    label_id=one.label_id,
                    annotator_id=one.annotator_id,
                    slice=one.slice_index,
                    seconds=one.seconds,
                    actions=one.actions,
                    actions_until_nearly=one.actions_until_nearly,
                )
                for one in found.slices
            ],
        )


_COUNTS = ("cases", "slices", "revisions", "edits_after_model", "seconds", "clicks", "boxes", "strokes", "undos")


def work_csv(found: ProjectStatistics) -> str:
    """A line for each person and label. A name that a spreadsheet would take for a formula gets an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["person", "email", "label", *_COUNTS])
    for row in (WorkOut.of(work) for work in found.work):
        names = (row.person.name, row.person.email, row.label.name)
        writer.writerow([*(plain(name) for name in names), *(getattr(row, name) for name in _COUNTS)])
    return text.getvalue()


def plain(name: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{name}" if name[:1] in ("=", "+", "-", "@", "\t", "\r") else name
