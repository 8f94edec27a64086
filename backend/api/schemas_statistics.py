"""Statistics of a project on the wire, as JSON and as CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from datetime import date
from uuid import UUID

from pydantic import Field

from backend.api.schemas_base import Schema
from backend.api.schemas_people import Person
from backend.api.schemas_projects import Label
from backend.domain.annotation import Origin
from backend.domain.effort import NEARLY
from backend.services.effort import CaseEffort
from backend.services.statistics import Day, ProjectStatistics, Sums, Work


class SumsOut(Schema):
    revisions: int
    slices: int = Field(description="Changed at least once")
    seconds: float = Field(description="Worked, without idle time")
    clicks: int
    boxes: int
    strokes: int
    undos: int
    slices_by_model: int = Field(description="Slices that a model drew")
    edits_after_model: int = Field(description="Of these, slices that were changed by hand afterwards")
    voxels_by_model: int
    voxels_changed: int = Field(description="What hands flipped on these slices afterwards")

    @classmethod
    def of(cls, sums: Sums) -> SumsOut:
        return cls(**asdict(sums) | {"seconds": round(sums.seconds, 1)})


class DirectnessOut(Schema):
    """Of slices with a mask that were submitted."""

    slices: int
    seconds: float
    actions: int = Field(description="Points, boxes and strokes")
    actions_until_nearly: int = Field(description=f"Until the mask had a Dice of {NEARLY:g} with what was submitted")


class WorkOut(SumsOut):
    """One person's work on one label."""

    person: Person
    label: Label
    cases: int
    effort: DirectnessOut | None

    @classmethod
    def of_work(cls, work: Work) -> WorkOut:
        effort = DirectnessOut(**asdict(work.effort)) if work.effort else None
        return cls(
            person=Person.of(work.person),
            label=Label.of(work.label),
            cases=work.cases,
            effort=effort,
            **SumsOut.of(work.sums).model_dump(),
        )


class WayOut(SumsOut):
    """What came about one way."""

    origin: Origin
    model: str = Field(description="That answered; empty where none did")


class CountedOut(Schema):
    """How many cases somebody drew in, or a label was drawn in."""

    id: UUID
    cases: int


class DayOut(Schema):
    day: date
    submitted: int
    accepted: int

    @classmethod
    def of(cls, day: Day) -> DayOut:
        return cls(day=day.day, submitted=day.submitted, accepted=day.accepted)


class StatisticsOut(Schema):
    work: list[WorkOut]
    people: list[CountedOut]
    labels: list[CountedOut]
    ways: list[WayOut]
    days: list[DayOut]
    pending: int = Field(description="Annotations that are not counted yet; asking again counts more of them")

    @classmethod
    def of(cls, found: ProjectStatistics) -> StatisticsOut:
        return cls(
            work=[WorkOut.of_work(work) for work in found.work],
            people=[CountedOut(id=key, cases=cases) for key, cases in found.cases_of_person.items()],
            labels=[CountedOut(id=key, cases=cases) for key, cases in found.cases_of_label.items()],
            ways=[
                WayOut(origin=way.origin, model=way.model, **SumsOut.of(way.sums).model_dump()) for way in found.ways
            ],
            days=[DayOut.of(day) for day in found.days],
            pending=found.pending,
        )


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


_COUNTS = ("cases", *SumsOut.model_fields)
_EFFORT = ("slices", "actions", "actions_until_nearly")


def work_csv(found: ProjectStatistics) -> str:
    """A line for each person and label. A name that a spreadsheet would take for a formula gets an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["person", "email", "label", *_COUNTS, *(f"submitted_{name}" for name in _EFFORT)])
    for row in (WorkOut.of_work(work) for work in found.work):
        names = (row.person.name, row.person.email, row.label.name)
        effort = [getattr(row.effort, name) if row.effort else 0 for name in _EFFORT]
        writer.writerow([*(plain(name) for name in names), *(getattr(row, name) for name in _COUNTS), *effort])
    return text.getvalue()


def plain(name: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{name}" if name[:1] in ("=", "+", "-", "@", "\t", "\r") else name
