"""Cases: finding them, one's own queue, and what managers, annotators and reviewers change of them.

Which state follows which is in domain.workflow; here is who changes what, one case or many at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Select, exists, func, select
from sqlalchemy.orm import Session

from backend.db.session import Database
from backend.db.tables import URGENCY, Annotation, Case, CurrentMask, Member, Project, User, VolumeRow
from backend.domain.assignment import deal
from backend.domain.workflow import ALLOWED, OPEN_STATES, TRANSITIONS, Action, CaseState, Role
from backend.errors import AppError, Conflict, Rejected
from backend.services import audit
from backend.services.access import Principal, RoleForbids, own_cases_only, require, require_case, role_in
from backend.services.case_views import CaseView, most_urgent_first, views
from backend.services.paging import Page, page

MOST_AT_ONCE = 10_000


class ForbiddenTransition(Conflict):
    """A case cannot go from its state to the one asked for. Raised by services.cases."""

    code = "forbidden_transition"
    title = "The case cannot change like this"


class AssigneeNotAMember(Rejected):
    """Cases are assigned to members of the project who annotate and have not left. Raised by services.cases."""

    code = "assignee_not_a_member"
    title = "This person cannot get the case"


class TooManyCases(Rejected):
    """One request changes so many cases and no more. Raised by services.cases."""

    code = "too_many_cases"
    title = "Too many cases at once"


class CaseOrder(StrEnum):
    """Newest first, or as a queue: high priority, then what is due sooner, then what came first."""

    NEWEST = "newest"
    URGENT = "urgent"


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Which cases of a project. `label_id`: somebody drew this label; `text`: the name holds it."""

    state: CaseState | None = None
    assignee: UUID | Literal["nobody"] | None = None
    label_id: UUID | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class CasePlace:
    """Where a case stands among those that the caller sees, the newest first; `index` counts from 0."""

    index: int
    total: int
    previous_id: UUID | None
    next_id: UUID | None


