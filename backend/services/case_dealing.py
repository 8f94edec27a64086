"""Many cases at once: what is to change of each, and how they are dealt out to people so that open cases become even.
Functions within a unit of work; each change is made by services.case_changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.db.tables import Case, Member, Reading, User
from backend.domain.assignment import deal, deal_to_several
from backend.domain.workflow import ALLOWED, OPEN_STATES, Action, CaseState, Role
from backend.errors import Rejected
from backend.services.readings import CannotBeRead


class AssigneeNotAMember(Rejected):
    """Cases are assigned to members of the project who annotate and have not left. Raised by services.case_dealing."""

    code = "assignee_not_a_member"
    title = "This person cannot get the case"


@dataclass(frozen=True, slots=True)
class CaseChange:
    """What to change of many cases; None leaves a thing as it is. `assign_to` deals them out so that open cases become
    even; empty takes them from whoever has them. With `readers` of 2 and more each case is read blind by so many of
    them. `gold` makes accepted cases the standard, `test` puts gold cases into these people's queues, where they look
    like any other. `text_checked`: somebody looked for text in the pixels. `clear_due` forgets the date."""

    assign_to: Sequence[UUID] | None = None
    readers: int = 1
    gold: bool | None = None
    text_checked: bool | None = None
    test: Sequence[UUID] | None = None
    priority: int | None = None
    due_on: date | None = None
    clear_due: bool = False
    state: CaseState | None = None


def one_by_one(
    session: Session, project_id: UUID, cases: Sequence[Case], change: CaseChange
) -> list[tuple[Case, dict[str, Any]]]:
    """Every case with its own changes."""
    same: dict[str, Any] = {}
    if change.priority is not None:
        same["priority"] = change.priority
    if change.due_on is not None or change.clear_due:
        same["due_on"] = change.due_on
    if change.state is not None:
        same["state"] = change.state
    if change.gold is not None:
        same["gold"] = change.gold
    if change.text_checked is not None:
        same["text_checked"] = change.text_checked
    if change.test is not None:
        need_annotators(session, project_id, change.test, blind=True)
        same["test"] = change.test
    if change.assign_to is None:
        return [(case, same) for case in cases]
    if not change.assign_to:
        return [(case, {**same, "assignee_id": None}) for case in cases]
    people = list(dict.fromkeys(change.assign_to))
    need_annotators(session, project_id, people, blind=change.readers > 1)
    chosen = {case.id for case in cases}
    load = dict.fromkeys(people, 0)
    for case_id, person in [*_assigned(session, project_id, people), *_read(session, project_id, people)]:
        if case_id not in chosen:  # what is dealt anew does not count twice
            load[person] += 1
    if change.readers > 1:
        if len(people) < change.readers:
            raise CannotBeRead(
                f"{change.readers} people cannot be chosen of {len(people)}.", hint="Choose more of them."
            )
        dealt = deal_to_several(len(cases), load, change.readers)
        return [(case, {**same, "readers": readers}) for case, readers in zip(cases, dealt, strict=True)]
    return [(case, {**same, "assignee_id": person}) for case, person in zip(cases, deal(len(cases), load), strict=True)]


def need_annotators(session: Session, project_id: UUID, people: Sequence[UUID], *, blind: bool = False) -> None:
    found = session.execute(
        select(Member.user_id, Member.role, User.is_admin)
        .join(User, User.id == Member.user_id)
        .where(Member.project_id == project_id, Member.user_id.in_(people), User.disabled_at.is_(None))
    ).all()
    roles = {person: Role.MANAGER if blind and is_admin else Role(role) for person, role, is_admin in found}
    for person in people:
        role = roles.get(person)
        if role is None:
            name = session.scalar(select(User.name).where(User.id == person)) or "This person"
            raise AssigneeNotAMember(
                f"{name} is not a member of the project, or has left.",
                hint="Choose somebody else, or add them to the project first.",
            )
        if blind and role is not Role.ANNOTATOR:
            raise AssigneeNotAMember(
                f"A {role} sees what others draw and cannot read blind.", hint="Choose people who only annotate."
            )
        if Action.ANNOTATE not in ALLOWED[role]:
            raise AssigneeNotAMember(f"A {role} does not annotate.", hint="Give them another role first.")


def _assigned(session: Session, project_id: UUID, people: Sequence[UUID]) -> list[tuple[UUID, UUID]]:
    """Open cases of these people: (case, person)."""
    rows = session.execute(
        select(Case.id, Case.assignee_id).where(
            Case.project_id == project_id, Case.assignee_id.in_(people), Case.state.in_(OPEN_STATES)
        )
    )
    return [(case_id, person) for case_id, person in rows if person is not None]


def _read(session: Session, project_id: UUID, people: Sequence[UUID]) -> list[tuple[UUID, UUID]]:
    """Open blind readings of these people: (case, person)."""
    rows = session.execute(
        select(Reading.case_id, Reading.reader_id)
        .join(Case, Case.id == Reading.case_id)
        .where(Case.project_id == project_id, Reading.reader_id.in_(people), Reading.state.in_(OPEN_STATES))
    )
    return [(case_id, person) for case_id, person in rows]
