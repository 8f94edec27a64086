"""What a list shows of cases, and pages of cases in the order of a queue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import Select, func, literal, select, tuple_
from sqlalchemy.orm import Session, selectinload

from backend.db.tables import NO_DUE_DATE, URGENCY, Annotation, Case, CurrentMask, Lease, User, VolumeRow
from backend.services.paging import BadCursor, Page, check_limit


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case with what a list shows of it. `annotated_slices` counts non-empty slices of all annotations; `opened_by`
    has it open right now."""

    case: Case
    assignee: User | None
    opened_by: User | None
    annotated_slices: int


def views(session: Session, cases: Sequence[Case]) -> list[CaseView]:
    """The cases in the same order, readable after the session has ended."""
    ids = [case.id for case in cases]
    session.scalars(
        select(Case)
        .where(Case.id.in_(ids))
        .options(selectinload(Case.volumes))
        .execution_options(populate_existing=True)
    ).all()
    counts = session.execute(
        select(VolumeRow.case_id, func.count(func.distinct(CurrentMask.slice_index)))
        .join(Annotation, Annotation.volume_id == VolumeRow.id)
        .join(CurrentMask, CurrentMask.annotation_id == Annotation.id)
        .where(VolumeRow.case_id.in_(ids), CurrentMask.voxels > 0)
        .group_by(VolumeRow.case_id)
    )
    leases = session.execute(
        select(Lease.case_id, Lease.holder_id).where(Lease.case_id.in_(ids), Lease.expires_at > func.now())
    )
    drawn, holders = dict(counts.all()), dict(leases.all())
    people = {case.assignee_id for case in cases if case.assignee_id} | set(holders.values())
    users = {user.id: user for user in session.scalars(select(User).where(User.id.in_(people)))}
    return [
        CaseView(
            case,
            users[case.assignee_id] if case.assignee_id else None,
            users[holders[case.id]] if case.id in holders else None,
            drawn.get(case.id, 0),
        )
        for case in cases
    ]


def most_urgent_first(session: Session, query: Select[Case], *, limit: int, cursor: str | None) -> Page[Case]:
    """One page of cases in the order of a queue. The cursor is where the page before ended: priority, date, id."""
    check_limit(limit)
    if cursor is not None:
        query = query.where(tuple_(*URGENCY) > tuple_(*_place(cursor)))
    rows = list(session.scalars(query.order_by(*URGENCY).limit(limit + 1)))
    if len(rows) <= limit:
        return Page(rows, None)
    last = rows[limit - 1]
    return Page(rows[:limit], f"{last.priority}~{last.due_on or ''}~{last.id}")


def _place(cursor: str) -> tuple[object, object, object]:
    try:
        priority, due_on, case_id = cursor.split("~")
        due = literal(date.fromisoformat(due_on)) if due_on else NO_DUE_DATE
        return literal(-int(priority)), due, literal(UUID(case_id))
    except ValueError as error:
        raise BadCursor("The cursor is not one of ours.", hint="Use `next_cursor` of the page before.") from error
