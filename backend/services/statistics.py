"""How much work a project was: by person, label and model, from what the pages counted (domain.telemetry) and the
history; how directly masks came about (services.effort); and the cases finished day by day.

All of it is summed by the database from what was counted annotation by annotation (services.work).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import distinct, func, select, tuple_
from sqlalchemy.orm import Session

from backend.db.session import Database
from backend.db.tables import Annotation, AnnotationEffort, AnnotationWork, AuditEvent, LabelRow, User, VolumeRow
from backend.domain.annotation import Origin
from backend.domain.workflow import Action, CaseState
from backend.services import work
from backend.services.access import Principal, require


@dataclass(frozen=True, slots=True)
class Sums:
    """`slices` counts slices that were changed, each once; `edits_after_model` slices that a model had drawn and a hand
    changed afterwards, of `slices_by_model`; `voxels_changed` what hands flipped there, of `voxels_by_model`; `seconds`
    is time without idling, as the page counted it."""

    revisions: int
    slices: int
    seconds: float
    clicks: int
    boxes: int
    strokes: int
    undos: int
    slices_by_model: int
    edits_after_model: int
    voxels_by_model: int
    voxels_changed: int


@dataclass(frozen=True, slots=True)
class Directness:
    """Slices with a mask that were submitted, and the points, boxes and strokes spent on them: in all, and until the
    mask was nearly what it ended as (domain.effort.NEARLY)."""

    slices: int
    seconds: float
    actions: int
    actions_until_nearly: int


@dataclass(frozen=True, slots=True)
class Work:
    """One person's work on one label."""

    person: User
    label: LabelRow
    cases: int
    sums: Sums
    effort: Directness | None
    """None: they submitted nothing of it"""


@dataclass(frozen=True, slots=True)
class Way:
    """What came about one way: by hand, by clicks, as proposals; `model` is empty where none answered."""

    origin: Origin
    model: str
    sums: Sums


@dataclass(frozen=True, slots=True)
class Day:
    """How many cases became submitted and accepted on a day (UTC)."""

    day: date
    submitted: int
    accepted: int


@dataclass(frozen=True, slots=True)
class ProjectStatistics:
    work: Sequence[Work]
    cases_of_person: dict[UUID, int]
    cases_of_label: dict[UUID, int]
    ways: Sequence[Way]
    days: Sequence[Day]
    pending: int
    """annotations that were not counted yet or changed since; asking again counts more of them"""


PersonLabel = tuple[UUID | None, UUID | None]
"""Whose numbers, and of which label; None: of all."""


class Statistics:
    def __init__(self, db: Database) -> None:
        self._db = db

    def of_project(self, who: Principal, project_id: UUID) -> ProjectStatistics:
        """For those who review."""
        with self._db.begin() as session:
            require(session, who, project_id, Action.REVIEW)
            pending = work.count(session, project_id)
            cases = _cases(session, project_id)
            return ProjectStatistics(
                work=_work(session, project_id, cases),
                cases_of_person={person: n for (person, label), n in cases.items() if person and not label},
                cases_of_label={label: n for (person, label), n in cases.items() if label and not person},
                ways=_ways(session, project_id),
                days=_days(session, project_id),
                pending=pending,
            )


_SUMS = (
    func.sum(AnnotationWork.revisions),
    func.sum(AnnotationWork.slices),
    func.sum(AnnotationWork.seconds),
    func.sum(AnnotationWork.clicks),
    func.sum(AnnotationWork.boxes),
    func.sum(AnnotationWork.strokes),
    func.sum(AnnotationWork.undos),
    func.sum(AnnotationWork.slices_by_model),
    func.sum(AnnotationWork.edits_after_model),
    func.sum(AnnotationWork.voxels_by_model),
    func.sum(AnnotationWork.voxels_changed),
)
"""The fields of Sums in their order."""


def _sums(row: Sequence[Any]) -> Sums:
    """The columns of _SUMS; Postgres sums of big numbers are decimals."""
    revisions, slices, seconds, *rest = row
    return Sums(int(revisions), int(slices), float(seconds), *(int(value) for value in rest))


def _work(session: Session, project_id: UUID, cases: Mapping[PersonLabel, int]) -> list[Work]:
    key = (AnnotationWork.author_id, AnnotationWork.label_id)
    rows = session.execute(select(*key, *_SUMS).where(AnnotationWork.project_id == project_id).group_by(*key)).all()
    people = {user.id: user for user in session.scalars(select(User).where(User.id.in_({row[0] for row in rows})))}
    labels = {label.id: label for label in session.scalars(select(LabelRow).where(LabelRow.project_id == project_id))}
    efforts = _efforts(session, project_id)
    found = [
        Work(people[person], labels[label], cases[person, label], _sums(numbers), efforts.get((person, label)))
        for person, label, *numbers in rows
    ]
    return sorted(found, key=lambda one: (one.person.name, one.person.id, one.label.value))


def _efforts(session: Session, project_id: UUID) -> dict[tuple[UUID, UUID], Directness]:
    """(annotator, label) -> their sums."""
    rows = session.execute(
        select(
            Annotation.annotator_id,
            Annotation.label_id,
            func.sum(AnnotationEffort.slices),
            func.sum(AnnotationEffort.seconds),
            func.sum(AnnotationEffort.actions),
            func.sum(AnnotationEffort.actions_until_nearly),
        )
        .join(Annotation, Annotation.id == AnnotationEffort.annotation_id)
        .join(VolumeRow, VolumeRow.id == Annotation.volume_id)
        .where(VolumeRow.project_id == project_id)
        .group_by(Annotation.annotator_id, Annotation.label_id)
    )
    return {(row[0], row[1]): Directness(*row[2:]) for row in rows}


def _cases(session: Session, project_id: UUID) -> dict[PersonLabel, int]:
    """How many cases a person drew a label in; without a label, drew in; without a person, the label was drawn in."""
    key = (AnnotationWork.author_id, AnnotationWork.label_id)
    drawn = select(AnnotationWork.case_id, *key).where(AnnotationWork.project_id == project_id).distinct().subquery()
    person, label = drawn.c.author_id, drawn.c.label_id
    sets = func.grouping_sets(tuple_(person, label), tuple_(person), tuple_(label))
    rows = session.execute(select(person, label, func.count(distinct(drawn.c.case_id))).group_by(sets))
    return {(person_id, label_id): count for person_id, label_id, count in rows}


def _ways(session: Session, project_id: UUID) -> list[Way]:
    key = (AnnotationWork.origin, AnnotationWork.model)
    rows = session.execute(
        select(*key, *_SUMS).where(AnnotationWork.project_id == project_id).group_by(*key).order_by(*key)
    )
    return [Way(Origin(origin), model, _sums(numbers)) for origin, model, *numbers in rows]


def _days(session: Session, project_id: UUID) -> list[Day]:
    """From the audit log, which records every change of state as [before, after]."""
    day = func.date(func.timezone("UTC", AuditEvent.at)).label("day")
    became = AuditEvent.detail["state"][1].astext
    rows = session.execute(
        select(
            day,
            func.count().filter(became == CaseState.SUBMITTED),
            func.count().filter(became == CaseState.ACCEPTED),
        )
        .where(
            AuditEvent.project_id == project_id,
            AuditEvent.action == "case.changed",
            became.in_([str(CaseState.SUBMITTED), str(CaseState.ACCEPTED)]),
        )
        .group_by(day)
        .order_by(day)
    )
    return [Day(*row) for row in rows]
