"""What a list shows of cases, and pages of cases in the order of a queue."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import Select, func, literal, select, tuple_
from sqlalchemy.orm import Session, selectinload

from backend.db.tables import NO_DUE_DATE, URGENCY, Annotation, Case, CurrentMask, Lease, Reading, User, VolumeRow
from backend.domain.workflow import ALLOWED, Action, CaseState, Role
from backend.services.access import Principal, role_in
from backend.services.paging import BadCursor, Page, check_limit
from backend.services.programs import program_ids
from backend.services.readings import ReadingView


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case with what a list shows of it. `annotated_slices` counts non-empty slices of all people; `opened_by`
    has it open right now. To who reads it blind it is a case of their own: state, assignee, slices; nobody else."""

    case: Case
    state: CaseState
    assignee: User | None
    opened_by: User | None
    annotated_slices: int
    readings: Sequence[ReadingView]
    """for who reviews: everybody who reads it blind, hidden tests left out"""
    is_gold: bool
    """for who reviews"""
    result_by: User | None
    """for who reviews: whose masks were accepted"""


def views(session: Session, who: Principal, cases: Sequence[Case]) -> list[CaseView]:
    """The cases as the caller sees them, in the same order, readable after the session has ended."""
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
        .where(VolumeRow.case_id.in_(ids), CurrentMask.voxels > 0, Annotation.annotator_id.not_in(program_ids()))
        .group_by(VolumeRow.case_id)
    )
    leases = session.execute(
        select(Lease.case_id, Lease.holder_id).where(Lease.case_id.in_(ids), Lease.expires_at > func.now())
    )
    drawn, holders = dict(counts.all()), dict(leases.all())
    people = {case.assignee_id for case in cases} | {case.result_by_id for case in cases} | set(holders.values())
    users: dict[UUID | None, User] = {
        user.id: user for user in session.scalars(select(User).where(User.id.in_(people - {None})))
    }
    roles = {project_id: role_in(session, who, project_id) for project_id in {case.project_id for case in cases}}
    read: dict[UUID, list[ReadingView]] = defaultdict(list)
    rows = select(Reading, User).join(User, User.id == Reading.reader_id).where(Reading.case_id.in_(ids))
    for reading, reader in session.execute(rows.order_by(User.name, User.id)):
        read[reading.case_id].append(ReadingView(reading, reader))
    found = []
    for case in cases:
        role = roles[case.project_id]
        mine = next((view for view in read[case.id] if view.reader.id == who.id), None)
        if role is Role.ANNOTATOR and mine is not None:
            own = _drawn_by(session, case.id, who.id)
            found.append(CaseView(case, CaseState(mine.reading.state), mine.reader, None, own, (), False, None))
            continue
        reviews = role is not None and Action.REVIEW in ALLOWED[role]
        found.append(
            CaseView(
                case,
                CaseState(case.state),
                users.get(case.assignee_id),
                users.get(holders.get(case.id)),
                drawn.get(case.id, 0),
                [view for view in read[case.id] if reviews and not view.reading.is_test],
                case.is_gold and reviews,
                users.get(case.result_by_id) if reviews else None,
            )
        )
    return found


def _drawn_by(session: Session, case_id: UUID, annotator_id: UUID) -> int:
    """Slices of a case with a mask of this person."""
    slices = (
        select(func.count(func.distinct(CurrentMask.slice_index)))
        .join(Annotation, CurrentMask.annotation_id == Annotation.id)
        .join(VolumeRow, VolumeRow.id == Annotation.volume_id)
        .where(VolumeRow.case_id == case_id, Annotation.annotator_id == annotator_id, CurrentMask.voxels > 0)
    )
    return session.scalar(slices) or 0


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