@dataclass(frozen=True, slots=True)
class CaseChange:
    """What to change of many cases; None leaves a thing as it is. `assign_to` deals them out so that open cases become
    even; empty takes them from whoever has them. `clear_due` forgets the date."""

    assign_to: Sequence[UUID] | None = None
    priority: int | None = None
    due_on: date | None = None
    clear_due: bool = False
    state: CaseState | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A case that stayed as it was, and why."""

    case: Case
    error: AppError


class Cases:
    def __init__(self, db: Database) -> None:
        self._db = db

    # -- finding ------------------------------------------------------------------------------------------------------
    def search(
        self,
        who: Principal,
        project_id: UUID,
        where: CaseFilter,
        *,
        order: CaseOrder = CaseOrder.NEWEST,
        limit: int,
        cursor: str | None,
    ) -> Page[CaseView]:
        """The cases of a project that the caller sees."""
        with self._db.begin() as session:
            project = require(session, who, project_id, Action.VIEW)
            query = _matching(where, _seen(session, who, project))
            if order is CaseOrder.URGENT:
                found = most_urgent_first(session, query, limit=limit, cursor=cursor)
            else:
                found = page(session, query, Case.id, limit=limit, cursor=cursor)
            return Page(views(session, found.items), found.next_cursor)

    def work(self, who: Principal, *, limit: int, cursor: str | None) -> Page[tuple[CaseView, Project]]:
        """The caller's queue: what is assigned to them and open, in all projects that are not archived."""
        with self._db.begin() as session:
            query = (
                select(Case)
                .join(Project, Project.id == Case.project_id)
                .join(Member, (Member.project_id == Case.project_id) & (Member.user_id == who.id))
                .where(Case.assignee_id == who.id, Case.state.in_(OPEN_STATES), Project.archived_at.is_(None))
            )
            found = most_urgent_first(session, query, limit=limit, cursor=cursor)
            projects = [session.get_one(Project, case.project_id) for case in found.items]
            return Page(list(zip(views(session, found.items), projects, strict=True)), found.next_cursor)

    def get(self, who: Principal, case_id: UUID) -> CaseView:
        with self._db.begin() as session:
            return views(session, [require_case(session, who, case_id, Action.VIEW)])[0]

    def readers(self, who: Principal, case_id: UUID) -> list[tuple[User, int]]:
        """Who drew on the case, and on how many slices, for those who review it."""
        with self._db.begin() as session:
            require_case(session, who, case_id, Action.REVIEW)
            rows = session.execute(
                select(User, func.count())
                .join(Annotation, Annotation.annotator_id == User.id)
                .join(VolumeRow, VolumeRow.id == Annotation.volume_id)
                .join(CurrentMask, CurrentMask.annotation_id == Annotation.id)
                .where(VolumeRow.case_id == case_id, CurrentMask.voxels > 0)
                .group_by(User.id)
                .order_by(func.count().desc(), User.id)
            )
            return [(user, slices) for user, slices in rows]

    def place(self, who: Principal, case_id: UUID) -> CasePlace:
        """Where the case stands in its project's list, and its neighbours."""
        with self._db.begin() as session:
            case = require_case(session, who, case_id, Action.VIEW)
            seen = _seen(session, who, session.get_one(Project, case.project_id)).with_only_columns(Case.id)
            newer, older = seen.where(Case.id > case.id), seen.where(Case.id < case.id)
            before = session.scalar(select(func.count()).select_from(newer.subquery())) or 0
            after = session.scalar(select(func.count()).select_from(older.subquery())) or 0
            return CasePlace(
                before,
                before + 1 + after,
                session.scalar(newer.order_by(Case.id).limit(1)),
                session.scalar(older.order_by(Case.id.desc()).limit(1)),
            )

    # -- changing -----------------------------------------------------------------------------------------------------
    def change(self, who: Principal, case_id: UUID, changes: dict[str, Any]) -> CaseView:
        """Change `state`, `assignee_id`, `priority`, `due_on` or `name`. Raises ForbiddenTransition, RoleForbids,
        AssigneeNotAMember."""
        with self._db.begin() as session:
            case = require_case(session, who, case_id, Action.VIEW)
            session.refresh(case, with_for_update=True)
            if "assignee_id" in changes and changes["assignee_id"] is not None:
                _need_annotators(session, case.project_id, [changes["assignee_id"]])
            role = role_in(session, who, case.project_id)
            assert role is not None  # require_case checked it
            _write(session, who, case, _changed(role, case, changes))
            session.flush()
            return views(session, [case])[0]

    def change_many(
        self, who: Principal, project_id: UUID, where: CaseFilter | Sequence[UUID], change: CaseChange
    ) -> tuple[int, list[Refusal]]:
        """Change all cases that match, or those named, most urgent first. Returns how many changed, and those that
        could not with the reason; the others change all the same. Raises AssigneeNotAMember, TooManyCases."""
        with self._db.begin() as session:
            project = require(session, who, project_id, Action.VIEW)
            seen = _seen(session, who, project)
            query = _matching(where, seen) if isinstance(where, CaseFilter) else seen.where(Case.id.in_(where))
            cases = list(session.scalars(query.order_by(*URGENCY).limit(MOST_AT_ONCE + 1).with_for_update()))
            if len(cases) > MOST_AT_ONCE:
                raise TooManyCases(
                    f"More than {MOST_AT_ONCE} cases match.", hint="Filter, for example by those assigned to nobody."
                )
            role = role_in(session, who, project_id)
            assert role is not None  # require checked it
            refused = []
            for case, changes in self._many(session, project_id, cases, change):
                try:
                    columns = _changed(role, case, changes)
                except (Conflict, Rejected) as error:
                    refused.append(Refusal(case, error))
                else:
                    _write(session, who, case, columns)
            return len(cases) - len(refused), refused

    @staticmethod
    def _many(
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
        if change.assign_to is None:
            return [(case, same) for case in cases]
        if not change.assign_to:
            return [(case, {**same, "assignee_id": None}) for case in cases]
        _need_annotators(session, project_id, change.assign_to)
        chosen = {case.id for case in cases}
        load = dict.fromkeys(change.assign_to, 0)
        for case_id, assignee_id in session.execute(
            select(Case.id, Case.assignee_id).where(
                Case.project_id == project_id, Case.assignee_id.in_(change.assign_to), Case.state.in_(OPEN_STATES)
            )
        ):
            if assignee_id is not None and case_id not in chosen:  # what is dealt anew does not count twice
                load[assignee_id] += 1
        return [
            (case, {**same, "assignee_id": person}) for case, person in zip(cases, deal(len(cases), load), strict=True)
        ]


def _seen(session: Session, who: Principal, project: Project) -> Select[Case]:
    query = select(Case).where(Case.project_id == project.id)
    return query.where(Case.assignee_id == who.id) if own_cases_only(session, who, project) else query


def _matching(where: CaseFilter, query: Select[Case]) -> Select[Case]:
    if where.state is not None:
        query = query.where(Case.state == where.state)
    if where.assignee == "nobody":
        query = query.where(Case.assignee_id.is_(None))
    elif where.assignee is not None:
        query = query.where(Case.assignee_id == where.assignee)
    if where.label_id is not None:
        drawn = exists().where(VolumeRow.case_id == Case.id, Annotation.volume_id == VolumeRow.id)
        query = query.where(drawn.where(Annotation.label_id == where.label_id))
    if where.text:
        query = query.where(Case.name.icontains(where.text, autoescape=True))
    return query


def _need_annotators(session: Session, project_id: UUID, people: Sequence[UUID]) -> None:
    roles = dict(
        session.execute(
            select(Member.user_id, Member.role)
            .join(User, User.id == Member.user_id)
            .where(Member.project_id == project_id, Member.user_id.in_(people), User.disabled_at.is_(None))
        ).all()
    )
    for person in people:
        role = roles.get(person)
        if role is None:
            raise AssigneeNotAMember(
                "This person is not a member of the project, or has left.", hint="Choose another, or add them first."
            )
        if Action.ANNOTATE not in ALLOWED[Role(role)]:
            raise AssigneeNotAMember(f"A {role} does not annotate.", hint="Give them another role first.")


def _changed(role: Role, case: Case, changes: dict[str, Any]) -> dict[str, Any]:
    """The columns of a case after these changes by somebody of this role. Changes nothing itself. Raises RoleForbids,
    ForbiddenTransition, Rejected."""
    if changes.keys() - {"state"} and Action.MANAGE not in ALLOWED[role]:
        raise RoleForbids(f"As {role} you may not change this of a case.", hint="A manager of the project can.")
    wanted = {name: value for name, value in changes.items() if name != "state"}
    if "name" in wanted:
        wanted["name"] = wanted["name"].strip()
        if not 1 <= len(wanted["name"]) <= 200:
            raise Rejected("A case needs a name of 1 to 200 characters.")
    state, assignee_id = CaseState(case.state), wanted.get("assignee_id", case.assignee_id)
    if assignee_id != case.assignee_id:
        if state is CaseState.ACCEPTED:
            raise ForbiddenTransition("The case is accepted: nobody works on it.", hint="Return it first.")
        if assignee_id is None and state is CaseState.ASSIGNED:
            state = _moved(role, state, CaseState.NEW)
        elif assignee_id is not None and state in (CaseState.NEW, CaseState.IN_PROGRESS, CaseState.RETURNED):
            state = _moved(role, state, CaseState.ASSIGNED)
    if "state" in changes:
        state = _moved(role, state, CaseState(changes["state"]))
    if state is CaseState.ASSIGNED and assignee_id is None:
        raise ForbiddenTransition("The case is assigned to nobody.", hint="Say to whom.")
    return {**wanted, "state": state, "assignee_id": None if state is CaseState.NEW else assignee_id}


def _moved(role: Role, now: CaseState, to: CaseState) -> CaseState:
    if to is now:
        return to
    action = TRANSITIONS[now].get(to)
    if action is None:
        allowed = ", ".join(TRANSITIONS[now]) or "nothing"
        raise ForbiddenTransition(f"A case that is {now} cannot become {to}.", hint=f"It can become: {allowed}.")
    if action not in ALLOWED[role]:
        raise RoleForbids(f"As {role} you may not make a case {to}.")
    return to


def _write(session: Session, who: Principal, case: Case, columns: dict[str, Any]) -> None:
    """Set the columns and record what was and what is."""
    before = _facts(case)
    for name, value in columns.items():
        setattr(case, name, value)
    now = _facts(case)
    changed = {name: [before[name], now[name]] for name in now if now[name] != before[name]}
    audit.record(session, who, "case.changed", project_id=case.project_id, subject=case.id, **changed)


def _facts(case: Case) -> dict[str, Any]:
    """What the audit log may know of a case; names of cases can be names of patients."""
    return {
        "state": str(case.state),
        "assignee": str(case.assignee_id) if case.assignee_id else None,
        "priority": case.priority,
        "due_on": case.due_on.isoformat() if case.due_on else None,
    }
