"""Cases: finding them, one's own queue, and changing one or many of them.

Which are meant is in services.case_finding, what becomes of one in services.case_changes, how many are dealt out in
services.case_dealing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, inspect, or_, select

from backend.db.session import Database
from backend.db.tables import URGENCY, Annotation, Case, CurrentMask, Member, Project, Reading, User, VolumeRow
from backend.domain.workflow import OPEN_STATES, Action
from backend.errors import AppError, Conflict, Rejected
from backend.services.access import Principal, require, require_case, seen_cases
from backend.services.case_changes import apply
from backend.services.case_dealing import CaseChange, need_annotators, one_by_one
from backend.services.case_finding import CaseFilter, CaseOrder, matching
from backend.services.case_views import CaseView, most_urgent_first, views
from backend.services.paging import Page, page

MOST_AT_ONCE = 10_000


class TooManyCases(Rejected):
    """One request changes so many cases and no more. Raised by services.cases."""

    code = "too_many_cases"
    title = "Too many cases at once"


@dataclass(frozen=True, slots=True)
class CasePlace:
    """Where a case stands among those that the caller sees, the newest first; `index` counts from 0."""

    index: int
    total: int
    previous_id: UUID | None
    next_id: UUID | None


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
            query = matching(session, who, project, where)
            if order is CaseOrder.URGENT:
                found = most_urgent_first(session, query, limit=limit, cursor=cursor)
            else:
                found = page(session, query, Case.id, limit=limit, cursor=cursor)
            return Page(views(session, who, found.items), found.next_cursor)

    def work(self, who: Principal, *, limit: int, cursor: str | None) -> Page[tuple[CaseView, Project]]:
        """The caller's queue: what is assigned to them and open, in all projects that are not archived."""
        with self._db.begin() as session:
            query = (
                select(Case)
                .join(Project, Project.id == Case.project_id)
                .join(Member, (Member.project_id == Case.project_id) & (Member.user_id == who.id))
                .outerjoin(Reading, (Reading.case_id == Case.id) & (Reading.reader_id == who.id))
                .where(
                    or_(
                        Reading.state.in_(OPEN_STATES),
                        (Case.assignee_id == who.id) & Case.state.in_(OPEN_STATES) & Reading.case_id.is_(None),
                    ),
                    Project.archived_at.is_(None),
                )
            )
            found = most_urgent_first(session, query, limit=limit, cursor=cursor)
            projects = [session.get_one(Project, case.project_id) for case in found.items]
            return Page(list(zip(views(session, who, found.items), projects, strict=True)), found.next_cursor)

    def get(self, who: Principal, case_id: UUID) -> CaseView:
        with self._db.begin() as session:
            return views(session, who, [require_case(session, who, case_id, Action.VIEW)])[0]

    def readers(self, who: Principal, case_id: UUID) -> list[tuple[User, int]]:
        """Who or which program drew on the case, and on how many slices, for those who review it."""
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
            seen = seen_cases(session, who, session.get_one(Project, case.project_id)).with_only_columns(Case.id)
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
        """Change `state`, `assignee_id`, `priority`, `due_on` or `name`; with the state `accepted` also `result_by_id`,
        whose masks count, and with `submitted` `confirmed`, that rules are broken on purpose. Who reads a case blind
        changes the state of their reading. Raises ForbiddenTransition, RoleForbids, ReviewHasBegun, SubmitBlocked,
        SubmitUnconfirmed, AssigneeNotAMember, CannotBeRead."""
        with self._db.begin() as session:
            case = require_case(session, who, case_id, Action.VIEW)
            session.refresh(case, with_for_update=True)
            if "assignee_id" in changes and changes["assignee_id"] is not None:
                need_annotators(session, case.project_id, [changes["assignee_id"]])
            apply(session, who, case, changes)
            session.flush()
            return views(session, who, [case])[0]

    def change_many(
        self, who: Principal, project_id: UUID, where: CaseFilter | Sequence[UUID], change: CaseChange
    ) -> tuple[int, list[Refusal]]:
        """Change all cases that match, or those named, most urgent first. Returns how many changed, and those that
        could not with the reason; the others change all the same. Raises AssigneeNotAMember, TooManyCases."""
        with self._db.begin() as session:
            project = require(session, who, project_id, Action.VIEW)
            if isinstance(where, CaseFilter):
                query = matching(session, who, project, where)
            else:
                query = seen_cases(session, who, project).where(Case.id.in_(where))
            cases = list(session.scalars(query.order_by(*URGENCY).limit(MOST_AT_ONCE + 1).with_for_update()))
            if len(cases) > MOST_AT_ONCE:
                raise TooManyCases(
                    f"More than {MOST_AT_ONCE} cases match.", hint="Filter, for example by those assigned to nobody."
                )
            refused = []
            for case, changes in one_by_one(session, project_id, cases, change):
                try:
                    with session.begin_nested():
                        apply(session, who, case, changes)
                except (Conflict, Rejected) as error:
                    if inspect(case).expired_attributes:  # what was begun of it is undone
                        session.refresh(case)
                    refused.append(Refusal(case, error))
            return len(cases) - len(refused), refused
