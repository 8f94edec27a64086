"""Cases: the list that people work through, and the states a case may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from backend.db.session import Database
from backend.db.tables import Annotation, Case, CurrentMask, Member, User, VolumeRow
from backend.domain.workflow import ALLOWED, TRANSITIONS, Action, CaseState
from backend.errors import Conflict, Rejected
from backend.services import audit
from backend.services.access import Principal, RoleForbids, require, require_case, role_in
from backend.services.paging import Page, page


class ForbiddenTransition(Conflict):
    """A case cannot go from its state to the one asked for. Raised by services.cases."""

    code = "forbidden_transition"
    title = "The case cannot change like this"


class AssigneeNotAMember(Rejected):
    """A case can be assigned to members of its project only. Raised by services.cases."""

    code = "assignee_not_a_member"
    title = "This person cannot get the case"


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case with what a list shows of it. `annotated_slices` counts non-empty slices of all annotations."""

    case: Case
    assignee: User | None
    annotated_slices: int


class Cases:
    def __init__(self, db: Database) -> None:
        self._db = db

    def search(
        self,
        who: Principal,
        project_id: UUID,
        *,
        state: CaseState | None,
        assignee_id: UUID | None,
        search: str | None,
        limit: int,
        cursor: str | None,
    ) -> Page[CaseView]:
        with self._db.begin() as session:
            require(session, who, project_id, Action.VIEW)
            query = select(Case).where(Case.project_id == project_id).options(selectinload(Case.volumes))
            if state is not None:
                query = query.where(Case.state == state)
            if assignee_id is not None:
                query = query.where(Case.assignee_id == assignee_id)
            if search:
                query = query.where(Case.name.icontains(search, autoescape=True))
            found = page(session, query, Case.id, limit=limit, cursor=cursor)
            return Page(self._views(session, found.items), found.next_cursor)

    def get(self, who: Principal, case_id: UUID) -> CaseView:
        with self._db.begin() as session:
            return self._views(session, [require_case(session, who, case_id, Action.VIEW)])[0]

    def change(self, who: Principal, case_id: UUID, changes: dict[str, Any]) -> CaseView:
        """Change `state`, `assignee_id`, `priority` or `name`. Raises ForbiddenTransition, AssigneeNotAMember."""
        with self._db.begin() as session:
            case = require_case(session, who, case_id, Action.VIEW)
            session.refresh(case, with_for_update=True)
            if {"assignee_id", "priority", "name"} & changes.keys():
                require(session, who, case.project_id, Action.MANAGE)
            if "name" in changes:
                if not 1 <= len(changes["name"].strip()) <= 200:
                    raise Rejected("A case needs a name of 1 to 200 characters.")
                case.name = changes["name"].strip()
            if "priority" in changes:
                case.priority = changes["priority"]
            if "assignee_id" in changes:
                self._assign(session, case, changes["assignee_id"])
            if "state" in changes:
                self._move(session, who, case, CaseState(changes["state"]))
            audit.record(
                session, who, "case.changed", project_id=case.project_id, subject=case.id, fields=sorted(changes)
            )
            session.flush()
            session.refresh(case)
            return self._views(session, [case])[0]

    @staticmethod
    def _assign(session: Session, case: Case, assignee_id: UUID | None) -> None:
        if assignee_id is not None and session.get(Member, (case.project_id, assignee_id)) is None:
            raise AssigneeNotAMember("This person is not a member of the project.", hint="Add them as a member first.")
        case.assignee_id = assignee_id
        if assignee_id is not None and case.state == CaseState.NEW:
            case.state = CaseState.ASSIGNED
        elif assignee_id is None and case.state == CaseState.ASSIGNED:
            case.state = CaseState.NEW

    @staticmethod
    def _move(session: Session, who: Principal, case: Case, to: CaseState) -> None:
        now = CaseState(case.state)
        if to is now:
            return
        action = TRANSITIONS[now].get(to)
        if action is None:
            allowed = ", ".join(TRANSITIONS[now]) or "nothing"
            raise ForbiddenTransition(f"A case that is {now} cannot become {to}.", hint=f"It can become: {allowed}.")
        role = role_in(session, who, case.project_id)
        if role is None or action not in ALLOWED[role]:
            raise RoleForbids(f"As {role} you may not make a case {to}.")
        case.state = to

    @staticmethod
    def _views(session: Session, cases: Any) -> list[CaseView]:
        for case in cases:
            _ = case.volumes  # read while the session is open; the caller shows them after it
        ids = [case.id for case in cases]
        session.scalars(  # a case is read after the session has ended: its volumes come along now
            select(Case).where(Case.id.in_(ids)).options(selectinload(Case.volumes))
        ).all()
        counts = session.execute(
            select(VolumeRow.case_id, func.count(func.distinct(CurrentMask.slice_index)))
            .join(Annotation, Annotation.volume_id == VolumeRow.id)
            .join(CurrentMask, CurrentMask.annotation_id == Annotation.id)
            .where(VolumeRow.case_id.in_(ids), CurrentMask.voxels > 0)
            .group_by(VolumeRow.case_id)
        )
        by_case = dict(counts.all())
        assignees = {case.assignee_id for case in cases if case.assignee_id}
        users = {user.id: user for user in session.scalars(select(User).where(User.id.in_(assignees)))}
        return [CaseView(case, users.get(case.assignee_id), by_case.get(case.id, 0)) for case in cases]
