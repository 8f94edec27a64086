"""How much work a project was: by person and label, from what the pages counted (domain.telemetry) and the history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Float, Integer, Select, Subquery, cast, column, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from backend.db.session import Database
from backend.db.tables import Annotation, AuditEvent, LabelRow, Revision, RevisionSlice, User, VolumeRow
from backend.domain.annotation import Origin
from backend.domain.workflow import Action, CaseState
from backend.services.access import Principal, require

FROM_THE_MODEL = (Origin.SAM, Origin.ASSIST, Origin.AUTO, Origin.PROPAGATION)


@dataclass(frozen=True, slots=True)
class Work:
    """One person's work on one label. `slices` counts slices that were changed, each once; `edits_after_model` changes
    by hand of a slice whose change before came from a model; `seconds` is time without idling, as the page counted."""

    person: User
    label: LabelRow
    cases: int
    slices: int
    revisions: int
    edits_after_model: int
    seconds: float
    clicks: int
    boxes: int
    strokes: int
    undos: int


@dataclass(frozen=True, slots=True)
class Day:
    """How many cases became submitted and accepted on a day (UTC)."""

    day: date
    submitted: int
    accepted: int


@dataclass(frozen=True, slots=True)
class ProjectStatistics:
    work: Sequence[Work]
    days: Sequence[Day]


class Statistics:
    def __init__(self, db: Database) -> None:
        self._db = db

    def of_project(self, who: Principal, project_id: UUID) -> ProjectStatistics:
        """For those who review: the work, by person and label, and the cases finished day by day."""
        with self._db.begin() as session:
            require(session, who, project_id, Action.REVIEW)
            return ProjectStatistics(_work(session, project_id), _days(session, project_id))


def _work(session: Session, project_id: UUID) -> list[Work]:
    changed, counted = _changed(project_id), _counted(project_id)
    rows = session.execute(
        select(
            User,
            LabelRow,
            *(changed.c[name] for name in ("cases", "slices", "revisions", "edits_after_model")),
            *(func.coalesce(counted.c[name], 0) for name in ("seconds", "clicks", "boxes", "strokes", "undos")),
        )
        .select_from(changed)
        .join(User, User.id == changed.c.author_id)
        .join(LabelRow, LabelRow.id == changed.c.label_id)
        .outerjoin(counted, (counted.c.author_id == changed.c.author_id) & (counted.c.label_id == changed.c.label_id))
        .order_by(User.name, User.id, LabelRow.value)
    )
    return [Work(*row) for row in rows]


def _revisions(project_id: UUID, *columns: Any) -> Select[Any]:
    return (
        select(Revision.author_id, Annotation.label_id, *columns)
        .join(Annotation, Annotation.id == Revision.annotation_id)
        .join(VolumeRow, VolumeRow.id == Annotation.volume_id)
        .where(VolumeRow.project_id == project_id)
    )


def _changed(project_id: UUID) -> Subquery:
    """What the history tells: cases, slices, revisions, and changes by hand of what a model had drawn."""
    before = func.lag(Revision.origin).over(
        partition_by=(Revision.annotation_id, RevisionSlice.slice_index), order_by=Revision.sequence
    )
    changes = (
        _revisions(
            project_id,
            VolumeRow.case_id,
            Revision.id.label("revision_id"),
            Revision.annotation_id,
            RevisionSlice.slice_index,
            Revision.origin,
            before.label("before"),
        )
        .join(RevisionSlice, RevisionSlice.revision_id == Revision.id)
        .subquery()
    )
    by_hand_after_model = (changes.c.origin == Origin.MANUAL) & changes.c.before.in_([str(o) for o in FROM_THE_MODEL])
    slice_key = func.row(changes.c.annotation_id, changes.c.slice_index)
    return (
        select(
            changes.c.author_id,
            changes.c.label_id,
            func.count(func.distinct(changes.c.case_id)).label("cases"),
            func.count(func.distinct(slice_key)).label("slices"),
            func.count(func.distinct(changes.c.revision_id)).label("revisions"),
            func.count().filter(by_hand_after_model).label("edits_after_model"),
        )
        .group_by(changes.c.author_id, changes.c.label_id)
        .subquery()
    )


def _counted(project_id: UUID) -> Subquery:
    """What the pages counted. Only what is not zero is stored of it."""
    entry = func.jsonb_array_elements(Revision.telemetry["slices"])  # no rows where there are none
    entries = _revisions(project_id, entry.label("entry")).subquery()
    stored = column("entry", JSONB)

    def total(name: str, kind: type[Float[Any]] | type[Integer]) -> Any:
        return func.coalesce(func.sum(cast(stored[name].astext, kind)), 0).label(name)

    return (
        select(
            entries.c.author_id,
            entries.c.label_id,
            total("seconds", Float),
            *(total(name, Integer) for name in ("clicks", "boxes", "strokes", "undos")),
        )
        .select_from(entries)
        .group_by(entries.c.author_id, entries.c.label_id)
        .subquery()
    )


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
